"""haproxy as a cluster's ingress: the paths that the chart routes, endpoints that come and go while it runs.

An ingress controller learns of endpoints from the API server and tells its proxy; here the test tells it, by the same
runtime commands that such a controller uses.
"""

import asyncio
import shutil
import subprocess
from pathlib import Path

from tests.stage import free_port, until

SLOTS = 6
_CONFIG = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  option forwardfor
frontend browsers
  bind 127.0.0.1:{port}
  use_backend realtime if {{ path_beg {realtime_paths} }}
  default_backend api
backend api
  balance leastconn
{api}
backend realtime
  balance leastconn
{cookie}
{realtime}
"""


def haproxy() -> str | None:
    """Where haproxy is, if it is here."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


class Balancer:
    """A running haproxy with free places for endpoints.

    Args:
        folder: For its files.
        realtime_paths: Prefixes that lead to realtime.
        cookie: Name of the cookie that keeps a browser at one pod; None for no stickiness.
    """

    def __init__(self, folder: Path, realtime_paths: list[str], cookie: str | None) -> None:
        self._folder = folder
        self._socket = folder / "haproxy.sock"
        self.port = free_port()
        places = {
            name: "\n".join(
                f"  server {name}{n} 127.0.0.1:1 disabled"
                + (f" cookie {name}{n}" if cookie and name == "realtime" else "")
                for n in range(SLOTS)
            )
            for name in ("api", "realtime")
        }
        insert = f"  cookie {cookie} insert indirect nocache httponly" if cookie else ""
        config = _CONFIG.format(
            socket=self._socket, port=self.port, realtime_paths=" ".join(realtime_paths), cookie=insert, **places
        )
        (folder / "haproxy.cfg").write_text(config, "utf-8")
        self._taken: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it takes commands."""
        program = haproxy()
        assert program is not None
        log = (self._folder / "haproxy.log").open("wb")
        self._process = subprocess.Popen(
            [program, "-W", "-db", "-f", str(self._folder / "haproxy.cfg")], stdout=log, stderr=log
        )
        await until(self._socket.exists, what="haproxy's socket")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    async def add(self, backend: str, address: str) -> None:
        """A pod is ready: send to it."""
        place = next(f"{backend}/{backend}{n}" for n in range(SLOTS) if f"{backend}/{backend}{n}" not in self._taken)
        self._taken[place] = address
        host, port = address.rsplit(":", 1)
        await self._tell(f"set server {place} addr {host} port {port}")
        await self._tell(f"set server {place} state ready")

    async def remove(self, backend: str, address: str) -> None:
        """A pod leaves: send nothing more to it; connections that are open stay."""
        (place,) = [place for place, taken in self._taken.items() if taken == address and place.startswith(backend)]
        await self._tell(f"set server {place} state maint")
        del self._taken[place]

    async def _tell(self, command: str) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        writer.write(f"{command}\n".encode())
        await writer.drain()
        answer = (await reader.read()).decode().strip()
        writer.close()
        assert not answer or "changed" in answer or "no need to change" in answer, f"{command}: {answer}"
