"""One review case with everything that a reviewer needs to decide: evidence as it is now, or as it was frozen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.domain.board import Board
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Player
from scoreboard.domain.provisional import provisional_score
from scoreboard.domain.review import CaseSource, CaseStatus, ReviewCase
from scoreboard.domain.review_decision import Accused, Reviewer, choices, is_taken, lifts, may_look, second_needed
from scoreboard.domain.signal_words import unit_of, words_of
from scoreboard.storage import actions, players, reports, review_cases, review_evidence, review_queue
from scoreboard.storage.database import Transaction
from scoreboard.storage.review_evidence import HeldAction, NotedEvent, OpenTotal, PlayedAction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.case_views import (
    AppealView,
    CaseDetail,
    EarlierView,
    EventView,
    Evidence,
    HeldTotal,
    HeldView,
    May,
    ReportView,
    StakeView,
    TimelineView,
    person,
)
from scoreboard.usecases.list_cases import views_of
from scoreboard.usecases.platform import Platform

_UNKNOWN = "There is no such case."
_EVENTS = 500
_ACTIONS = 200
_HELD = 500
_REPORTS = 100
_EARLIER = 20


async def read_case(platform: Platform, case_id: UUID, by: Actor) -> CaseDetail:
    """A case for a reviewer.

    Raises:
        Refusal: NOT_FOUND, or FORBIDDEN for the case about oneself.
        StoreUnavailable: it cannot be read.
    """
    boards = await platform.catalog.boards()

    async def work(tx: Transaction) -> CaseDetail:
        case = await review_cases.find(tx, case_id)
        if case is None:
            raise Refusal(ErrorCode.NOT_FOUND, _UNKNOWN)
        reviewer = Reviewer(by.id, by.role)
        if not may_look(case, reviewer):
            raise Refusal(ErrorCode.FORBIDDEN, "This case is about your own account; somebody else has to look at it.")
        now = await actions.clock(tx)
        player = (await players.find_many(tx, [case.player_id]))[case.player_id]
        held = (await review_evidence.held_counts(tx, [player.id])).get(player.id, (0, 0))
        accused = Accused(player.role, player.status, player.protected, held[0])
        frozen = await review_cases.evidence_of(tx, case.id)
        if frozen is not None:
            evidence = frozen_evidence(frozen)
        else:
            waiting = await review_evidence.held(tx, [player.id])
            evidence = await gather_evidence(tx, boards, case, waiting)
        [view] = await views_of(tx, boards, [case], now)
        may = _may(case, accused, reviewer, now, appealed=evidence.appeal is not None)
        return CaseDetail(view, evidence, may)

    return await platform.database.transact(work)


def _may(case: ReviewCase, accused: Accused, reviewer: Reviewer, now: datetime, *, appealed: bool) -> May:
    if case.status is not CaseStatus.OPEN or is_taken(case, reviewer.id, now):
        return May(False, (), False)
    decisions = tuple(str(choice) for choice in choices(case, accused))
    lifted = lifts(case, accused.status, reviewer.id, appealed=appealed)
    return May(True, decisions, second_needed(case, accused, reviewer.id), lifted)


def frozen_evidence(stored: str) -> Evidence:
    """Evidence as it was stored with a decision."""
    return msgspec.json.decode(stored, type=Evidence)


def freeze(evidence: Evidence, at: datetime) -> str:
    """Evidence as it is stored with a decision."""
    return msgspec.json.encode(msgspec.structs.replace(evidence, frozen_at=at)).decode()


async def gather_evidence(
    tx: Transaction, boards: Mapping[str, Board], case: ReviewCase, held: Sequence[HeldAction]
) -> Evidence:
    """Everything that is known about a case now, bounded: the latest of what there is too much of.

    ``held`` are all of the player's held actions, oldest first.
    """
    player_id = case.player_id
    noted = await review_evidence.events(tx, case.id, _EVENTS)
    told = await reports.of_case(tx, case.id, _REPORTS)
    appeal = await reports.appeal_in(tx, case.id)
    others = [other for other in await review_queue.of_player(tx, player_id, _EARLIER + 1) if other.id != case.id]
    explained = _model(noted)
    ring = {UUID(each["player_id"]) for each in (explained or {}).get("together", ())}
    people = await players.find_many(tx, {report.reporter_id for report in told} | ring)
    return Evidence(
        tuple(_event(event) for event in noted),
        explained and _named(explained, people),
        _timeline(await review_evidence.played(tx, player_id, _ACTIONS + 1)),
        tuple(HeldView(each.action_id, each.kind, each.points, each.at) for each in held[-_HELD:]),
        HeldTotal(len(held), sum(each.points for each in held)),
        tuple(await _standings(tx, boards, player_id, held)),
        tuple(_reports(told, people)),
        None if appeal is None else AppealView(appeal.created_at, appeal.words),
        tuple(
            EarlierView(other.id, other.number, other.decision and str(other.decision), other.opened_at)
            for other in others[:_EARLIER]
        ),
    )


def _event(event: NotedEvent) -> EventView:
    return EventView(
        event.at,
        event.source,
        event.signal,
        words_of(event.signal, event.reference if event.source == CaseSource.MODEL else None),
        event.value,
        event.reference,
        event.weight,
        event.suspicion,
        event.action_id,
        unit_of(event.signal, by_model=event.source == CaseSource.MODEL) if event.value is not None else None,
    )


def _model(noted: Sequence[NotedEvent]) -> dict[str, Any] | None:
    """The model's latest explanation."""
    explained = (event.detail for event in reversed(noted) if event.source == CaseSource.MODEL and event.detail)
    return next(explained, None)


