"""The life of one live connection, without sockets: messages and the clock go in, effects come out.

All transports drive this machine, so that they cannot differ. States::

    disconnected → connecting → connected → authenticating → authenticated → subscribed{board, me}
                                    └──────── spectators ─────────────────────↗      active ⇄ inactive

``now`` is seconds of any monotonic clock. Effects that need I/O are answered by calling :meth:`Session.verified`,
:meth:`Session.refused`, :meth:`Session.joined` or :meth:`Session.left`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.freeze import Sight, sight_of
from scoreboard.live.gcra import Limit
from scoreboard.security.access_token import Claims
from scoreboard.settings import Settings
from scoreboard_realtime import messages
from scoreboard_realtime.channels import ME, Channel, board_channel, parse
from scoreboard_realtime.errors import Close, close_code
from scoreboard_realtime.inbound_rate import Rate

MAX_CHANNELS = 32


class Phase(StrEnum):
    """Where in its life a connection is."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHENTICATING = "authenticating"
    AUTHENTICATED = "authenticated"
    SUBSCRIBED = "subscribed"


@dataclass(frozen=True, slots=True)
class Verify:
    """Find out whose token this is. ``refresh``: it prolongs a session that is authenticated already."""

    token: str
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Subscribe to these channels, each from where the client stopped."""

    channels: tuple[Channel, ...]
    since: dict[str, messages.Position]


@dataclass(frozen=True, slots=True)
class Leave:
    """Unsubscribe from these channels."""

    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Say ``auth.ok``, or ``pong`` with the client's stamp, or ``ping`` with ours."""

    type: str
    timestamp: messages.Stamp = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say no. ``close`` ends the connection with that code afterwards."""

    refusal: Refusal
    close: Close | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Close without a refusal: nobody did anything wrong."""

    close: Close
    reason: str


@dataclass(frozen=True, slots=True)
class Pace:
    """Board updates may come at full speed again, or only slowly."""

    slow: bool


Effect = Verify | Join | Leave | Answer | Refuse | End | Pace

_NEEDS_TOKEN = "Send an auth message with an access token first."  # noqa: S105 - a sentence, not a secret


def _bare(token: str) -> str:
    scheme, _, rest = token.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" and rest else token


