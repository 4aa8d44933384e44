"""Whether an attempt counts or is held, and what it changes. Pure: the rows come in, the changes go out.

``usecases/complete_actions`` feeds a batch through :func:`decide` item by item and folds each decision back into the
rows, so two completions of one player in a batch see each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from scoreboard.domain.action import (
    Action,
    ActionKind,
    ActionStatus,
    Usage,
    award,
    count_completion,
    ended,
    require_allowed,
    require_duration,
    require_signed,
)
from scoreboard.domain.action_token_life import LEAST_KEPT, TokenState, token_state
from scoreboard.domain.board import Board, Order
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.events import EntryType, LedgerEntry, Verdict
from scoreboard.domain.judgement import Judgement, Leave, judge_completion, suspicious
from scoreboard.domain.pace import beat_of
from scoreboard.domain.pending import HeldCount
from scoreboard.domain.player import Player, require_playing
from scoreboard.domain.policy import AntiCheatPolicy, Policies
from scoreboard.domain.score import Total, advance
from scoreboard.domain.season import Season
from scoreboard.domain.suspicion import Memory


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A player's claim to have completed an action, its access and action token already verified.

    Either ``action_id`` names an attempt that was begun, or ``client_id`` and ``kind_key`` ask for a direct one, for
    which ``action_id`` is the id that its row will get. ``fingerprint`` is the same for the same request, ``signed``
    says that it came with a good signature.
    ``begun_at`` is when its token was issued. ``accepted_at`` is when a queued request came in: its token need only
    have been valid then, and the player acted then. ``timed`` is off for what a trusted server sends: its moment tells
    nothing about the player. ``clock_ahead`` is by how many seconds the clock of a signed request was ahead of ours,
    ``players_at_address`` how many players completed from its address just now.
    """

    player_id: UUID
    action_id: UUID
    fingerprint: bytes
    client_id: str | None = None
    kind_key: str | None = None
    points: int | None = None
    season_id: int | None = None
    idempotency_key: str | None = None
    accepted_at: datetime | None = None
    trace_id: str | None = None
    signed: bool = False
    begun_at: datetime | None = None
    timed: bool = True
    clock_ahead: int | None = None
    players_at_address: int = 0


Judge = Callable[[CompletionRequest, "Rows", Player, Action, int, datetime], Judgement]
_FALLBACK = Policies({}, AntiCheatPolicy("default"))


@dataclass(slots=True)
class Rows:
    """What was loaded for a batch; decisions are folded into it.

    ``leave`` tells who may be suspended; ``suspended`` are the players whom this batch suspends; ``held`` counts what
    waits for a reviewer. ``judge`` takes the place of :func:`judge_attempt`, for who wants to know how long that lasts.
    """

    players: dict[UUID, Player]
    actions: dict[UUID, Action]
    direct: dict[tuple[UUID, str], Action]
    kinds: dict[str, ActionKind]
    versions: dict[tuple[str, int], ActionKind]
    boards: dict[str, Board]
    seasons: dict[str, Season]
    usage: dict[tuple[UUID, str], Usage]
    totals: dict[tuple[int, UUID], Total]
    memories: dict[UUID, Memory] = field(default_factory=dict)
    policies: Policies = _FALLBACK
    leave: dict[UUID, Leave] = field(default_factory=dict)
    suspended: set[UUID] = field(default_factory=set)
    held: HeldCount = field(default_factory=HeldCount)
    judge: "Judge | None" = None


@dataclass(frozen=True, slots=True)
class Decision:
    """An attempt that counts or is held: everything that has to be saved for it. A held one changes no total."""

    request: CompletionRequest
    action: Action
    fresh: bool
    usage: Usage
    totals: tuple[Total, ...]
    board_keys: tuple[str, ...]
    entry: LedgerEntry
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Suspended:
    """The attempt is refused and the account is to be suspended: nothing of it is recorded but what was seen."""

    request: CompletionRequest
    kind_key: str
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class AlreadyDecided:
    """The attempt was recorded before: its first result is the answer."""

    action: Action


def find_action(request: CompletionRequest, rows: Rows) -> Action | None:
    """The attempt that a request is about, where its row exists."""
    if request.client_id is not None:
        return rows.direct.get((request.player_id, request.client_id))
    return rows.actions.get(request.action_id)


def decide(request: CompletionRequest, rows: Rows, at: datetime) -> Decision | Suspended | AlreadyDecided:
    """Decide about one request at the moment ``at``.

    Raises:
        Refusal: the attempt does not count; see the error table of the API for the codes.
    """
    player = rows.players.get(request.player_id)
    if player is None:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This account does not exist any more.")
    require_playing(player, at)
    if player.id in rows.suspended:
        raise suspicious()
    action = find_action(request, rows)
    if action is not None:
        if action.player_id != request.player_id:
            raise Refusal(ErrorCode.UNAUTHORIZED, "This action belongs to another player.")
        require_signed(rows.versions[action.kind_key, action.kind_version], signed=request.signed)
        if action.status is not ActionStatus.CREATED:
            return _ended(request, action)
    fresh = action is None
    action = _begin_direct(request, rows, at) if action is None else _begun(request, action, at)
    kind = rows.versions[action.kind_key, action.kind_version]
    usage = rows.usage.get((player.id, kind.key), Usage())
    _require_enabled(rows, kind)
    require_allowed(kind, usage, at)
    points = award(kind, request.points)
    if not fresh:
        require_duration(kind, action, at)
    places = _places(request, rows, kind)
    before = [rows.totals.get((season.id, player.id)) for _, season in places]
    totals = tuple(
        advance(board, season.id, player.id, total, points, at, action.id)
        for (board, season), total in zip(places, before, strict=True)
    )
    judgement = (rows.judge or judge_attempt)(request, rows, player, action, points, at)
    if judgement.verdict is Verdict.SUSPEND:
        return Suspended(request, kind.key, judgement)
    held = judgement.verdict is Verdict.HOLD
    if held and not judgement.wants_suspension:
        rows.held.require_room(player.id)
    done = ended(action, ActionStatus.HELD if held else ActionStatus.COMPLETED, at, points, request.fingerprint)
    previous = tuple(None if total is None else total.standing for total in before)
    entry = LedgerEntry(
        EntryType.HELD if held else EntryType.APPLIED,
        at,
        action.id,
        player.id,
        kind.key,
        kind.version,
        points,
        tuple(season.id for _, season in places),
        previous,
        previous if held else tuple(total.score for total in totals),
        judgement.verdict,
        request.trace_id,
    )
    boards = tuple(board.key for board, _ in places)
    used = count_completion(kind, usage, at)
    return Decision(request, done, fresh, used, () if held else totals, boards, entry, judgement)


