"""Probes, keys, and the pages about errors."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard_api.deps import Wired
from scoreboard_api.errors import STATUS, problem_type
from scoreboard_api.page.problem_pages import problem_page
from scoreboard_api.page.problem_texts import TEXTS
from scoreboard_api.routes.documented import problems
from scoreboard_api.schemas.platform import HealthOut

health = APIRouter(prefix="/health", tags=["health"])
router = APIRouter(tags=["platform"])
_UNREADY: dict[int | str, dict[str, Any]] = {
    400: problems()[400],
    503: {"model": HealthOut, "description": "not ready: take this server out of rotation"},
}
_KEYS_KEPT = "public, max-age=300"  # half of an access token's longest life: a new key is known before the old one goes


@health.get("/live", summary="Is the process alive?")
async def live() -> HealthOut:
    """Touches no dependency: a broken database must not restart every pod."""
    return HealthOut(status="ok")


@health.get("/startup", summary="Has the process started?")
async def startup(response: Response) -> HealthOut:
    """Asks no store: with one that is away a restart would change nothing."""
    response.headers["Cache-Control"] = "no-store"
    return HealthOut(status="started")


@health.get("/ready", responses=_UNREADY, summary="Should requests be sent here?")
async def ready(
    wiring: Wired, response: Response, strict: Annotated[str | None, Query(max_length=5)] = None
) -> HealthOut:
    """`ok`; `degraded` with one store away (boards stay readable, or writes go on); 503 otherwise.

    Also 503 while the database's schema is `missing` or `outdated` (its migrations have to run first), or this
    process has `no rights` in it.
    With `?strict=1` any store that is away means 503.
    """
    status, checks = await wiring.health.check()
    if wiring.draining:
        status = "draining"
    refused = status not in ("ok", "degraded") or (strict not in (None, "", "0", "false") and status != "ok")
    response.status_code = 503 if refused else 200
    response.headers["Cache-Control"] = "no-store"
    return HealthOut(status=status, checks=checks)


@router.get("/.well-known/jwks.json", summary="Public keys of access tokens")
async def key_set(wiring: Wired, response: Response) -> dict[str, list[dict[str, str]]]:
    """A JSON Web Key Set (RFC 7517)."""
    response.headers["Cache-Control"] = _KEYS_KEPT
    return wiring.tokens.key_set()


_WORDS = {problem_type(code).rsplit("/", 1)[1]: code for code in ErrorCode}


@router.get(
    "/problems/{name}", response_class=HTMLResponse, responses=problems([ErrorCode.NOT_FOUND]), summary="About an error"
)
async def about_problem(wiring: Wired, name: str) -> Response:
    """The page that the `type` of an error points to."""
    code = _WORDS.get(name)
    if code is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such kind of error.")
    status, title = STATUS[code]
    return problem_page(wiring.settings, code, status, title, TEXTS[code])
