"""Actions beside the hot path: their state, batches of trusted servers, asynchronous execution."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request

from scoreboard import telemetry
from scoreboard.domain.action import Action, require_signed
from scoreboard.domain.action_token_life import shown_status, token_state
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security import action_token
from scoreboard.storage import actions
from scoreboard.storage.database import Transaction
from scoreboard.storage.jobs import Job
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.execute_action import enqueue_action, read_job
from scoreboard_api.defence import idempotency_key
from scoreboard_api.deps import Reader, Service, Wired, Writer
from scoreboard_api.errors import problem_body
from scoreboard_api.routes.documented import KEYED, SIGNED_IN, WITH_BODY, WRITING, problems
from scoreboard_api.routes.hot import fingerprint, update_request
from scoreboard_api.routes.replies import completed_fields, completed_status, plain
from scoreboard_api.schemas.actions import (
    ActionState,
    Batch,
    BatchItem,
    BatchReply,
    JobAccepted,
    JobState,
    UpdateBody,
    UpdateScore,
)
from scoreboard_api.signatures import is_signed, require_signature
from scoreboard_api.wiring import Wiring

router = APIRouter(prefix="/api/v1", tags=["actions"])
legacy = APIRouter(prefix="/api", tags=["actions"])
_TOKEN_PROBLEMS = (
    ErrorCode.INVALID_SIGNATURE,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.NOT_FOUND,
)


def as_uuid(text: str, code: ErrorCode, detail: str) -> UUID:
    """An id from a path or a body. What cannot be an id is unknown: raises Refusal with the code given."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Refusal(code, detail) from error


@router.get(
    "/actions/{action_id}", responses=problems(SIGNED_IN, [ErrorCode.TASK_NOT_FOUND]), summary="The state of an action"
)
async def read_action(action_id: str, wiring: Wired, claims: Reader) -> ActionState:
    """Only the player's own actions can be seen."""
    unknown = "There is no such action."
    wanted = as_uuid(action_id, ErrorCode.TASK_NOT_FOUND, unknown)

    async def work(tx: Transaction) -> tuple[Action | None, datetime]:
        return await actions.find(tx, wanted), await actions.clock(tx)

    action, now = await wiring.platform.database.transact(work)
    if action is None or action.player_id != claims.player_id:
        raise Refusal(ErrorCode.TASK_NOT_FOUND, unknown)
    path = f"/api/v1/actions/{action.id}"
    return ActionState(
        action_id=action.id,
        kind=action.kind_key,
        kind_version=action.kind_version,
        status=str(shown_status(action, now)),
        token=str(token_state(action, now)),
        points=action.points,
        created_at=action.created_at,
        expires_at=action.expires_at,
        completed_at=action.completed_at,
        links={"self": path, "complete": f"{path}/complete"},
    )


@router.post(
    "/actions/complete-batch",
    responses=problems(WRITING, WITH_BODY, KEYED, [ErrorCode.FORBIDDEN, ErrorCode.IDEMPOTENCY_KEY_MISSING]),
    summary="Complete many actions (trusted servers)",
)
async def complete_batch(request: Request, wiring: Wired, claims: Service, body: Batch) -> BatchReply:
    """Each item gets its own result; a refusal does not touch the others. Safe to repeat with the same key."""
    key = idempotency_key(request, required=True)
    if len(body.items) > wiring.settings.batch_items:
        fault = {"pointer": "/items", "detail": f"At most {wiring.settings.batch_items} items."}
        raise Refusal(ErrorCode.VALIDATION_ERROR, "The batch is too long.", extra={"errors": [fault]})
    signed = is_signed(request)
    require_signature(wiring, signed=signed)
    results = await asyncio.gather(
        *(
            _complete_item(wiring, item, f"batch:{claims.player_id}:{key}:{n}", signed=signed)
            for n, item in enumerate(body.items)
        ),
    )
    return BatchReply.model_validate(
        {"items": [_batch_result(wiring, request, result) for result in results]}, strict=False
    )


async def _complete_item(wiring: Wiring, item: BatchItem, key: str, *, signed: bool) -> Completion | Refusal:
    try:
        player_id = as_uuid(item.player_id, ErrorCode.NOT_FOUND, "There is no such player.")
        token = action_token.read(wiring.platform.action_token_key, item.action_token)
        if token.player_id != player_id:
            raise Refusal(ErrorCode.UNAUTHORIZED, "This action belongs to another player.")
        mark = fingerprint("complete", token.action_id.hex, item.points, None)
        return await wiring.completions.submit(
            CompletionRequest(
                player_id,
                token.action_id,
                mark,
                points=item.points,
                idempotency_key=key,
                trace_id=telemetry.traceparent(),
                signed=signed,
                begun_at=token.issued_at,
                timed=False,
            )
        )
    except Refusal as refusal:
        return refusal


def _batch_result(wiring: Wiring, request: Request, result: Completion | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        problem = problem_body(result, instance=request.url.path, request_id=request.scope["state"]["request_id"])
        return {"status": problem["status"], "problem": plain_problem(wiring, problem)}
    return {"status": completed_status(result), "result": plain(completed_fields(wiring, result))}


def plain_problem(wiring: Wiring, problem: dict[str, Any]) -> dict[str, Any]:
    """A problem whose recorded result, if it has one, is shaped like any other completion."""
    result = problem.get("result")
    if isinstance(result, Completion):
        return problem | {"result": plain(completed_fields(wiring, result))}
    return problem


_EXECUTE = problems(WRITING, WITH_BODY, KEYED, _TOKEN_PROBLEMS)


@legacy.post("/actions/execute", status_code=202, responses=_EXECUTE, summary="Queue an action (unversioned path)")
@router.post("/actions/execute", status_code=202, responses=_EXECUTE, summary="Queue an action")
async def execute_action(request: Request, wiring: Wired, claims: Writer, body: UpdateScore) -> JobAccepted:
    """The same body as `scores/update`; the result comes by polling the job and as a live message."""
    signed = is_signed(request)
    require_signature(wiring, signed=signed)
    wanted = update_request(wiring, claims, UpdateBody(**body.model_dump()), request, signed=signed)
    if wanted.kind_key is not None:
        kind = (await wiring.platform.catalog.kinds([wanted.kind_key])).get(wanted.kind_key)
        if kind is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such kind of action.")
        require_signed(kind, signed=signed)
    job_id, _ = await enqueue_action(wiring.platform, wanted)
    versioned = request.url.path.startswith("/api/v1/")
    return JobAccepted(
        job_id=job_id,
        status="queued",
        links={"self": f"/api/v1/jobs/{job_id}"},
        **({} if versioned else {"jobId": job_id}),
    )


@router.get("/jobs/{job_id}", responses=problems(SIGNED_IN, [ErrorCode.NOT_FOUND]), summary="The state of a job")
async def read_job_state(job_id: str, wiring: Wired, claims: Reader) -> JobState:
    """Only the player's own jobs can be seen."""
    wanted = as_uuid(job_id, ErrorCode.NOT_FOUND, "There is no such job.")
    return job_state(wiring, await read_job(wiring.platform, claims.player_id, wanted))


def job_state(wiring: Wiring, job: Job) -> JobState:
    """A job as its player sees it."""
    result = None
    if job.result is not None:
        result = plain(completed_fields(wiring, msgspec.convert(job.result, Completion)))
    return JobState.model_validate(
        {
            "job_id": job.id,
            "status": job.status,
            "result": result,
            "problem": job.problem,
            "created_at": job.created_at,
            "finished_at": job.finished_at,
            "links": {"self": f"/api/v1/jobs/{job.id}"},
        },
        strict=False,
    )
