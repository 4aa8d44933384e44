"""What the analytics answer over HTTP: whole spans, totals, tables, and which times cannot be asked for."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from scoreboard.domain.events import EntryType
from scoreboard.domain.player import Role
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from tests.amending import amend, hold, join, play
from tests.conftest import Api, open_api
from tests.security.callers import open_caller
from tests.stage import Person, Stores

PATH = "/api/v1/analytics/activity"
SUMMED = ("created", "completed", "held", "rejected", "voided", "abandoned", "points")


@pytest_asyncio.fixture(scope="module")
async def counted(stores: Stores) -> AsyncIterator[Api]:
    """An API on whose platform something of everything happened, and was counted."""
    async with open_api(stores, SCOREBOARD_ROLLUP_SETTLE="0", SCOREBOARD_ACTIVITY_SPANS="100") as api:
        marker = OutboxMarker(api.platform)
        ada, ben = await join(api.platform, "ada"), await join(api.platform, "ben")
        for who in (ada, ben):
            await play(api.platform, marker, who, "tap2")
        await play(api.platform, marker, ada, "huge", 100)
        await amend(api.platform, EntryType.VOIDED, await play(api.platform, marker, ada, "tap"))
        await hold(api.platform, ada, "tap", 1)
        await amend(api.platform, EntryType.REJECTED, await hold(api.platform, ben, "tap", 1))
        await (await open_caller(api.platform, api.wiring.tokens)).person(api.client).begin("quiz")
        await ActivityRollUp(api.platform).run()
        yield api
        await marker.finish()


async def moderator(api: Api) -> Person:
    return (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(api.client)


async def ask(api: Api, **params: Any) -> dict[str, Any]:
    reply = await (await moderator(api)).get(PATH, **params)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


@pytest.mark.parametrize(("step", "number"), [("minute", 60), ("hour", 48), ("day", 30)])
async def test_the_last_spans_without_a_gap(counted: Api, step: str, number: int) -> None:
    answer = await ask(counted, step=step)
    starts = [datetime.fromisoformat(span["starts"]) for span in answer["spans"]]
    assert len(starts) == number
    assert {later - earlier for earlier, later in pairwise(starts)} == {
        {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}[step]
    }
    assert answer["since"] == answer["spans"][0]["starts"]
    assert starts[0] < datetime.now(UTC) <= datetime.fromisoformat(answer["until"])
    totals = answer["totals"]
    assert {name: sum(span[name] for span in answer["spans"]) for name in SUMMED} == {
        name: totals[name] for name in SUMMED
    }
    assert (totals["created"], totals["completed"], totals["points"], totals["unended"]) == (7, 3, 104, 1)
    assert (totals["held"], totals["rejected"], totals["voided"]) == (1, 1, 1)
    # Somebody may have played an hour before and after the hour or day ended.
    most = max((span["players"] or 0) for span in answer["spans"])
    assert most == (0 if step == "minute" else 2)
    assert {span["players"] for span in answer["spans"]} <= ({None} if step == "minute" else {0, 1, 2})


async def test_kinds_and_one_kind(counted: Api) -> None:
    answer = await ask(counted, step="day")
    assert [(kind["kind"], kind["points"]) for kind in answer["kinds"]] == [
        ("huge", 100),
        ("tap2", 4),
        ("quiz", 0),
        ("tap", 0),
    ]
    one = await ask(counted, step="day", kind="tap2")
    assert (one["kind"], one["totals"]["completed"], one["totals"]["points"]) == ("tap2", 2, 4)
    assert [kind["kind"] for kind in one["kinds"]] == ["tap2"]
    none = await ask(counted, step="day", kind="never")
    assert (none["totals"]["created"], none["kinds"]) == (0, [])


async def test_how_far_the_counts_are(counted: Api) -> None:
    told = (await ask(counted))["counted"]
    assert (told["results_behind"], told["results_age_s"]) == (0, 0)
    assert datetime.fromisoformat(told["abandoned"]) < datetime.fromisoformat(told["created"]) <= datetime.now(UTC)


async def test_a_time_is_widened_to_whole_spans(counted: Api) -> None:
    given = {"from": "2026-01-31T12:30:59+02:00", "to": "2026-01-31T11:00:01Z"}
    answer = await ask(counted, step="hour", **given)
    assert (answer["since"], answer["until"]) == ("2026-01-31T10:00:00Z", "2026-01-31T12:00:00Z")
    assert [span["players"] for span in answer["spans"]] == [0, 0]


@pytest.mark.parametrize("way", ["format", "accept"])
async def test_a_table_to_take_away(counted: Api, way: str) -> None:
    mia = await moderator(counted)
    if way == "format":
        reply = await mia.get(PATH, step="day", format="csv")
    else:
        reply = await counted.client.get(PATH, params={"step": "day"}, headers={**mia.headers, "Accept": "text/csv"})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.headers["content-disposition"].startswith('attachment; filename="analytics-day-')
    lines = list(csv.DictReader(io.StringIO(reply.text)))
    totals = (await ask(counted, step="day"))["totals"]
    assert {name: sum(int(line[name]) for line in lines) for name in SUMMED} == {name: totals[name] for name in SUMMED}
    assert {line["kind"] for line in lines} == {"huge", "quiz", "tap", "tap2"}
    assert all(datetime.fromisoformat(line["starts"]).tzinfo is not None for line in lines)
    both = await counted.client.get(PATH, headers={**mia.headers, "Accept": "text/csv, application/json"})
    assert both.headers["content-type"] == "application/json"


async def test_a_large_table_is_read_in_parts_and_is_whole(counted: Api) -> None:
    """Spans with a thousand kinds beside empty ones, in 2018, when nobody played here."""
    fill = (
        "INSERT INTO activity_counts (step, starts, kind_key, created, points)"
        " SELECT 'hour', TIMESTAMPTZ '2018-01-01Z' + s * INTERVAL '1 hour', 'k' || k, s, k"
        " FROM generate_series(0, 99) s,"
        " generate_series(1, CASE WHEN s % 10 = 3 THEN 1500 WHEN s > 60 THEN 0 ELSE 5 END) k"
    )
    await counted.platform.database.transact(lambda tx: tx.fetch(fill))
    span = {"step": "hour", "from": "2018-01-01T00:00:00Z", "to": "2018-01-05T04:00:00Z"}
    lines = list(csv.DictReader(io.StringIO((await (await moderator(counted)).get(PATH, format="csv", **span)).text)))
    numbers = [1500 if s % 10 == 3 else 0 if s > 60 else 5 for s in range(100)]
    told = [(int(line["created"]), line["kind"]) for line in lines]
    assert told == [(s, kind) for s, many in enumerate(numbers) for kind in sorted(f"k{k}" for k in range(1, many + 1))]
    more = (
        "INSERT INTO activity_counts (step, starts, kind_key)"
        " SELECT 'hour', TIMESTAMPTZ '2018-01-03Z', 'x' || k FROM generate_series(1, 85000) k"
    )
    await counted.platform.database.transact(lambda tx: tx.fetch(more))
    refused = await (await moderator(counted)).get(PATH, format="csv", **span)
    assert (refused.status_code, "100,000 rows" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"step": "second"}, "step"),
        ({"from": "2026-01-31T12:00:00"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T12:00:00Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-05T05:00:00Z"}, "from"),
        ({"step": "minute", "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T00:10:00Z"}, "from"),
        ({"to": "2026-01-31"}, "to"),
        ({"kind": "x" * 65}, "kind"),
        ({"kind": "a\x00"}, "kind"),
        ({"format": "xml"}, "format"),
        ({"from": "9999-12-31T23:59:59Z", "to": "9999-12-31T23:59:59Z", "step": "day"}, "from"),
        ({"to": "0001-01-01T00:00:00Z", "step": "day"}, "to"),
    ],
)
async def test_times_that_cannot_be_asked_for(counted: Api, params: dict[str, str], field: str) -> None:
    for form in ({}, {"format": "csv"}):
        reply = await (await moderator(counted)).get(PATH, **{**form, **params})
        assert reply.status_code == 400, reply.text
        problem = reply.json()
        assert problem["code"] == "VALIDATION_ERROR"
        assert [fault["pointer"] for fault in problem["errors"]] == [f"#/query/{field}"]
