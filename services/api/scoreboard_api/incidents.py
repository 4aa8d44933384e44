"""Whoever fails too often to prove who they are is blocked for a while: an address, or a player.

Failures of signature, replay and authentication are counted over all pods, in Redis, one call for those of the same
moment; without Redis each process counts its own. What counts for whom keeps attackers from blocking others: a player
is only who a verified access token names, so neither a guessed password nor a forged token counts for the account it
names, only for the address it comes from. What happens to honest clients does not count at all: a token that has
expired or is missing, a session that was ended, an action that took too long, a clock that is wrong.
"""

import asyncio
import hmac
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.clock import EPOCH, microseconds
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.live.failures import TooMany, count_failures, read_blocks
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.derived_keys import derive_key
from scoreboard.security.identifiers import new_id
from scoreboard.storage.database import StoreUnavailable
from scoreboard.storage.incidents import Incident
from scoreboard.supervision import end_tasks, supervise
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.record_incident import announce_incident, save_incident

_KINDS: Mapping[ErrorCode, str] = {
    ErrorCode.INVALID_TOKEN: "authentication",
    ErrorCode.INVALID_CREDENTIALS: "authentication",
    ErrorCode.REFRESH_REUSED: "authentication",
    ErrorCode.INVALID_SIGNATURE: "signature",
    ErrorCode.REPLAY_ATTACK: "replay",
}
_IPV6_BITS = 64
"""What one customer gets: whoever has an IPv6 address has all of its network."""
_REMEMBERED = 100_000
_UNSAVED = 100
_WORDS = "Too many failed attempts came from here. Please wait before you try again."

Address = IPv4Interface | IPv6Interface
Subject = Address | UUID


def subject_address(address: str) -> Address | None:
    """Whom an address stands for: itself, or its network of 64 bits for IPv6. None for what is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if parsed.version == 4:
        return ip_interface(parsed)
    if parsed.ipv4_mapped is not None:
        return ip_interface(parsed.ipv4_mapped)
    return ip_interface(ip_interface((parsed, _IPV6_BITS)).network)


@dataclass(slots=True)
class _Counter:
    """Failures of one subject as this process knows them; ``began`` on the event loop's clock."""

    began: float
    first_us: int
    kinds: dict[str, int] = field(default_factory=dict)


