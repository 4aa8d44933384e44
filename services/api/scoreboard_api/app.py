"""The API as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import Info
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from scoreboard import __version__, telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.settings import Settings
from scoreboard.storage.database import StoreUnavailable
from scoreboard.supervision import end_tasks, supervise
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.watch_process import watch_process
from scoreboard_api.defence import is_json
from scoreboard_api.errors import problem_response
from scoreboard_api.express import ExpressLane
from scoreboard_api.middleware import Front, note_refusal
from scoreboard_api.openapi import describe
from scoreboard_api.page.docs import docs_routes
from scoreboard_api.page.pages import not_found_page, page_routes
from scoreboard_api.routes import (
    actions,
    admin,
    analytics,
    anticheat,
    auth,
    boards,
    corrections,
    moderated_players,
    moderation,
    platform,
    players,
    reports,
    status,
)
from scoreboard_api.routes.hot import hot_routes
from scoreboard_api.routes.replies import completed_fields
from scoreboard_api.wiring import Wiring, wire

_BY_STATUS = {
    400: (ErrorCode.VALIDATION_ERROR, "The request could not be read."),
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address does not answer to this method."),
    413: (ErrorCode.PAYLOAD_TOO_LARGE, "The body is too large."),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json."),
}
_PLACES = {"query": "#/query/", "path": "#/path/", "header": "#/headers/", "cookie": "#/cookies/", "body": "/"}


def create_app(settings: Settings) -> tuple[ASGIApp, Wiring]:
    """Build the application. No store is contacted; the process starts without them."""
    wiring = wire(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await wiring.health.check()
        wiring.incidents.start()
        watching = watch_process(wiring.platform, "api")
        watching.append(asyncio.create_task(supervise("overload", wiring.overload.watch, every=0.0), name="overload"))
        yield
        await end_tasks(watching)
        await wiring.close()
        await asyncio.to_thread(telemetry.end_tracing)  # here: uvicorn ends by the signal, and nothing comes after it

    app = FastAPI(
        lifespan=lifespan,
        version=__version__,
        openapi_url="/openapi.json" if settings.public_docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "operation_spans": False, "logs": False, "metrics": False},
    )
    app.state.wiring = wiring
    for router in (auth.router, auth.legacy, actions.router, actions.legacy, boards.router, players.router):
        app.include_router(router)
    for router in (reports.router, moderation.router, moderated_players.router, anticheat.router):
        app.include_router(router)
    app.include_router(corrections.router)
    app.include_router(admin.router)
    app.include_router(analytics.router)
    app.include_router(status.router)
    app.include_router(platform.health)
    app.include_router(platform.router)
    app.router.routes[0:0] = [*hot_routes(), *page_routes(settings), *docs_routes(settings)]
    app.openapi = lambda: describe(app)  # type: ignore[method-assign] # the documented way to extend it
    _answer_errors(app, wiring)
    Instrumentator(excluded_handlers=["/health/.*"], should_group_status_codes=False).add(_count).instrument(app)
    lane = ExpressLane(app, hot_routes(), lambda request, refusal: _refuse(request, wiring, refusal))
    # Pages of other origins that the operator allows may call the API with a token; cookies stay with our own pages.
    shared = CORSMiddleware(
        lane,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=[
            *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID", "traceparent"),
            *("Content-Digest", "Signature", "Signature-Input"),
        ],
        expose_headers=["ETag", "Idempotency-Replayed", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"],
        max_age=600,
    )
    return Front(shared, lane, lambda: wiring), wiring


def _count(info: Info) -> None:
    telemetry.counted_by_handler(info.modified_handler, info.method, info.modified_status, info.modified_duration)


def _answer_errors(app: FastAPI, wiring: Wiring) -> None:
    """Every error leaves in one form, the framework's own included."""
    lost = not_found_page(wiring.settings)

    async def refusal(request: Request, error: Any) -> Response:
        return _refuse(request, wiring, error)

    async def away(request: Request, _error: Any) -> Response:
        words = "The database cannot be reached; please try again."
        return _refuse(request, wiring, Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, words, 1))

    async def invalid(request: Request, error: Any) -> Response:
        if any(item["loc"][0] == "body" for item in error.errors()) and await request.body() and not is_json(request):
            return _refuse(request, wiring, Refusal(*_BY_STATUS[415]))
        return _refuse(request, wiring, _fields(error))

    async def framework(request: Request, error: Any) -> Response:
        if isinstance(error.__cause__, Refusal):  # met while FastAPI read the body
            return _refuse(request, wiring, error.__cause__)
        if error.status_code == 404 and _is_for_a_person(request):
            return lost
        code, words = _BY_STATUS.get(error.status_code, (ErrorCode.INTERNAL_ERROR, "The fault is ours."))
        return _refuse(request, wiring, Refusal(code, words, extra={"headers": dict(error.headers or {})}))

    async def failure(request: Request, _error: Any) -> Response:
        # Counted and logged by the outermost layer, to which the error is passed on.
        words = "The fault is ours and has been noted."
        request_id = request.scope["state"]["request_id"]
        return problem_response(
            Refusal(ErrorCode.INTERNAL_ERROR, words), instance=request.url.path, request_id=request_id
        )

    app.add_exception_handler(Refusal, refusal)
    app.add_exception_handler(StoreUnavailable, away)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, failure)


def _refuse(request: Request, wiring: Wiring, refusal: Refusal) -> Response:
    state = request.scope["state"]
    note_refusal(wiring, request.scope, refusal.code)
    recorded = (refusal.extra or {}).get("result")
    if isinstance(recorded, Completion):
        result = completed_fields(wiring, recorded)
        refusal = Refusal(refusal.code, refusal.detail, refusal.retry_after, {"result": result})
    return problem_response(refusal, instance=request.url.path, request_id=state["request_id"])


def _is_for_a_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def _fields(error: RequestValidationError) -> Refusal:
    """FastAPI's list of faults as pointers; what was sent is not repeated."""
    faults = []
    for item in error.errors():
        if item["type"] == "json_invalid":
            return Refusal(ErrorCode.VALIDATION_ERROR, "The body is not valid JSON.")
        place, *path = item["loc"]
        pointer = _PLACES.get(str(place), "#/") + "/".join(str(part) for part in path)
        faults.append({"pointer": pointer, "detail": _without_input(item)})
    return Refusal(ErrorCode.VALIDATION_ERROR, "The request has not the right form.", extra={"errors": faults})


def _without_input(item: dict[str, Any]) -> str:
    return "This field is not known here" if item["type"] == "extra_forbidden" else str(item["msg"])
