"""What a model found in players' windows becomes facts: stored windows, review cases, suspensions.

Called by the model's service with everything it found between two ledger numbers. The consumer's position moves in the
same transaction, so a crash at any moment neither loses a window nor stores one twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.domain.events import Verdict
from scoreboard.domain.judgement import Leave
from scoreboard.domain.model import JudgedWindow, ModelStage, Told, acted_verdict, is_worth_telling, told_now
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.storage import actions, model_windows, positions
from scoreboard.storage.database import Transaction
from scoreboard.storage.positions import Move
from scoreboard.telemetry import utc_now
from scoreboard.usecases.automatic_suspensions import ask_leave, suspend_now
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.raise_cases import raise_cases, would_be_raised

_log = structlog.get_logger("scoreboard.anticheat")


@dataclass(frozen=True, slots=True)
class Findings:
    """What models found while the ledger was read from one number to another.

    Attributes:
        step: The consumer's position before and after.
        windows: In the order of their ends; several models may have scored the same one.
        stages: What each of these models may do.
        told: What reviewers were last told about these players.
        began_ns: When judging began, in nanoseconds since the epoch; for traces only.
    """

    step: Move
    windows: Sequence[JudgedWindow]
    stages: Mapping[str, ModelStage]
    told: Mapping[UUID, Told]
    began_ns: int | None = None


@dataclass(slots=True)
class _Acted:
    """Windows that lead to something, with their verdicts."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    told: dict[UUID, Told] = field(default_factory=dict)
    policies: dict[int, AntiCheatPolicy] = field(default_factory=dict)


async def judge_players(platform: Platform, findings: Findings) -> dict[UUID, Told] | None:
    """Act on the findings and move on.

    A suspension comes first, in a transaction of its own: done twice it is done once. Only then everything else is
    stored. Where the hour's suspensions are used up, or Redis is away so that nobody knows, points are held instead.
    A case holds the points whatever becomes of the suspension. Whom reviewers have cleared
    of the same is not suspended.

    Returns:
        What reviewers have been told by this, or None when another process was faster: nothing was stored then.

    Raises:
        StoreUnavailable: nothing was stored, and the same findings may be brought again.
    """
    acted = await _weigh(platform, findings)
    await _suspend_all(platform, findings, acted)

    async def work(tx: Transaction) -> bool:
        if not await positions.move(tx, findings.step):
            return False
        now = await actions.clock(tx)
        suspects = _suspects(findings, acted, now)
        if suspects:
            await raise_cases(tx, suspects, now)
        applied = [index in acted.verdicts for index in range(len(findings.windows))]
        await model_windows.add(tx, findings.windows, applied)
        return True

    if not await platform.database.transact(work):
        return None
    now = utc_now()
    for index, window in enumerate(findings.windows):
        _tell(findings, window, acted.verdicts.get(index), now)
    return acted.told


def _tell(findings: Findings, window: JudgedWindow, verdict: Verdict | None, now: datetime) -> None:
    """Metrics and span of a stored window, and the one line about a verdict that led to something."""
    told = {"scoreboard.model": window.model_id, "scoreboard.found": str(window.found)}
    with telemetry.carried_span("judge window", [window.trace_id], began_ns=findings.began_ns, attributes=told):
        telemetry.MODEL_WINDOWS.labels(str(findings.stages[window.model_id]), str(window.found)).inc()
        seconds = (now - window.ended_at).total_seconds()
        telemetry.MODEL_VERDICT_SECONDS.observe(max(0.0, seconds), telemetry.exemplar())
        if verdict is not None:
            telemetry.MODEL_VERDICTS.labels(str(verdict)).inc()
            _log.info(
                "suspicious",
                player_id=str(window.player_id),
                signals=[detection.name for detection in window.detections],
                verdict=str(verdict),
                model=window.model_id,
            )


async def _weigh(platform: Platform, findings: Findings) -> _Acted:
    """Which windows lead to something, each player's in order: later ones know what the earlier ones told."""
    policies = await platform.catalog.policy_choice()
    acted = _Acted()
    for index, window in enumerate(findings.windows):
        policy = policies.of(window.kind_key)
        verdict = acted_verdict(window.found, findings.stages[window.model_id], policy)
        told = acted.told.get(window.player_id, findings.told.get(window.player_id))
        news = verdict, [detection.name for detection in window.detections], window.ended_at, told
        if is_worth_telling(*news, platform.settings.model_repeat):
            acted.verdicts[index], acted.policies[index] = verdict, policy
            acted.told[window.player_id] = told_now(*news, platform.settings.model_repeat)
    return acted


async def _suspend_all(platform: Platform, findings: Findings, acted: _Acted) -> None:
    """Suspend whom the verdicts name and a person will look at; the others' verdicts become milder."""
    named = [index for index, verdict in acted.verdicts.items() if verdict is Verdict.SUSPEND]
    if not named:
        return

    async def work(tx: Transaction) -> set[UUID]:
        now = await actions.clock(tx)
        return await would_be_raised(tx, _suspects(findings, acted, now), now)

    seen = await platform.database.transact(work)
    for index in named:
        window = findings.windows[index]
        acted.verdicts[index] = (
            await _suspend(platform, window, acted.policies[index]) if window.player_id in seen else Verdict.HOLD
        )


def _suspects(findings: Findings, acted: _Acted, now: datetime) -> list[Suspect]:
    return [
        _suspect(findings.windows[index], verdict, acted.policies[index], now)
        for index, verdict in acted.verdicts.items()
    ]


async def _suspend(platform: Platform, window: JudgedWindow, policy: AntiCheatPolicy) -> Verdict:
    """Suspend the player until a person has decided. Returns the verdict that comes of it."""
    if await ask_leave(platform, window.player_id, policy) is not Leave.GRANTED:
        return Verdict.HOLD
    await suspend_now(platform, window.player_id, policy, by=f"model {window.model_id}")
    return Verdict.SUSPEND


def _suspect(window: JudgedWindow, verdict: Verdict, policy: AntiCheatPolicy, now: datetime) -> Suspect:
    """The player with one event for each detector; the explanation stands with the first."""
    events = tuple(
        SuspicionEvent(
            window.player_id,
            now,
            CaseSource.MODEL,
            detection.name,
            window.probability,
            window.probability,
            verdict,
            value=window.score,
            reference=detection.words,
            detail=window.detail if place == 0 else None,
        )
        for place, detection in enumerate(window.detections)
    )
    release = policy.at_deadline is AtDeadline.RELEASE
    return Suspect(window.player_id, verdict, CaseSource.MODEL, events, policy.review_s, release)
