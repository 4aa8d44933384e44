"""Analytics for moderators and administrators, as JSON and as a table to take away."""

import asyncio
import csv
import io
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from scoreboard.domain.activity import ALL_KINDS, Counts, Step
from scoreboard.domain.errors import ErrorCode
from scoreboard.usecases.read_activity import Wish, read_activity, read_activity_rows
from scoreboard_api.deps import Moderator, Wired
from scoreboard_api.routes.documented import SIGNED_IN, problems
from scoreboard_api.schemas.analytics import Analytics

router = APIRouter(prefix="/api/v1", tags=["insight"])
_PATH = "/api/v1/analytics/activity"
_CSV = "text/csv"
_COLUMNS = ("created", "completed", "held", "rejected", "voided", "abandoned", "points", "players")


class Form(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"


_TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Counts; as a table: a line for each span and kind in which anything was counted",
        "content": {
            _CSV: {
                "schema": {"type": "string"},
                "example": f"starts,kind,{','.join(_COLUMNS)}\r\n2026-01-31T12:00:00Z,quiz,9,7,1,0,0,1,70,4\r\n",
            }
        },
    }
}


@router.get(
    "/analytics/activity",
    response_model=Analytics,
    responses={**problems(SIGNED_IN, [ErrorCode.FORBIDDEN]), **_TABLE},
    summary="What was begun, what became of it, who was there (moderators)",
)
async def read_analytics(
    wiring: Wired,
    _claims: Moderator,
    step: Annotated[Step, Query(description="minutes are kept for a month, hours and days for ever")] = Step.HOUR,
    since: Annotated[
        AwareDatetime | None, Query(alias="from", description="an hour, two days or a month ago when left out")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="now when left out")] = None,
    kind: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$", description="one kind of action")] = ALL_KINDS,
    form: Annotated[Form | None, Query(alias="format", description="`csv` as `Accept: text/csv`")] = None,
    accept: Annotated[str | None, Header(max_length=1000, include_in_schema=False)] = None,
) -> Any:
    """Counts by minute, hour or day in UTC: the time is widened to whole ones, at most 1500 of them in one reply.

    They follow the ledger within seconds, attempts within a minute; `counted` says how far they are.
    """
    wish = Wish(step, since, until, kind)
    if form is Form.CSV or (form is None and _prefers_a_table(accept)):
        asked, rows = await read_activity_rows(wiring.platform, wish)
        written = await asyncio.to_thread(_written, rows)  # a third of a second for as many as there may be
        name = f"analytics-{asked.step}-{asked.since:%Y%m%dT%H%MZ}-{asked.until:%Y%m%dT%H%MZ}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(written, media_type=_CSV, headers=headers)
    report = await read_activity(wiring.platform, wish)
    return {
        "step": report.asked.step,
        "since": report.asked.since,
        "until": report.asked.until,
        "time_zone": "UTC",
        "kind": report.asked.kind or None,
        "spans": [{"starts": starts, **asdict(counts)} for starts, counts in report.spans],
        "kinds": [{"kind": key, **_without_players(counts)} for key, counts in report.kinds.items()],
        "totals": {**_without_players(report.totals), "unended": report.totals.unended},
        "counted": asdict(report.counted),
        "minutes_since": report.minutes_since,
        "links": {"self": _PATH, "table": f"{_PATH}?format=csv"},
    }


def _prefers_a_table(accept: str | None) -> bool:
    """Whether CSV is named and JSON is not; weights are not looked at."""
    return accept is not None and _CSV in accept and "json" not in accept


def _without_players(counts: Counts) -> dict[str, Any]:
    return {name: value for name, value in asdict(counts).items() if name != "players"}


def _written(rows: list[tuple[datetime, str, Counts]]) -> bytes:
    out = io.StringIO()
    written = csv.writer(out)
    written.writerow(["starts", "kind", *_COLUMNS])
    for starts, key, counts in rows:
        moment = starts.isoformat().replace("+00:00", "Z")
        written.writerow([moment, key, *(getattr(counts, name) for name in _COLUMNS)])
    return out.getvalue().encode()
