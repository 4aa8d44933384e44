"""Probes and metrics on one port, for the processes that have no other server: worker, anti-cheat, operator."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from scoreboard import telemetry

_READ_TIMEOUT = 2.0
_HEAD_LIMIT = 4096

Ready = Callable[[], Awaitable[tuple[str, dict[str, str]]]]


class ProbeServer:
    """A few lines of HTTP/1.0: GET /health/live, /health/ready, /health/startup and /metrics, nothing else.

    Args:
        ready: the state (ok and degraded count as ready) and that of each thing it depends on.
        live: whether the process does its work; without it, whether it answers.
    """

    def __init__(self, ready: Ready, live: Callable[[], bool] = lambda: True) -> None:
        self._ready = ready
        self._live = live
        self.draining = False

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen. Raises OSError when the port is taken."""
        return await asyncio.start_server(self._answer, host, port, limit=_HEAD_LIMIT)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _READ_TIMEOUT)
            words = head.split(b"\r\n", 1)[0].split(b" ")
            path = words[1].split(b"?")[0].decode("latin-1") if len(words) == 3 and words[0] == b"GET" else ""
            status, kind, body = await self._page(path, _accept(head))
            writer.write(
                f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever probes has gone or does not speak HTTP
        finally:
            writer.close()

    async def _page(self, path: str, accept: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", *telemetry.exposed(accept)
        if path == "/health/live":
            if self._live():
                return "200 OK", "application/json", b'{"status":"ok"}'
            return "503 Service Unavailable", "application/json", b'{"status":"stuck"}'
        if path == "/health/startup":  # it listens, so it has started; a store that is away is no reason to restart it
            return "200 OK", "application/json", b'{"status":"started"}'
        if path == "/health/ready":
            status, checks = ("draining", {}) if self.draining else await self._ready()
            line = "200 OK" if status in ("ok", "degraded") else "503 Service Unavailable"
            return line, "application/json", json.dumps({"status": status, "checks": checks}).encode()
        return "404 Not Found", "application/json", b'{"code":"NOT_FOUND"}'


def _accept(head: bytes) -> str:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"accept":
            return value.strip().decode("latin-1")
    return ""
