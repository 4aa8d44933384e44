"""Actions: what can be done, what it is worth, and whether an attempt counts.

``complete_actions`` and ``create_actions`` load the rows, call these rules item by item, and save what they say.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from scoreboard.domain.clock import seconds_between
from scoreboard.domain.errors import ErrorCode, Refusal


class ActionStatus(StrEnum):
    """The life of an attempt. ``held`` waits for a moderator; expired and rejected ones never count; a voided one did
    count and was taken back.
    """

    CREATED = "created"
    COMPLETED = "completed"
    HELD = "held"
    EXPIRED = "expired"
    REJECTED = "rejected"
    VOIDED = "voided"


class Signature(StrEnum):
    """Whether requests about an action must be signed; an optional signature is verified when it is there."""

    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ActionKind:
    """What can be done and what it is worth. Durations and the cooldown are in seconds.

    Either ``points`` is fixed, or the client reports points within ``min_points``..``max_points``.
    ``attempts`` completions are allowed in ``window_s`` seconds; ``once`` allows one for ever.
    ``direct`` kinds may be created and completed in one call, so they have no start to measure from.
    """

    key: str
    title: str
    version: int = 1
    points: int | None = None
    min_points: int = 0
    max_points: int = 0
    cooldown_s: float = 0
    min_duration_s: float = 0
    max_duration_s: float | None = None
    token_ttl_s: int = 600
    attempts: int | None = None
    window_s: float = 86400
    once: bool = False
    direct: bool = False
    enabled: bool = True
    signature: Signature = Signature.OPTIONAL
    boards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One attempt of a player."""

    id: UUID
    player_id: UUID
    kind_key: str
    kind_version: int
    status: ActionStatus
    created_at: datetime
    expires_at: datetime
    client_id: str | None = None
    completed_at: datetime | None = None
    points: int | None = None
    request_hash: bytes | None = None
    ledger_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a player has done of one kind so far: the memory behind cooldown, attempts and once-only."""

    completed: int = 0
    last_completed_at: datetime | None = None
    window_started_at: datetime | None = None
    window_completed: int = 0


def ended(action: Action, status: ActionStatus, at: datetime, points: int, request_hash: bytes) -> Action:
    """The attempt as it ends. Built field by field: ``dataclasses.replace`` takes five times as long, each time."""
    return Action(
        action.id,
        action.player_id,
        action.kind_key,
        action.kind_version,
        status,
        action.created_at,
        action.expires_at,
        action.client_id,
        at,
        points,
        request_hash,
        action.ledger_seq,
    )


def award(kind: ActionKind, reported: int | None) -> int:
    """The points that the server grants. Fixed kinds accept a reported value only when it is the same.

    Raises:
        Refusal: INVALID_SCORE when the report is missing, not wanted or out of bounds.
    """
    if kind.points is not None:
        if reported is not None and reported != kind.points:
            raise Refusal(ErrorCode.INVALID_SCORE, "The points of this action are set by the server.")
        return kind.points
    if reported is None:
        raise Refusal(ErrorCode.INVALID_SCORE, "This action needs the points that were reached.")
    if not kind.min_points <= reported <= kind.max_points:
        raise Refusal(
            ErrorCode.INVALID_SCORE, f"The points of this action lie between {kind.min_points} and {kind.max_points}."
        )
    return reported


def require_signed(kind: ActionKind, *, signed: bool) -> None:
    """Raises Refusal INVALID_SIGNATURE for an unsigned request where the kind wants a signed one."""
    if kind.signature is Signature.REQUIRED and not signed:
        raise Refusal(ErrorCode.INVALID_SIGNATURE, "Requests about this kind of action must be signed.")


def require_allowed(kind: ActionKind, usage: Usage, now: datetime) -> None:
    """Cooldown, attempts in the window and once-only, as they stand now.

    Raises:
        Refusal: ALREADY_COMPLETED, COOLDOWN or ACTION_LIMIT, the latter two with the exact time to wait.
    """
    if kind.once and usage.completed > 0:
        raise Refusal(ErrorCode.ALREADY_COMPLETED, "This action counts only once, and it was completed already.")
    if kind.cooldown_s and usage.last_completed_at is not None:
        left = kind.cooldown_s - seconds_between(usage.last_completed_at, now)
        if left > 0:
            raise Refusal(ErrorCode.COOLDOWN, "This action needs a pause before it counts again.", left)
    if kind.attempts is not None and usage.window_started_at is not None and usage.window_completed >= kind.attempts:
        left = kind.window_s - seconds_between(usage.window_started_at, now)
        if left > 0:
            raise Refusal(ErrorCode.ACTION_LIMIT, "All attempts of this action are used up for now.", left)


def require_duration(kind: ActionKind, action: Action, now: datetime) -> None:
    """The attempt must have lasted as long as the kind demands, and no longer than it allows.

    Raises:
        Refusal: ACTION_TOO_EARLY with the time left, or ACTION_EXPIRED.
    """
    lasted = seconds_between(action.created_at, now)
    if kind.max_duration_s is not None and lasted > kind.max_duration_s:
        raise Refusal(ErrorCode.ACTION_EXPIRED, "This action took longer than it may; start a new one.")
    if lasted < kind.min_duration_s:
        raise Refusal(
            ErrorCode.ACTION_TOO_EARLY,
            "This action cannot be finished so soon after its start.",
            kind.min_duration_s - lasted,
        )


def count_completion(kind: ActionKind, usage: Usage, now: datetime) -> Usage:
    """The usage after one more completion; the window of attempts starts with the first one in it."""
    started = usage.window_started_at
    fresh = started is None or now - started >= timedelta(seconds=kind.window_s)
    return Usage(
        completed=usage.completed + 1,
        last_completed_at=now,
        window_started_at=now if fresh else started,
        window_completed=1 if fresh else usage.window_completed + 1,
    )


def expected_points(kind: ActionKind) -> int | None:
    """What a completion will be worth, as far as it is known before: None where the client reports it."""
    return kind.points
