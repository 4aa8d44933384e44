"""Listens for what Alertmanager tells its receivers, each at an address of its own, and remembers it."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoreboard.telemetry import utc_now
from scoreboard_cli.ports import pick_free


@dataclass(frozen=True)
class Notice:
    """One alert in one message.

    Attributes:
        at: when the message came.
        receiver: whom it was for.
        alert: its name.
        firing: whether it fires; otherwise it is over.
        began: since when, as Prometheus says.
        labels: what it is about.
    """

    at: datetime
    receiver: str
    alert: str
    firing: bool
    began: datetime
    labels: tuple[tuple[str, str], ...] = ()


def read_message(receiver: str, content: dict[str, Any], at: datetime) -> list[Notice]:
    """The notices of a message, in Alertmanager's format 4. Raises KeyError, ValueError for anything else."""
    return [
        Notice(
            at,
            receiver,
            each["labels"]["alertname"],
            each["status"] == "firing",
            datetime.fromisoformat(each["startsAt"].replace("Z", "+00:00")),
            tuple(sorted(each["labels"].items())),
        )
        for each in content["alerts"]
    ]


@dataclass
class Webhook:
    """The receiver; ``notices`` in the order in which they came."""

    port: int = field(default_factory=pick_free)
    notices: list[Notice] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens; receivers append their names."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    def heard(self, alert: str, *, firing: bool, since: datetime) -> set[str]:
        """The receivers that were told that an alert began, or ended, after a moment."""
        return {
            notice.receiver
            for notice in self.notices
            if notice.alert == alert and notice.firing == firing and notice.at >= since
        }

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.split(":", 1) for line in head.lower().splitlines() if line.startswith("content-length:")]
        content = json.loads(await reader.readexactly(int(lines[0][1])))
        self.notices += read_message(head.split(" ", 2)[1].strip("/"), content, utc_now())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