def judge_attempt(
    request: CompletionRequest, rows: Rows, player: Player, action: Action, points: int, at: datetime
) -> Judgement:
    """What the anti-cheat says to an attempt that breaks no rule and is worth so many points at the moment ``at``."""
    kind = rows.versions[action.kind_key, action.kind_version]
    memory = rows.memories.get(player.id, Memory())
    beat = beat_of(
        memory.recent,
        kind,
        rows.usage.get((player.id, kind.key), Usage()),
        points,
        request.accepted_at or at,
        begun_at=None if request.client_id is not None else action.created_at,
        clock=request.clock_ahead,
        rising=all(rows.boards[key].order is Order.DESC for key in kind.boards if key in rows.boards),
    )
    return judge_completion(
        player,
        memory,
        beat if request.timed else None,
        rows.policies.of(kind.key),
        at,
        action_id=action.id,
        leave=rows.leave.get(player.id, Leave.UNASKED),
        players_at_address=request.players_at_address,
    )


def fold(decision: Decision, rows: Rows) -> None:
    """Let the rest of the batch see a decision."""
    action = decision.action
    rows.actions[action.id] = action
    if action.client_id is not None:
        rows.direct[action.player_id, action.client_id] = action
    rows.usage[action.player_id, action.kind_key] = decision.usage
    rows.memories[action.player_id] = decision.judgement.memory
    if action.status is ActionStatus.HELD:
        rows.held.add(action.player_id)
    for total in decision.totals:
        rows.totals[total.season_id, total.player_id] = total


def fold_suspended(suspended: Suspended, rows: Rows) -> None:
    """Let the rest of the batch see that a player is suspended."""
    player_id = suspended.request.player_id
    rows.suspended.add(player_id)
    rows.memories[player_id] = suspended.judgement.memory


def _ended(request: CompletionRequest, action: Action) -> AlreadyDecided:
    if action.status in (ActionStatus.COMPLETED, ActionStatus.HELD):
        if action.request_hash == request.fingerprint:
            return AlreadyDecided(action)
        raise Refusal(ErrorCode.TOKEN_ALREADY_USED, "This action was completed by a different request.")
    raise Refusal(ErrorCode.CONFLICT, "This action has ended without counting; start a new one.")


def _begun(request: CompletionRequest, action: Action, at: datetime) -> Action:
    if token_state(action, min(at, request.accepted_at or at)) is not TokenState.ACTIVE:
        raise Refusal(ErrorCode.INVALID_TOKEN, "This action token has expired; start the action again.")
    return action


def _begin_direct(request: CompletionRequest, rows: Rows, at: datetime) -> Action:
    if request.client_id is None or request.kind_key is None:
        if request.begun_at is not None and at - request.begun_at > LEAST_KEPT:
            raise Refusal(ErrorCode.INVALID_TOKEN, "This action token has expired; start the action again.")
        raise Refusal(ErrorCode.TASK_NOT_FOUND, "There is no such action.")
    kind = rows.kinds.get(request.kind_key)
    if kind is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such kind of action.")
    if not kind.direct:
        raise Refusal(ErrorCode.CONFLICT, "Actions of this kind have to be started first, to get an action token.")
    require_signed(kind, signed=request.signed)
    rows.versions.setdefault((kind.key, kind.version), kind)
    return Action(
        request.action_id,
        request.player_id,
        kind.key,
        kind.version,
        ActionStatus.CREATED,
        at,
        at,
        client_id=request.client_id,
    )


def _require_enabled(rows: Rows, kind: ActionKind) -> None:
    current = rows.kinds.get(kind.key)
    if current is None or not current.enabled:
        raise Refusal(ErrorCode.CONFLICT, "Actions of this kind are switched off at the moment.")


def _places(request: CompletionRequest, rows: Rows, kind: ActionKind) -> list[tuple[Board, Season]]:
    """The board seasons in which the action counts now, in the order the kind lists its boards."""
    places = [
        (rows.boards[key], rows.seasons[key]) for key in kind.boards if key in rows.boards and key in rows.seasons
    ]
    if request.season_id is not None and request.season_id not in [season.id for _, season in places]:
        raise Refusal(ErrorCode.CONFLICT, "The season named in this request is not the one that is open now.")
    if kind.boards and not places:
        raise Refusal(ErrorCode.CONFLICT, "No season is open for this action at the moment.")
    return places