class Incidents:
    """One for each process: counts failures, knows who is blocked."""

    def __init__(self, platform: Platform) -> None:
        settings = platform.settings
        self._platform = platform
        self._most = settings.incident_failures
        self._window = settings.incident_window
        self._block = settings.incident_block
        self._look_every = settings.incident_look_every
        self._key = derive_key(settings.master_key_bytes, "incident-address")
        self._blocks: dict[str, float] = {}
        self._pending: dict[str, dict[str, int]] = {}
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        self._local: OrderedDict[str, _Counter] = OrderedDict()
        self._unsaved: deque[Incident] = deque(maxlen=_UNSAVED)
        self._counting: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for blocks that other processes have made."""
        looking = supervise("incidents", self.look, every=self._look_every)
        self._looking = asyncio.get_running_loop().create_task(looking)

    async def finish(self) -> None:
        """Count and save what is noted, then stop."""
        if self._looking is not None:
            await end_tasks([self._looking])
        for task in (self._counting, self._saving):
            if task is not None:
                await task

    def require_unblocked_address(self, address: str) -> None:
        """Raises Refusal TOO_MANY_REQUESTS for a blocked address. No I/O; nothing at all while nobody is blocked."""
        if self._blocks:
            subject = subject_address(address)
            if subject is not None:
                self._require(self._name(subject))

    def require_unblocked_player(self, player_id: UUID) -> None:
        """Raises Refusal TOO_MANY_REQUESTS for a blocked player. The id must be a verified token's."""
        if self._blocks:
            self._require(self._name(player_id))

    def _require(self, name: str) -> None:
        until = self._blocks.get(name)
        if until is None:
            return
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            del self._blocks[name]
            return
        limit = {"limit": "failures", "burst": self._most, "rate": self._most / self._window}
        raise Refusal(ErrorCode.TOO_MANY_REQUESTS, _WORDS, left, {"limit": limit})

    def note(self, code: ErrorCode, address: str | None, player_id: UUID | None) -> None:
        """Count a refusal, if it is a failure. Returns at once; the call to Redis is made beside.

        Args:
            code: why the request was refused.
            address: where it came from.
            player_id: whose verified access token it carried; None without one.
        """
        kind = _KINDS.get(code)
        if kind is None or (code is ErrorCode.INVALID_TOKEN and player_id is not None):
            return  # the latter is an action token, and most likely one that was kept for too long
        source = subject_address(address) if address is not None else None
        for subject in (source, player_id):
            if subject is not None:
                kinds = self._pending.setdefault(self._remember(subject), {})
                kinds[kind] = kinds.get(kind, 0) + 1
        if self._pending and (self._counting is None or self._counting.done()):
            self._counting = telemetry.start_nobodys_task(self._count())

    def _name(self, subject: Subject) -> str:
        """What Redis calls a subject: an address stays a secret of ours there."""
        if isinstance(subject, UUID):
            return f"player:{subject}"
        return f"address:{hmac.digest(self._key, str(subject).encode(), 'sha256')[:16].hex()}"

    def _remember(self, subject: Subject) -> str:
        name = self._name(subject)
        self._subjects[name] = subject
        self._subjects.move_to_end(name)
        if len(self._subjects) > _REMEMBERED:
            self._subjects.popitem(last=False)
        return name

    async def _count(self) -> None:
        while self._pending:
            failures, self._pending = self._pending, {}
            try:
                found = await count_failures(
                    self._platform.live, failures, most=self._most, window=self._window, block=self._block
                )
            except LiveUnavailable:
                found = self._count_here(failures)
            for each in found:
                self._blocks[each.subject] = asyncio.get_running_loop().time() + self._block
                self._open(each)

    def _count_here(self, failures: Mapping[str, Mapping[str, int]]) -> list[TooMany]:
        """The same without Redis, for this process alone."""
        now, now_us = asyncio.get_running_loop().time(), microseconds(telemetry.utc_now())
        found = []
        for name, kinds in failures.items():
            counter = self._local.get(name)
            if counter is None or now - counter.began > self._window:
                counter = self._local[name] = _Counter(now, now_us)
            self._local.move_to_end(name)
            for kind, count in kinds.items():
                counter.kinds[kind] = counter.kinds.get(kind, 0) + count
            total = sum(counter.kinds.values())
            if total >= self._most:
                del self._local[name]
                found.append(TooMany(name, total, counter.first_us, now_us, counter.kinds))
        while len(self._local) > _REMEMBERED:
            self._local.popitem(last=False)
        return found

    def _open(self, found: TooMany) -> None:
        subject = self._subjects.get(found.subject)
        if subject is None:
            return  # forgotten among a hundred thousand others; the block holds
        last_at = EPOCH + timedelta(microseconds=found.last_us)
        incident = Incident(
            id=new_id(),
            what=", ".join(sorted(found.kinds, key=lambda kind: -found.kinds[kind])),
            address=None if isinstance(subject, UUID) else subject,
            player_id=subject if isinstance(subject, UUID) else None,
            failures=found.failures,
            first_at=EPOCH + timedelta(microseconds=found.first_us),
            last_at=last_at,
            blocked_until=last_at + timedelta(seconds=self._block),
        )
        announce_incident(incident)
        self._unsaved.append(incident)
        self._save_beside()

    def _save_beside(self) -> None:
        """Counting goes on while Postgres is slow or away."""
        if self._unsaved and (self._saving is None or self._saving.done()):
            self._saving = telemetry.start_nobodys_task(self._save())

    async def _save(self) -> None:
        """Store incidents; those that Postgres does not take now wait for the next look."""
        while self._unsaved:
            incident = self._unsaved[0]
            try:
                await save_incident(self._platform, incident)
            except StoreUnavailable:
                return
            if self._unsaved and self._unsaved[0] is incident:
                self._unsaved.popleft()

    async def look(self) -> None:
        """Learn who is blocked elsewhere. Without Redis those who are known stay blocked until their time is over."""
        self._save_beside()
        try:
            blocks = await read_blocks(self._platform.live)
        except LiveUnavailable:
            return
        now = asyncio.get_running_loop().time()
        known = {name: until for name, until in self._blocks.items() if until > now}
        self._blocks = known | {name: now + left for name, left in blocks.items()}