class Session:
    """One connection's state.

    Args:
        settings: limits and deadlines.
        heartbeats: the transport has no heartbeat of its own, so the session pings and expects signs of life.
        listens_only: the client cannot speak (Server-Sent Events), so silence is not inactivity.
    """

    def __init__(self, settings: Settings, *, heartbeats: bool = False, listens_only: bool = False) -> None:
        self._settings = settings
        self._heartbeats = heartbeats
        self._listens_only = listens_only
        self._rate = Rate(Limit(settings.socket_rate, settings.socket_burst))
        self._auth_by: float | None = None
        self._ends_at: float | None = None
        self._active_at = self._heard_at = self._pinged_at = 0.0
        self._waiting: messages.Subscribe | None = None
        self.phase = Phase.DISCONNECTED
        self.identity: Claims | None = None
        self.channels: set[Channel] = set()
        self.inactive = False

    @property
    def sight(self) -> Sight:
        """What this connection may see of a frozen board."""
        return sight_of(self.identity.role if self.identity is not None else None)

    def connecting(self) -> None:
        """The transport has a socket; its handshake is under way."""
        self.phase = Phase.CONNECTING

    def connected(self, now: float) -> None:
        """The handshake is done. Where boards cannot be watched without a token, one is due soon."""
        self.phase = Phase.CONNECTED
        self._active_at = self._heard_at = self._pinged_at = now
        if not self._settings.anonymous_reads:
            self._auth_by = now + self._settings.auth_timeout

    def disconnected(self) -> None:
        """Nothing more comes from here."""
        self.phase = Phase.DISCONNECTED

    def received(self, size: int, now: float) -> Refuse | None:
        """Count a message of ``size`` bytes before it is read. A refusal ends the connection."""
        self._heard_at = now
        if size > self._settings.socket_payload:
            refusal = Refusal(ErrorCode.PAYLOAD_TOO_LARGE, "This message is larger than the live protocol allows.")
            return Refuse(refusal, Close.TOO_BIG)
        wait = self._rate.take(now)
        if wait:
            code = ErrorCode.USER_RATE_LIMIT if self.identity else ErrorCode.TOO_MANY_REQUESTS
            refusal = Refusal(code, "Messages are coming faster than allowed.", wait)
            return Refuse(refusal, close_code(code))
        return None

    def take(self, message: messages.Inbound, now: float) -> list[Effect]:
        """What follows from a message."""
        match message:
            case messages.Pong():
                return []
            case messages.Ping():
                return [Answer("pong", message.timestamp)]
            case messages.Auth() | messages.AuthRefresh():
                return self._authenticate(message.token, now)
            case messages.Subscribe():
                return [*self.acted(now), *self._subscribe(message, now)]
            case messages.Unsubscribe():
                return [*self.acted(now), self._unsubscribe(message)]
            case messages.Activity():
                return self.acted(now)

    def _authenticate(self, token: str, now: float) -> list[Effect]:
        if self.identity is not None:
            return [Verify(_bare(token), refresh=True)]
        self.phase = Phase.AUTHENTICATING
        return [*self.acted(now), Verify(_bare(token))]

    def _subscribe(self, message: messages.Subscribe, now: float) -> list[Effect]:
        if message.auth is not None and self.identity is None:
            self._waiting = message
            return self._authenticate(message.auth, now)
        try:
            channels = self._channels(message)
            since = messages.positions(message.since, (channel.name for channel in channels))
        except Refusal as refusal:
            return [Refuse(refusal)]
        effects, granted = list[Effect](), list[Channel]()
        for channel in channels:
            if self.identity is None and (channel == ME or not self._settings.anonymous_reads):
                effects.append(Refuse(self.token_needed(now), channel=channel.name))
            else:
                granted.append(channel)
        if granted or not channels:
            effects.append(Join(tuple(granted), since))
        return effects

    def token_needed(self, now: float) -> Refusal:
        """Refuse what needs a token; who listens to nothing at all must send one soon or go."""
        if not self.channels and self._auth_by is None:
            self._auth_by = now + self._settings.auth_timeout
        return Refusal(ErrorCode.UNAUTHENTICATED, _NEEDS_TOKEN)

    def _channels(self, message: messages.Subscribe) -> list[Channel]:
        if message.channels is None:
            own = [ME] if self.identity is not None else []
            return [self._seen(board_channel(self._settings.default_board)), *own]
        channels = [self._seen(parse(name)) for name in dict.fromkeys(message.channels)]
        if len(self.channels.union(channels)) > MAX_CHANNELS:
            raise Refusal(ErrorCode.VALIDATION_ERROR, f"A connection listens to at most {MAX_CHANNELS} channels.")
        return channels

    def _seen(self, channel: Channel) -> Channel:
        return channel if channel == ME else replace(channel, sight=self.sight)

    def _unsubscribe(self, message: messages.Unsubscribe) -> Effect:
        if message.channels is None:
            return Leave(tuple(self.channels))
        try:
            heard = {channel.name: channel for channel in self.channels}
            wanted = [parse(name) for name in dict.fromkeys(message.channels)]
            return Leave(tuple(heard.get(channel.name, channel) for channel in wanted))
        except Refusal as refusal:
            return Refuse(refusal)

    def verified(self, identity: Claims, lifetime: float, now: float) -> list[Effect]:
        """The token is good for ``lifetime`` more seconds. A subscription that came with it goes on."""
        if self.identity is not None and identity.player_id != self.identity.player_id:
            refusal = Refusal(ErrorCode.INVALID_TOKEN, "This connection belongs to another player.")
            return [Refuse(refusal)]
        first = self.identity is None
        self.identity = identity
        self._ends_at = now + lifetime
        self._auth_by = None
        if first:
            self._active_at = now
            self.phase = Phase.SUBSCRIBED if self.channels else Phase.AUTHENTICATED
        effects: list[Effect] = [Answer("auth.ok")]
        seen = [self._seen(channel) for channel in self.channels if channel != self._seen(channel)]
        if seen:  # a moderator sees more than the spectator that the connection was until now
            effects.append(Join(tuple(seen), {}))
        waiting, self._waiting = self._waiting, None
        return effects + (self._subscribe(waiting, now) if waiting is not None else [])

    def refused(self, refusal: Refusal) -> list[Effect]:
        """The token is not good. Without another one the connection ends; with one it goes on until that ends."""
        self._waiting = None
        return [Refuse(refusal, None if self.identity is not None else close_code(refusal.code))]

    def joined(self, channel: Channel) -> None:
        """The channel is heard from now on; what was heard under its name before the log-in is not."""
        self.channels = {one for one in self.channels if one.name != channel.name} | {channel}
        self.phase = Phase.SUBSCRIBED
        if self._settings.anonymous_reads:
            self._auth_by = None

    def left(self, channel: Channel) -> None:
        """The channel is not heard any more."""
        self.channels.discard(channel)
        if not self.channels:
            self.phase = Phase.AUTHENTICATED if self.identity is not None else Phase.CONNECTED

    def acted(self, now: float) -> list[Effect]:
        """The player did something, here or over HTTP."""
        self._active_at = now
        if self.inactive:
            self.inactive = False
            return [Pace(slow=False)]
        return []

    def tick(self, now: float) -> list[Effect]:
        """What the clock alone brings about. Call it about once a second."""
        settings = self._settings
        if self._auth_by is not None and now >= self._auth_by:
            return [Refuse(Refusal(ErrorCode.UNAUTHENTICATED, _NEEDS_TOKEN), Close.TIMED_OUT)]
        if self._ends_at is not None and now >= self._ends_at:
            refusal = Refusal(ErrorCode.TOKEN_EXPIRED, "The access token has ended, and no newer one came.")
            return [Refuse(refusal, Close.TIMED_OUT)]
        if self._heartbeats and now - self._heard_at >= 2 * settings.heartbeat:
            return [End(Close.TIMED_OUT, "no sign of life")]
        effects: list[Effect] = []
        if self._heartbeats and now - self._pinged_at >= settings.heartbeat:
            self._pinged_at = now
            effects.append(Answer("ping"))
        if self.identity is not None and not self._listens_only:
            effects += self._idle(now - self._active_at)
        return effects

    def _idle(self, idle: float) -> list[Effect]:
        settings = self._settings
        if idle >= settings.inactive_after + settings.inactive_close_after:
            return [End(Close.NORMAL, "inactive")]
        if idle >= settings.inactive_after and not self.inactive:
            self.inactive = True
            return [Pace(slow=True)]
        return []