def _named(explained: dict[str, Any], people: dict[UUID, Player]) -> dict[str, Any]:
    """With the names of the accounts that act together; explanations from before they were told have none."""
    ring = [
        {**each, "username": person(UUID(each["player_id"]), people).username} for each in explained.get("together", ())
    ]
    return {**explained, "together": ring}


def _timeline(played: Sequence[PlayedAction]) -> tuple[TimelineView, ...]:
    views = []
    for place, action in enumerate(played):
        interval = (action.at - played[place - 1].at).total_seconds() if place else None
        views.append(TimelineView(action.at, action.kind, action.points, action.age_s, interval, action.status))
    return tuple(views[-_ACTIONS:])


def _reports(told: Sequence[reports.Report], people: dict[UUID, Player]) -> list[ReportView]:
    return [
        ReportView(report.created_at, person(report.reporter_id, people), report.reason, report.note) for report in told
    ]


async def _standings(
    tx: Transaction, boards: Mapping[str, Board], player_id: UUID, held: Sequence[HeldAction]
) -> list[StakeView]:
    """The player's places on open boards, now and if the held points counted."""
    seasons = {season for action in held for season in action.season_ids}
    views = []
    for total in await review_evidence.open_totals(tx, [player_id], seasons):
        board = boards.get(total.board_key)
        if board is not None:
            views.append(await _stake(tx, board, total, held))
    return views


async def _stake(tx: Transaction, board: Board, total: OpenTotal, held: Sequence[HeldAction]) -> StakeView:
    waiting = [(action.at, action.points) for action in held if total.season_id in action.season_ids]
    score, reached_at = provisional_score(board, total.score, total.reached_at, waiting)
    rank = provisional = None
    if total.visible and total.score is not None and total.reached_at is not None:
        rank = await review_evidence.rank_of(tx, board, total.season_id, total.player_id, total.score, total.reached_at)
    if score is not None and reached_at is not None:
        provisional = await review_evidence.rank_of(tx, board, total.season_id, total.player_id, score, reached_at)
    return StakeView(board.key, board.title, total.season_id, rank, total.score, score, provisional)
