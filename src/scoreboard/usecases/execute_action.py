"""Asynchronous actions: queue one now, run it in the worker, tell the player when it is done."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import structlog

from scoreboard import telemetry
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.errors import ErrorCode, Refusal, layer_of
from scoreboard.live.bus import JobFinished
from scoreboard.security.identifiers import new_id
from scoreboard.storage import idempotency, jobs, outbox
from scoreboard.storage.database import StoreContended, StoreUnavailable, Transaction
from scoreboard.storage.idempotency import StoredReply
from scoreboard.storage.jobs import Job
from scoreboard.usecases.announce import OutboxMarker, announce_control
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.weigh_refusal import weigh_refusal

_ACCEPTED = 202
_log = structlog.get_logger("scoreboard.jobs")


class JobPayload(msgspec.Struct, frozen=True):
    """A completion as it waits in the queue."""

    action_id: UUID
    fingerprint: bytes
    client_id: str | None
    kind_key: str | None
    points: int | None
    season_id: int | None
    trace_id: str | None
    signed: bool = False
    request_id: str | None = None


async def enqueue_action(platform: Platform, request: CompletionRequest) -> tuple[UUID, bool]:
    """Queue a completion.

    Returns:
        The job's id, and whether an earlier, equal request queued it.

    Raises:
        Refusal: IDEMPOTENCY_KEY_REUSED or IDEMPOTENCY_KEY_IN_FLIGHT.
        StoreUnavailable: nothing was queued.
    """
    job_id = new_id()
    # Its own mark: the same body under the same key asks for something else when it is sent to be done at once.
    mark = hashlib.sha256(b"execute" + request.fingerprint).digest()
    payload = JobPayload(
        request.action_id,
        request.fingerprint,
        request.client_id,
        request.kind_key,
        request.points,
        request.season_id,
        request.trace_id,
        request.signed,
        telemetry.served_request(),
    )

    async def work(tx: Transaction) -> tuple[UUID, bool]:
        if request.idempotency_key:
            key = (request.player_id, request.idempotency_key)
            stored = (await idempotency.find(tx, [key])).get(key)
            if stored is not None:
                if stored.fingerprint != mark:
                    raise Refusal(
                        ErrorCode.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for a different request."
                    )
                return UUID(stored.reply["job_id"]), True
            reply = {"job_id": str(job_id)}
            await idempotency.add(tx, [StoredReply(*key, mark, _ACCEPTED, reply)])
        if await jobs.find(tx, job_id) is None:
            await jobs.add(tx, job_id, request.player_id, msgspec.to_builtins(payload))
        return job_id, False

    try:
        return await platform.database.transact(work)
    except StoreContended as error:
        if request.idempotency_key is None:
            raise
        words = "The first request with this Idempotency-Key has not been answered yet."
        raise Refusal(ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT, words, 1) from error


async def read_job(platform: Platform, player_id: UUID, job_id: UUID) -> Job:
    """A player's own job. Raises Refusal NOT_FOUND (also for another's), StoreUnavailable."""
    job = await platform.database.transact(lambda tx: jobs.find(tx, job_id))
    if job is None or job.player_id != player_id:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such job.")
    return job


async def run_due_jobs(platform: Platform, marker: OutboxMarker) -> int:
    """Run the jobs that are due, as one batch. Returns how many were taken.

    A worker that dies in between leaves them to the next one once their lease lapses; an action that was counted by
    then is found by its Idempotency-Key, so it gives the same result and counts once.

    Raises:
        StoreUnavailable: what was taken is due again after its lease.
    """
    settings = platform.settings
    taken = await platform.database.transact(lambda tx: jobs.claim(tx, settings.flush_items, settings.job_lease))
    if not taken:
        return 0
    with telemetry.carried_span("run jobs", [job.payload.get("trace_id") for job in taken]):
        for job, answer in zip(taken, await _answers(platform, taken, marker), strict=True):
            with telemetry.serving(job.payload.get("request_id")):  # absent where an older version queued it
                await _settle(platform, job, answer)
    return len(taken)


async def _settle(platform: Platform, job: Job, answer: Completion | Refusal | None) -> None:
    if answer is None:
        await _again(platform, job)
    else:
        await _finish(platform, job, await _weighed(platform, job, answer))


async def _weighed(platform: Platform, job: Job, answer: Completion | Refusal) -> Completion | Refusal:
    return await weigh_refusal(platform, job.player_id, answer) if isinstance(answer, Refusal) else answer


async def _answers(
    platform: Platform, taken: Sequence[Job], marker: OutboxMarker
) -> Sequence[Completion | Refusal | None]:
    """An answer for each job; None for one that cannot be run at all, which must not keep the others waiting."""
    try:
        return await complete_actions(platform, [_request(job) for job in taken], marker)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a job does wrong, it is the job's own
        if len(taken) > 1:
            return [(await _answers(platform, [job], marker))[0] for job in taken]
        with telemetry.serving(taken[0].payload.get("request_id")):
            _log.warning("job failed", job=str(taken[0].id), tries=taken[0].tries, error=type(error).__name__)
        return [None]


async def _again(platform: Platform, job: Job) -> None:
    """Put it back with a pause that doubles, or give it up."""
    settings = platform.settings
    if job.tries >= settings.job_tries:
        telemetry.JOBS_GIVEN_UP.inc()
        await _finish(platform, job, Refusal(ErrorCode.INTERNAL_ERROR, "This could not be done; the fault is ours."))
        return
    delay = settings.job_backoff * 2 ** (job.tries - 1)
    await platform.database.transact(lambda tx: jobs.retry(tx, job.id, delay))


def _request(job: Job) -> CompletionRequest:
    payload = msgspec.convert(job.payload, JobPayload)
    return CompletionRequest(
        job.player_id,
        payload.action_id,
        payload.fingerprint,
        payload.client_id,
        payload.kind_key,
        payload.points,
        payload.season_id,
        idempotency_key=f"job:{job.id}",
        accepted_at=job.created_at,
        trace_id=payload.trace_id,
        signed=payload.signed,
    )


def problem_of(refusal: Refusal) -> dict[str, Any]:
    """A refusal as a job keeps it: the members of the API's error body that do not depend on a request."""
    problem: dict[str, Any] = {
        "code": str(refusal.code),
        "layer": str(layer_of(refusal.code)),
        "detail": refusal.detail,
    }
    if refusal.retry_after is not None:
        problem["retry_after"] = round(refusal.retry_after, 3)
    if refusal.extra is not None and "result" in refusal.extra:
        problem["result"] = msgspec.to_builtins(refusal.extra["result"])
    return problem


async def _finish(platform: Platform, job: Job, answer: Completion | Refusal) -> None:
    result = None if isinstance(answer, Refusal) else msgspec.to_builtins(answer)
    problem = problem_of(answer) if isinstance(answer, Refusal) else None
    message = JobFinished(job.player_id, job.id, "failed" if problem else "succeeded", result, problem)

    async def work(tx: Transaction) -> int | None:
        if not await jobs.finish(tx, job.id, result=result, problem=problem):
            return None
        return await outbox.add_control(tx, message)

    row = await platform.database.transact(work)
    if row is None:
        return
    telemetry.JOBS_FINISHED.labels(message.status).inc()
    if isinstance(answer, Refusal):
        telemetry.rejected(answer.code, job_id=str(job.id))
    if await announce_control(platform, message):
        await platform.database.transact(lambda tx: outbox.mark(tx, [row]))
