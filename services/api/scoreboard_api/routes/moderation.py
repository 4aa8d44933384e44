"""Review cases: the queue, a case with its evidence, who has it, how it ends."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.review import ReviewDecision
from scoreboard.storage.review_queue import Place
from scoreboard.usecases.case_views import CaseView
from scoreboard.usecases.claim_case import claim_case, return_case
from scoreboard.usecases.decide_case import decide_case
from scoreboard.usecases.list_cases import Shelf, list_cases
from scoreboard.usecases.read_case import read_case
from scoreboard_api.acting import actor_of, keyed, mark_repeated
from scoreboard_api.deps import CaseReader, CaseWriter, Wired
from scoreboard_api.routes.actions import as_uuid
from scoreboard_api.routes.documented import KEYED, SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.schemas.moderation import Case, CaseList, Decide, FullCase, NoFields

router = APIRouter(prefix="/api/v1/moderation", tags=["moderation"])
CASES = "/api/v1/moderation/cases"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(\d{1,9})-(\d{1,17})-([0-9a-f]{32})", re.ASCII)
_READ = (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND)
_WRITE = (*_READ, ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_KEY_MISSING)
_MICROSECOND = timedelta(microseconds=1)


def case_fields(view: CaseView) -> dict[str, object]:
    """A case as its schema wants it."""
    case = f"{CASES}/{view.id}"
    player = f"/api/v1/moderation/players/{view.player.id}"
    links = {"self": case, "claim": f"{case}/claim", "decide": f"{case}/decide", "player": player}
    fields: dict[str, object] = msgspec.to_builtins(view)
    return fields | {"links": links}


def _case_id(text: str) -> UUID:
    return as_uuid(text, ErrorCode.NOT_FOUND, "There is no such case.")


def _as_cursor(place: Place | None) -> str | None:
    if place is None:
        return None
    priority, moment, case_id = place
    return f"{priority}-{(moment - _EPOCH) // _MICROSECOND}-{case_id.hex}"


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is None:
            raise ValueError("another form")
        return int(found[1]), _EPOCH + timedelta(microseconds=int(found[2])), UUID(found[3])
    except (ValueError, OverflowError) as error:
        fault = {"pointer": "#/query/cursor", "detail": "Use the next_cursor of the page before."}
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The query is not valid.", extra={"errors": [fault]}) from error


@router.get("/cases", responses=problems(SIGNED_IN, [ErrorCode.FORBIDDEN]), summary="The queue of review cases")
async def read_queue(
    wiring: Wired,
    claims: CaseReader,
    state: Shelf = Shelf.OPEN,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before")] = None,
) -> CaseList:
    """Open cases by urgency, then age; `mine` are those that you have claimed; decided ones newest first."""
    page = await list_cases(wiring.platform, claims.player_id, state, _place(cursor), limit)
    return CaseList.model_validate(
        {
            "items": [case_fields(view) for view in page.cases],
            "next_cursor": _as_cursor(page.next),
            "queue": asdict(page.queue),
            "links": {"self": CASES, "anticheat": "/api/v1/moderation/anticheat"},
        }
    )


@router.get("/cases/{case_id}", responses=problems(SIGNED_IN, _READ), summary="A case with its evidence")
async def read_one(request: Request, wiring: Wired, claims: CaseReader, case_id: str) -> FullCase:
    """Evidence as it is now; of a decided case as it was then. Nobody reads the case about themselves."""
    detail = await read_case(wiring.platform, _case_id(case_id), actor_of(request, claims))
    evidence = msgspec.to_builtins(detail.evidence)
    del evidence["held_total"]  # the case itself tells it
    more = {"evidence": evidence, "may": msgspec.to_builtins(detail.may)}
    return FullCase.model_validate(case_fields(detail.case) | more)


@router.post("/cases/{case_id}/claim", responses=problems(WRITING, WITH_BODY, KEYED, _WRITE), summary="Take a case")
async def claim(
    request: Request, response: Response, wiring: Wired, claims: CaseWriter, case_id: str, _body: NoFields
) -> Case:
    """Nobody else can decide until the lease lapses. Claiming again renews it."""
    wanted = keyed(request, claims)
    view = await claim_case(wiring.platform, _case_id(case_id), actor_of(request, claims), wanted)
    mark_repeated(response, wanted)
    return Case.model_validate(case_fields(view))


@router.delete(
    "/cases/{case_id}/claim", responses=problems(WRITING, [*_READ, ErrorCode.CONFLICT]), summary="Give a case back"
)
async def give_back(request: Request, wiring: Wired, claims: CaseWriter, case_id: str) -> Case:
    """Giving back what nobody has changes nothing."""
    return Case.model_validate(
        case_fields(await return_case(wiring.platform, _case_id(case_id), actor_of(request, claims)))
    )


@router.post("/cases/{case_id}/decide", responses=problems(WRITING, WITH_BODY, KEYED, _WRITE), summary="Decide a case")
async def decide(
    request: Request, response: Response, wiring: Wired, claims: CaseWriter, case_id: str, body: Decide
) -> Case:
    """Release: held points count, with their original time. Reject: they are void. Ban: the account is closed as well.
    Dismiss: nothing was wrong. For a protected player the first decision is a proposal.
    """
    wanted, who = keyed(request, claims, body.decision, body.note), actor_of(request, claims)
    case, decision = _case_id(case_id), ReviewDecision(body.decision)
    # With many held points it may take longer than a request: it goes on, and the same key asks for its result.
    view = await wiring.steady.run(
        wanted.player_id,
        wanted.key,
        wanted.fingerprint,
        lambda: decide_case(wiring.platform, case, decision, body.note, who, wanted),
    )
    mark_repeated(response, wanted)
    return Case.model_validate(case_fields(view))
