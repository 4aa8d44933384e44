"""Retroactive corrections: look at what would change, apply, undo."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from scoreboard.domain.correction import Scope
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.correction_views import CorrectionView, list_corrections, read_correction
from scoreboard.usecases.keyed import Keyed
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.undo_correction import undo_correction
from scoreboard_api.acting import actor_of, keyed, mark_repeated
from scoreboard_api.deps import CaseReader, CaseWriter, Wired
from scoreboard_api.routes.actions import as_uuid
from scoreboard_api.routes.documented import KEYED, SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.schemas.corrections import (
    ApplyCorrection,
    CorrectionOut,
    CorrectionPreview,
    Corrections,
    Moment,
    PreviewCorrection,
    ScopeIn,
    UndoCorrection,
)
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1/moderation/corrections", tags=["moderation"])
_PATH = "/api/v1/moderation/corrections"
_STAFF = [ErrorCode.FORBIDDEN]
_CHANGING = [
    *(ErrorCode.CONFLICT, ErrorCode.INVALID_SCORE, ErrorCode.NOT_FOUND, ErrorCode.IDEMPOTENCY_KEY_MISSING),
    *_STAFF,
]
_NEWEST = 2**63 - 1
_UNKNOWN = "There is no such correction."


def _scope(sent: ScopeIn) -> Scope:
    return Scope(
        None if sent.player_id is None else as_uuid(sent.player_id, ErrorCode.NOT_FOUND, "There is no such player."),
        None if sent.action_id is None else as_uuid(sent.action_id, ErrorCode.NOT_FOUND, "There is no such action."),
        sent.kind,
        _dated(sent.since, "since"),
        _dated(sent.until, "until"),
    )


def _dated(moment: Moment | None, name: str) -> Moment | None:
    if moment is None:
        return None
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        fault = "needs a time zone, as in 2026-01-31T12:00:00Z"
    except OverflowError:
        fault = "lies outside of the years 1 to 9999"
    faults = [{"pointer": f"/scope/{name}", "detail": fault}]
    raise Refusal(ErrorCode.VALIDATION_ERROR, "This moment cannot be used.", extra={"errors": faults})


def _out(view: CorrectionView) -> CorrectionOut:
    fields: dict[str, Any] = msgspec.to_builtins(view)
    path = f"{_PATH}/{view.id}"
    return CorrectionOut.model_validate(fields | {"links": {"self": path, "undo": f"{path}/undo"}}, strict=False)


async def _steadily(wiring: Wiring, key: Keyed, work: Callable[[], Awaitable[CorrectionView]]) -> CorrectionView:
    """A large correction may take longer than a request: it goes on, and the same key asks for its result."""
    return await wiring.steady.run(key.player_id, key.key, key.fingerprint, work)


@router.post(
    "/preview",
    responses=problems(WRITING, WITH_BODY, _STAFF, [ErrorCode.INVALID_SCORE, ErrorCode.NOT_FOUND]),
    summary="What a correction would change",
)
async def preview(wiring: Wired, _claims: CaseWriter, body: PreviewCorrection) -> CorrectionPreview:
    """Changes nothing. Only actions that count are found: held ones are for their review case."""
    found = await preview_correction(wiring.platform, _scope(body.scope))
    fields = {
        "scope": msgspec.to_builtins(found.scope),
        "actions": len(found.found),
        "players": found.players,
        "points": found.points,
        "digest": found.digest,
        "boards": msgspec.to_builtins(found.boards),
        "links": {"self": f"{_PATH}/preview", "apply": _PATH},
    }
    return CorrectionPreview.model_validate(fields, strict=False)


@router.post(
    "", status_code=201, responses=problems(WRITING, WITH_BODY, KEYED, _CHANGING), summary="Apply a correction"
)
async def apply(
    request: Request, response: Response, wiring: Wired, claims: CaseWriter, body: ApplyCorrection
) -> CorrectionOut:
    """Voids exactly what the preview with this digest was about; every board follows at once."""
    case_id = None if body.case_id is None else as_uuid(body.case_id, ErrorCode.NOT_FOUND, "There is no such case.")
    wanted = Wanted(_scope(body.scope), body.reason, body.digest, case_id)
    key = keyed(request, claims, msgspec.to_builtins(wanted))
    actor = actor_of(request, claims)
    view = await _steadily(wiring, key, lambda: apply_correction(wiring.platform, wanted, actor, keyed=key))
    mark_repeated(response, key)
    response.headers["Location"] = f"{_PATH}/{view.id}"
    return _out(view)


@router.get("", responses=problems(SIGNED_IN, _STAFF), summary="Corrections")
async def list_all(
    wiring: Wired,
    _claims: CaseReader,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[int | None, Query(ge=1, le=_NEWEST, description="`next_cursor` of the page before")] = None,
) -> Corrections:
    """Newest first, those that were undone too."""
    views, following = await list_corrections(wiring.platform, limit, cursor or _NEWEST)
    cursor_out = None if following is None else str(following)
    links = {"self": _PATH, "preview": f"{_PATH}/preview"}
    return Corrections(items=[_out(view) for view in views], next_cursor=cursor_out, links=links)


@router.get("/{correction_id}", responses=problems(SIGNED_IN, _STAFF, [ErrorCode.NOT_FOUND]), summary="One correction")
async def read_one(correction_id: str, wiring: Wired, _claims: CaseReader) -> CorrectionOut:
    """What it took back and what that changed."""
    return _out(await read_correction(wiring.platform, as_uuid(correction_id, ErrorCode.NOT_FOUND, _UNKNOWN)))


@router.post(
    "/{correction_id}/undo", responses=problems(WRITING, WITH_BODY, KEYED, _CHANGING), summary="Undo a correction"
)
async def undo(
    correction_id: str, request: Request, response: Response, wiring: Wired, claims: CaseWriter, body: UndoCorrection
) -> CorrectionOut:
    """Gives back what it took, with the original moments. What something else decided about since stays as it is."""
    wanted = as_uuid(correction_id, ErrorCode.NOT_FOUND, _UNKNOWN)
    key = keyed(request, claims, body.reason)
    actor = actor_of(request, claims)
    view = await _steadily(wiring, key, lambda: undo_correction(wiring.platform, wanted, body.reason, actor, keyed=key))
    mark_repeated(response, key)
    return _out(view)
