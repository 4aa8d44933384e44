"""Cheap live clients that come back after they lost their connection, from where they stopped, as browsers do."""

import asyncio
import random
from dataclasses import dataclass, field

import msgspec

from benchmarks.sockets import LiveSocket

_LONGEST_PAUSE = 1.0
_SHORT = 125
_TRY_S = 10.0


class _Shown(msgspec.Struct):
    """What of a board's message says where it stands."""

    epoch: str
    seq: int
    data: list[dict[str, object]]


_read = msgspec.json.Decoder(_Shown)


class _Resuming(LiveSocket):
    """One connection, which says where the client stopped."""

    def __init__(self, client: "Returning", host: str) -> None:
        super().__init__(host, client.channel, client.hear)
        self._client = client
        self.ended = asyncio.get_running_loop().create_future()

    def _say(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe" and self._client.since is not None:
            message = {**message, "since": {self._client.channel: self._client.since}}
        content = msgspec.json.encode(message)
        length = bytes([0x80 | len(content)])
        if len(content) > _SHORT:
            length = b"\xfe" + len(content).to_bytes(2)
        # A client has to mask; a mask of zeros leaves the text as it is.
        self._write(b"\x81" + length + bytes(4) + content)

    def _heard(self, content: bytes) -> None:
        if b'"type":"subscribed"' in content[:64]:
            self._client.resumed = b'"resumed":true' in content
        elif b'"type":"error"' in content and b'"type":"leaderboard.' not in content[:64]:
            self._client.refused.append(content.decode())
            self.close()  # a board that could not be opened: it is asked for again over a new connection
        super()._heard(content)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.subscribed.done() and not self.subscribed.cancelled() and self.subscribed.exception() is not None:
            self._client.refused.append(str(self.subscribed.exception()))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.subscribed.done() and not self.subscribed.cancelled():
            self.subscribed.exception()  # nobody else looks at it
        if not self.ended.done():
            self.ended.set_result(None)


@dataclass(eq=False)
class Returning:
    """Follows one board over one connection after another, each to the next of the ports, until it is cancelled.

    Attributes:
        since: where it stands: epoch and sequence of the last message.
        top: the first entry's score in it.
        resumed: whether it was told, last time, that it missed nothing.
    """

    ports: list[int]
    channel: str
    rng: random.Random
    since: dict[str, object] | None = None
    top: object = None
    resumed: bool | None = None
    connections: int = 0
    tries: int = 0
    backwards: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def hear(self, content: bytes) -> None:
        """Take a message of the board."""
        shown = _read.decode(content)
        before = self.since
        if before is not None and before["epoch"] == shown.epoch and shown.seq < int(str(before["seq"])):
            self.backwards.append(f"{shown.seq} after {before['seq']}")
        self.since = {"epoch": shown.epoch, "seq": shown.seq}
        self.top = shown.data[0]["score"] if shown.data else None

    def __str__(self) -> str:
        told = f"resumed: {self.resumed}" + (f", refused: {self.refused[-1]}" if self.refused else "")
        return f"at {self.since}, showing {self.top}, {self.connections} connections of {self.tries} tries, {told}"

    async def follow(self) -> None:
        """Connect, listen, and come back after a pause that grows and differs."""
        loop = asyncio.get_running_loop()
        pause = 0.1
        while True:
            port = self.ports[self.tries % len(self.ports)]
            self.tries += 1
            try:
                async with asyncio.timeout(_TRY_S):
                    _, live = await loop.create_connection(
                        lambda port=port: _Resuming(self, f"127.0.0.1:{port}"), "127.0.0.1", port
                    )
            except OSError:
                await asyncio.sleep(pause * (0.5 + self.rng.random()))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            self.connections += 1
            pause = 0.1
            try:
                await live.ended
            finally:
                live.close()
            await asyncio.sleep(pause * (0.5 + self.rng.random()))
