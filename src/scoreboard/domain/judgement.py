"""What a completion or a refusal means for the player: a verdict, and what reviewers hear of it.

``domain/completion`` judges what is accepted before it counts, ``usecases/weigh_refusal`` what was refused. Nothing is
held or suspended that no reviewer hears of, and a suspension needs the caller's leave: there is a cap on those that
nobody decided.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import Verdict
from scoreboard.domain.measures import measure
from scoreboard.domain.pace import Beat, Pace, with_beat
from scoreboard.domain.player import Player, PlayerStatus, Role
from scoreboard.domain.policy import AntiCheatPolicy, AtDeadline, Mode
from scoreboard.domain.review import CaseSource, Suspect, SuspicionEvent
from scoreboard.domain.signals import MEANING, Measured
from scoreboard.domain.suspicion import Memory, Weighed, weigh


class Leave(Enum):
    """Whether a player may be suspended without a person having decided it."""

    UNASKED = auto()
    GRANTED = auto()
    DENIED = auto()


class Judgement(NamedTuple):
    """What follows for the player.

    ``verdict`` is what is done: in shadow mode nothing. ``suspect`` goes to the reviewers, ``notes`` are only kept.
    ``wants_suspension``: leave was not asked yet; the verdict holds until it is.
    """

    memory: Memory
    verdict: Verdict
    suspect: Suspect | None = None
    notes: tuple[SuspicionEvent, ...] = ()
    wants_suspension: bool = False


def may_be_suspended(player: Player) -> bool:
    """Staff and game servers are left to people, and so is who is hidden already."""
    return player.role is Role.PLAYER and player.status is PlayerStatus.ACTIVE


def suspicious() -> Refusal:
    """What is answered to whom the anti-cheat suspends. Never why: that would teach the next script."""
    return Refusal(
        ErrorCode.SUSPICIOUS_ACTIVITY, "This account was suspended: too much of what it sent cannot be played by hand."
    )


def judge_completion(
    player: Player,
    memory: Memory,
    beat: Beat | None,
    policy: AntiCheatPolicy,
    at: datetime,
    *,
    action_id: UUID,
    leave: Leave,
    players_at_address: int = 0,
) -> Judgement:
    """Judge a completion that breaks no rule.

    Args:
        player: who completed it.
        memory: before it.
        beat: what it adds to the memory; None where its moment tells nothing about the player (a trusted server's).
        policy: of the action's kind.
        at: the moment.
        action_id: what is held or flagged.
        leave: to suspend the player.
        players_at_address: how many players completed from the same address just now.
    """
    if beat is None:
        return Judgement(memory, Verdict.HOLD if memory.holding else Verdict.ALLOW)
    recent = with_beat(memory.recent, beat)
    measured = measure(Pace(recent), players_at_address)
    weighed = weigh(memory._replace(recent=recent), measured, policy, at)
    if not weighed.counted and not memory.holding and weighed.verdict is Verdict.ALLOW:
        return Judgement(weighed.memory, Verdict.ALLOW)
    return _judged(player, weighed, policy, at, action_id, leave)


def judge_refusal(
    player: Player, memory: Memory, measured: Sequence[Measured], policy: AntiCheatPolicy, at: datetime, leave: Leave
) -> Judgement:
    """Judge what a refused request told. It has no points to hold: from hold on, what comes next is held."""
    return _judged(player, weigh(memory, measured, policy, at), policy, at, None, leave)


def _judged(
    player: Player, weighed: Weighed, policy: AntiCheatPolicy, at: datetime, action_id: UUID | None, leave: Leave
) -> Judgement:
    holding = weighed.memory.holding
    if policy.mode is Mode.SHADOW:
        notes = _events(player.id, weighed, weighed.news, weighed.verdict, at, action_id)
        return Judgement(weighed.memory, Verdict.HOLD if holding else Verdict.ALLOW, notes=notes)
    verdict, wants = weighed.verdict, False
    if not weighed.counted and verdict in (Verdict.HOLD, Verdict.SUSPEND):
        verdict = Verdict.FLAG  # nothing odd about this one: there would be nothing to show to a reviewer
    if verdict is Verdict.SUSPEND and (leave is not Leave.GRANTED or not may_be_suspended(player)):
        wants = leave is Leave.UNASKED and may_be_suspended(player)
        verdict = Verdict.HOLD
    news = weighed.news
    if verdict in (Verdict.HOLD, Verdict.SUSPEND) and (verdict is Verdict.SUSPEND or not holding):
        news = weighed.counted
    about = action_id if verdict is not Verdict.SUSPEND else None
    events = _events(player.id, weighed, news, verdict, at, about)
    memory = weighed.memory
    if verdict in (Verdict.HOLD, Verdict.SUSPEND):
        memory = memory._replace(holding=True)
    done = Verdict.HOLD if holding and verdict is not Verdict.SUSPEND else verdict
    if verdict is Verdict.ALLOW or not events:
        return Judgement(memory, done, notes=events, wants_suspension=wants)
    release = policy.at_deadline is AtDeadline.RELEASE
    suspect = Suspect(player.id, verdict, CaseSource.RULES, events, policy.review_s, release)
    return Judgement(memory, done, suspect, wants_suspension=wants)


def _events(
    player_id: UUID,
    weighed: Weighed,
    told: Sequence[Measured],
    verdict: Verdict,
    at: datetime,
    action_id: UUID | None,
) -> tuple[SuspicionEvent, ...]:
    return tuple(
        SuspicionEvent(
            player_id,
            at,
            CaseSource.RULES,
            str(one.signal),
            one.weight,
            weighed.memory.suspicion,
            verdict,
            value=one.value,
            reference=MEANING[one.signal].reference,
            action_id=action_id,
        )
        for one in told
    )
