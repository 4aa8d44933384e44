"""What a refused completion says about the player: signals add up, and the policy says what they lead to.

Called by the API with what it is about to answer, and by the worker with what a queued action came to. The points of a
refused completion were never granted; from the hold threshold on those of the next ones wait for a person, and at the
suspend threshold the account does.
"""

from uuid import UUID

import structlog

from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.judgement import Judgement, Leave, judge_refusal, suspicious
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.domain.signals import Measured, Signal
from scoreboard.domain.suspicion import signal_of, weight_of
from scoreboard.storage import actions, players, suspicion, suspicion_events
from scoreboard.storage.database import StoreUnavailable, Transaction
from scoreboard.usecases.automatic_suspensions import (
    SuspensionsWanted,
    reason,
    suspend_now,
    tell,
    transact_with_leave,
)
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases

_log = structlog.get_logger("scoreboard.anticheat")


async def weigh_refusal(platform: Platform, player_id: UUID, refusal: Refusal) -> Refusal:
    """Count what the refusal tells, bring the player before a reviewer where it is much, suspend where it is too much.

    With Postgres away the evidence is lost; the refusal stands.

    Returns:
        The refusal to answer with: the same one, or SUSPICIOUS_ACTIVITY when it led to a suspension.
    """
    signal = signal_of(refusal)
    if signal is None:
        return refusal
    measured = Measured(signal, _value(signal, refusal), weight_of(signal))
    try:
        policy = (await platform.catalog.policy_choice()).general()
        judgement = await transact_with_leave(
            platform, lambda tx, leave: _weigh(tx, player_id, measured, policy, leave)
        )
    except StoreUnavailable:
        _log.warning("a signal was lost", player_id=str(player_id), signal=str(signal))
        return refusal
    if judgement is None:
        return refusal
    tell([judgement])
    if judgement.verdict is not Verdict.SUSPEND:
        return refusal
    return suspicious() if await suspend_now(platform, player_id, policy, by=reason(judgement)) else refusal


def _value(signal: Signal, refusal: Refusal) -> float:
    return refusal.retry_after or 0.0 if signal is Signal.IMPOSSIBLY_FAST else 1.0


async def _weigh(
    tx: Transaction, player_id: UUID, measured: Measured, policy: AntiCheatPolicy, leave: dict[UUID, Leave]
) -> Judgement | None:
    """Judge on the player's locked row. None: there is no such player any more."""
    memory = (await suspicion.lock(tx, [player_id])).get(player_id)
    player = await players.find(tx, player_id)
    if player is None or memory is None:
        return None
    now = await actions.clock(tx)
    judgement = judge_refusal(player, memory, [measured], policy, now, leave.get(player_id, Leave.UNASKED))
    if judgement.wants_suspension:
        raise SuspensionsWanted({player_id: policy})
    if judgement.suspect is not None:
        await raise_cases(tx, [judgement.suspect], now)
    await suspicion_events.add(tx, [(note, None) for note in judgement.notes])
    await suspicion.save(tx, {player_id: judgement.memory})
    return judgement
