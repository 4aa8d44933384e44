"""Suspensions that no person decided: within a cap for each hour, for a time, and always with a case beside them.

The cap is counted in Redis over all processes. While it cannot be asked nobody is suspended: points are held instead.
A transaction that wants to suspend gives up, leave is asked, and it runs again: Redis is not waited for under locks.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.domain.events import Verdict
from scoreboard.domain.judgement import Judgement, Leave
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.suspicion import reserve_suspension
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import suspend_automatically
from scoreboard.usecases.platform import Platform

T = TypeVar("T")
_log = structlog.get_logger("scoreboard.anticheat")


class SuspensionsWanted(Exception):
    """Raised by a transaction to which players are missing whom it would suspend, each with the policy that says so."""

    def __init__(self, policies: Mapping[UUID, AntiCheatPolicy]) -> None:
        super().__init__("leave to suspend is needed")
        self.policies = policies


async def transact_with_leave(platform: Platform, work: Callable[[Transaction, dict[UUID, Leave]], Awaitable[T]]) -> T:
    """Run a transaction that may raise SuspensionsWanted, and run it again with the answers.

    Raises:
        StoreUnavailable: as ``Database.transact``.
    """
    leave: dict[UUID, Leave] = {}
    while True:
        try:
            return await platform.database.transact(lambda tx: work(tx, leave))
        except SuspensionsWanted as wanted:
            for player_id, policy in wanted.policies.items():
                leave[player_id] = await ask_leave(platform, player_id, policy)


async def ask_leave(platform: Platform, player_id: UUID, policy: AntiCheatPolicy) -> Leave:
    """Whether this player may still be suspended automatically in this hour; takes a place. Never raises."""
    try:
        if await reserve_suspension(platform.live, player_id, policy.suspensions_per_hour):
            return Leave.GRANTED
    except LiveUnavailable:
        return Leave.DENIED
    _log.error("too many automatic suspensions in this hour; points are held instead")
    return Leave.DENIED


async def suspend_now(platform: Platform, player_id: UUID, policy: AntiCheatPolicy, *, by: str) -> bool:
    """Suspend a player for whom leave was granted. Returns whether the account is suspended by this.

    With Postgres lost at this moment it is not; what the player completes is held by then, so no point is at risk.
    """
    until = utc_now() + timedelta(seconds=policy.suspension_s)
    try:
        done = await suspend_automatically(platform, player_id, until, by=f"anti-cheat: {by}")
    except StoreUnavailable:
        _log.error("a player could not be suspended; everything is held instead", player_id=str(player_id))
        return False
    if done:
        telemetry.AUTOMATIC_SUSPENSIONS.inc()
    return done


def tell(judgements: Iterable[Judgement]) -> None:
    """Count committed judgements and their signals, and log those that lead to something, or would in shadow mode."""
    for judgement in judgements:
        telemetry.SUSPICION.observe(judgement.memory.suspicion)
        events = judgement.notes if judgement.suspect is None else judgement.suspect.events
        for event in events:
            telemetry.SIGNALS.labels(event.signal).inc()
        if events and events[-1].verdict is not Verdict.ALLOW:
            last = events[-1]
            _log.warning(
                "suspicious",
                player_id=str(last.player_id),
                signals=[event.signal for event in events],
                suspicion=round(last.suspicion, 3),
                verdict=str(last.verdict),
                noted_only=judgement.suspect is None,
            )


def reason(judgement: Judgement) -> str:
    """The signals of a judgement in one line, for the audit log."""
    return ", ".join(event.signal for event in judgement.suspect.events) if judgement.suspect is not None else ""
