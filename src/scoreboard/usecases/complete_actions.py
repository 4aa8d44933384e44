"""Complete a batch of actions: one transaction for all of them, one call to Redis after it, a result for each.

What the anti-cheat holds is recorded in the same way and counts nowhere yet; whom it suspends is told so, and the
account follows right after the commit.

Called by the API's write queue, by batch completion, and by the worker for queued actions. A request that is refused
leaves no trace in its neighbours. Nobody is answered before the commit.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scoreboard import telemetry
from scoreboard.domain.action import Action
from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest, Decision, Rows, Suspended, judge_attempt
from scoreboard.domain.errors import Refusal
from scoreboard.domain.events import EntryType, StandingChange
from scoreboard.domain.judgement import Judgement, Leave
from scoreboard.domain.pending import provisional_score
from scoreboard.domain.player import Player, PlayerStatus
from scoreboard.domain.policy import Policies
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage.database import Transaction
from scoreboard.usecases.announce import Announcement, OutboxMarker, announce, save_marks
from scoreboard.usecases.automatic_suspensions import (
    SuspensionsWanted,
    reason,
    suspend_now,
    tell,
    transact_with_leave,
)
from scoreboard.usecases.completion_answers import (
    Answers,
    Completion,
    Provisional,
    completion_of,
    stored_reply,
    with_provisional,
)
from scoreboard.usecases.completion_rows import load_rows, save_decisions
from scoreboard.usecases.frozen_ranks import public_ranks
from scoreboard.usecases.pending_scores import provisional_ranks, try_load_pending
from scoreboard.usecases.platform import Platform


@dataclass(slots=True)
class SavedBatch:
    """What a committed batch still has to announce, and the answers found so far (None: decided in this batch)."""

    boards: dict[str, Board]
    answers: list[Completion | Refusal]
    decisions: dict[int, Decision]
    first_seq: int
    outbox_id: int
    usernames: dict[UUID, tuple[str, bool]]
    policies: Policies
    suspended: list[Suspended]
    judgements: list[Judgement]


async def complete_actions(
    platform: Platform, requests: Sequence[CompletionRequest], marker: OutboxMarker
) -> list[Completion | Refusal]:
    """Save and announce.

    Args:
        platform: stores and keys.
        requests: at most a few hundred; more share one long transaction.
        marker: ticks the announced rows off.

    Returns:
        A completion or the reason of refusal for each request, in order.

    Raises:
        StoreUnavailable: Postgres cannot be used; none is counted, or a retry with the same request finds it counted.
    """
    return await announce_completions(platform, await save_completions(platform, requests, marker), marker)


async def save_completions(
    platform: Platform, requests: Sequence[CompletionRequest], marker: OutboxMarker
) -> SavedBatch:
    """Load, decide and commit, and tick off what was announced before. Raises as :func:`complete_actions`."""
    direct = {request.kind_key for request in requests if request.kind_key is not None}
    boards, kinds = await platform.catalog.boards(), await platform.catalog.kinds(direct)
    policies = await platform.catalog.policy_choice()
    began = time.perf_counter()
    telemetry.BATCH_ITEMS.labels("complete").observe(len(requests))

    marks = marker.take()
    timed = _Timed()

    async def work(tx: Transaction, leave: dict[UUID, Leave]) -> SavedBatch:
        await save_marks(tx, marks, alone=False)
        timed.seconds = 0.0  # of a try that was in vain nothing is told
        rows = Rows({}, {}, {}, kinds, {}, boards, {}, {}, {}, policies=policies, leave=leave, judge=timed)
        now, stored = await load_rows(platform, tx, requests, rows)
        answers = Answers(requests, rows)
        answers.decide_all(now, stored)
        if wanted := answers.wanted_suspensions():
            raise SuspensionsWanted(wanted)
        first_seq, outbox_id = await save_decisions(tx, answers, rows, now)
        finished = await answers.resolve(tx)
        names = {key: (player.username, player.status is PlayerStatus.ACTIVE) for key, player in rows.players.items()}
        return SavedBatch(
            boards,
            finished,
            answers.decisions,
            first_seq,
            outbox_id,
            names,
            policies,
            answers.suspended,
            answers.judgements(),
        )

    try:
        saved = await transact_with_leave(platform, work)
    except BaseException:
        marker.put_back(marks)
        raise
    telemetry.STAGE_SECONDS.labels("commit").observe(time.perf_counter() - began, telemetry.exemplar())
    if saved.judgements:
        telemetry.ANTICHEAT_SECONDS.labels("inline").observe(timed.seconds)
    _count(saved)
    tell(saved.judgements)
    return saved


@dataclass(slots=True)
class _Timed:
    """Judges, and notes how many seconds that took."""

    seconds: float = 0.0

    def __call__(
        self, request: CompletionRequest, rows: Rows, player: Player, action: Action, points: int, at: datetime
    ) -> Judgement:
        began = time.perf_counter()
        judged = judge_attempt(request, rows, player, action, points, at)
        self.seconds += time.perf_counter() - began
        return judged


def _count(saved: SavedBatch) -> None:
    """Once for each kind, not for each completion: in a large batch that would be the dearest part of telling."""
    points: dict[str, int] = {}
    for decision in saved.decisions.values():
        points[decision.entry.kind_key] = points.get(decision.entry.kind_key, 0) + abs(decision.entry.points)
    told = Counter((decision.entry.kind_key, decision.entry.verdict) for decision in saved.decisions.values())
    for (kind, verdict), number in told.items():
        telemetry.ACTIONS_COMPLETED.labels(kind, str(verdict)).inc(number)
    for kind, total in points.items():
        telemetry.POINTS.labels(kind).inc(total)


async def announce_completions(
    platform: Platform, saved: SavedBatch, marker: OutboxMarker
) -> list[Completion | Refusal]:
    """Announce a committed batch and add the ranks. Without Redis the answers go out without them."""
    for suspended in saved.suspended:
        policy = saved.policies.of(suspended.kind_key)
        await suspend_now(platform, suspended.request.player_id, policy, by=reason(suspended.judgement))
    if not saved.decisions:
        return saved.answers
    held = await _held(platform, saved)
    for index, completion in held.items():
        saved.answers[index] = completion
    announcements = [
        Announcement(
            saved.first_seq + offset,
            decision.entry,
            saved.usernames[decision.action.player_id][0],
            _changes(decision, saved),
        )
        for offset, decision in enumerate(saved.decisions.values())
    ]
    try:
        ranks = await announce(platform, saved.boards, announcements)
    except LiveUnavailable:
        return saved.answers
    ranks = await public_ranks(platform, saved.boards, announcements, ranks)
    replies = []
    for (index, decision), places in zip(saved.decisions.items(), ranks, strict=True):
        completion = held.get(index) or completion_of(decision, places)
        saved.answers[index] = completion
        if decision.request.idempotency_key:
            replies.append(stored_reply(decision, completion))
    marker.mark(saved.outbox_id, replies)
    return saved.answers


async def _held(platform: Platform, saved: SavedBatch) -> dict[int, Completion]:
    """The held completions of a batch, each with where everything that is held would lead its player."""
    held = {
        index: decision for index, decision in saved.decisions.items() if decision.entry.entry_type is EntryType.HELD
    }
    pending = await try_load_pending(platform, {decision.action.player_id for decision in held.values()})
    wanted = []
    for decision in held.values():
        entry, player_id = decision.entry, decision.action.player_id
        for key, season, score in zip(decision.board_keys, entry.season_ids, entry.current, strict=True):
            board = saved.boards[key]
            would_be = provisional_score(board, score, pending.of(season, player_id))
            wanted.append((season, board, player_id, would_be))
    ranks = await provisional_ranks(platform, wanted)
    found: dict[UUID, dict[int, Provisional]] = {}
    for (season, _, player_id, would_be), rank in zip(wanted, ranks, strict=True):
        found.setdefault(player_id, {})[season] = Provisional(would_be, rank)
    return {
        index: with_provisional(completion_of(decision), found.get(decision.action.player_id, {}))
        for index, decision in held.items()
    }


def _changes(decision: Decision, saved: SavedBatch) -> tuple[StandingChange, ...]:
    if decision.entry.entry_type is EntryType.HELD:
        return ()
    username, visible = saved.usernames[decision.action.player_id]
    return tuple(
        StandingChange(
            total.season_id,
            board,
            total.player_id,
            username,
            before,
            total.score if visible else None,
            total.reached_at,
            total.version,
        )
        for total, board, before in zip(decision.totals, decision.board_keys, decision.entry.previous, strict=True)
    )
