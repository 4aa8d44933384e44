"""One live connection: its session, the outlet of its transport, and what is waiting for it."""

from typing import Protocol
from uuid import UUID

from scoreboard import telemetry
from scoreboard_realtime.errors import Close
from scoreboard_realtime.own_score import Heard
from scoreboard_realtime.parcel import Codec, Parcel
from scoreboard_realtime.session import Session
from scoreboard_realtime.wire import Wire


class Outlet(Protocol):
    """The sending end of a transport. Nothing here waits; a transport that is closed ignores what it is given."""

    transport: str
    codec: Codec
    """The form of the frames that its wire takes."""

    def send(self, parcel: Parcel) -> None:
        """Hand over a message."""

    def wire(self) -> Wire | None:
        """Where whole frames may be written from now on; None while, or where, messages have to be queued."""

    def backlog(self) -> int:
        """Bytes handed over that the network has not taken yet."""

    def close(self, code: Close, reason: str) -> None:
        """Send what was handed over, then end the connection."""


class Connection:
    """A connection as rooms and fan-out see it."""

    __slots__ = (
        "address",
        "closed",
        "heard",
        "held",
        "id",
        "lost_news",
        "missed",
        "news",
        "outlet",
        "request_id",
        "session",
        "slow_since",
        "told",
    )

    def __init__(self, id_: str, address: str, outlet: Outlet, session: Session) -> None:
        self.id = id_
        self.request_id = telemetry.served_request()
        """Of its handshake: what becomes of the connection later is logged under it too."""
        self.address = address
        self.outlet = outlet
        self.session = session
        self.closed = False
        self.news: list[Parcel] = []
        """Personal messages that wait until the connection can take them."""
        self.held = False
        """Personal messages wait because a snapshot of the player's standing is being read."""
        self.lost_news = False
        """Personal messages overflowed: a ``sync`` and a snapshot take their place."""
        self.missed: set[str] = set()
        """Board channels on which a frame was skipped; a snapshot follows once the backlog is gone."""
        self.slow_since: float | None = None
        self.told: dict[int, int] = {}
        """Season id → the rank that the player was told last."""
        self.heard: Heard = {}

    def give(self, parcel: Parcel) -> None:
        """Hand over a message, and count it."""
        self.outlet.send(parcel)
        telemetry.MESSAGES_SENT.labels(parcel.type).inc()

    @property
    def player_id(self) -> UUID | None:
        """Whose connection it is; None for spectators."""
        identity = self.session.identity
        return identity.player_id if identity is not None else None

    @property
    def session_id(self) -> UUID | None:
        """The log-in session behind it; None for spectators."""
        identity = self.session.identity
        return identity.session_id if identity is not None else None
