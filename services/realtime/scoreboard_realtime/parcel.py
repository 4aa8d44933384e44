"""An outgoing message that is encoded at most once for each codec, however many connections get it.

The fan-out hands the same text or bytes to every connection of a room, so its cost does not lie in encoding.
"""

from enum import StrEnum
from typing import Any

import msgspec

EVENT_NAMES = {
    "leaderboard.initial": "scoreboard_initial",
    "leaderboard.update": "scoreboard_updated",
    "score.update": "user_score_updated",
    "rank.change": "rank_changed",
    "job.completed": "job_completed",
    "correction": "correction",
    "server.drain": "server_drain",
}
"""Socket.IO event names; every other type travels as ``message``."""


_encode = msgspec.json.Encoder().encode


def text_frame(text: str) -> bytes:
    """A whole, unmasked WebSocket text frame (RFC 6455, section 5.2), as a server sends it."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Codec(StrEnum):
    """The forms in which a frame holds an envelope."""

    PLAIN = "plain"
    SOCKETIO = "socketio"


class Parcel:
    """An envelope and its encodings."""

    __slots__ = ("_frame", "_packet", "_packet_frame", "_sse", "_text", "content", "type")

    def __init__(self, content: dict[str, Any]) -> None:
        self.type: str = content["type"]
        self.content = content
        self._text: str | None = None
        self._frame: bytes | None = None
        self._packet: str | None = None
        self._packet_frame: bytes | None = None
        self._sse: bytes | None = None

    @property
    def text(self) -> str:
        """The envelope as JSON: what a plain WebSocket carries."""
        if self._text is None:
            self._text = _encode(self.content).decode()
        return self._text

    @property
    def frame(self) -> bytes:
        """The plain WebSocket's frame."""
        if self._frame is None:
            self._frame = text_frame(self.text)
        return self._frame

    @property
    def packet(self) -> str:
        """The Socket.IO EVENT packet with the envelope as its only argument."""
        if self._packet is None:
            self._packet = f'2["{EVENT_NAMES.get(self.type, "message")}",{self.text}]'
        return self._packet

    @property
    def packet_frame(self) -> bytes:
        """The WebSocket frame with the Engine.IO MESSAGE that carries the Socket.IO packet."""
        if self._packet_frame is None:
            self._packet_frame = text_frame("4" + self.packet)
        return self._packet_frame

    def framed(self, codec: Codec) -> bytes:
        """The frame in the form that a connection takes."""
        return self.frame if codec is Codec.PLAIN else self.packet_frame

    @property
    def sse(self) -> bytes:
        """The Server-Sent Event. Its id is the position to resume from; what has no position leaves the last one."""
        if self._sse is None:
            epoch = self.content.get("epoch")
            id_ = f"id: {epoch}:{self.content['seq']}\n" if epoch else ""
            self._sse = f"{id_}event: {self.type}\ndata: {self.text}\n\n".encode()
        return self._sse
