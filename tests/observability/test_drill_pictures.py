"""The drill's pictures: values as people say them, and no panel that is empty without a reason."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from PIL import Image

from dashboards.drill.pictures import EXCUSES, Line, Shown, draw, read_page, wrongly_empty
from dashboards.drill.units import in_words
from dashboards.pages import PAGES
from dashboards.panels import Page, Panel, number

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LINES = Panel("Lines", "Two of them.", "s", {"{{a}}": "x", "other": "y"}, limits=(0.3,))
PAGE = Page("page", "Page", "For a test.", {"Row": [number("Number", "One.", "short", "z"), LINES]})
FULL = [
    Shown(PAGE.panels[0], [Line("Number", [0, 1], [0, 1200])], []),
    Shown(LINES, [Line("a", [0, 1], [0.1, 0.5]), Line("other", [0, 1], [0, 0])], []),
]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0123, "s", "12.3 ms"),
        (0, "s", "0"),
        (90, "s", "1.5 min"),
        (0.405, "percentunit", "40.5 %"),
        (12_345, "short", "12.3k"),
        (17.71, "reqps", "17.7/s"),
        (3 * 2**20, "bytes", "3 MiB"),
        (-0.5, "percentunit", "-50 %"),
        (-112.3, "percentunit", "-11,230 %"),
        (12, "d", "12 d"),
    ],
)
def test_values_are_said_with_their_units(value: float, unit: str, words: str) -> None:
    assert in_words(value, unit) == words


def test_an_empty_panel_needs_a_reason() -> None:
    assert not wrongly_empty(PAGE, FULL)
    half = [FULL[0], replace(FULL[1], empty=["other"])]
    assert wrongly_empty(PAGE, half) == ["page, Lines: nothing for other"]


def test_a_reason_that_is_none_is_noticed() -> None:
    page = replace(PAGE, name="data", rows={"Row": [replace(LINES, title="Memory")]})
    assert wrongly_empty(page, [Shown(page.panels[0], [], ["other"])]) == []
    assert wrongly_empty(page, [Shown(page.panels[0], FULL[1].lines, [])]) == ["data, Memory: excused, and not empty"]


def test_reasons_are_of_panels_that_there_are() -> None:
    titles = {page.name: {panel.title for panel in page.panels} | {"*"} for page in PAGES}
    for name, excused in EXCUSES.items():
        assert excused.keys() <= titles[name]
        assert all(reason.endswith(".") for reason in excused.values())


async def test_what_is_missing_or_no_number_is_a_hole() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        assert "$" not in request.url.params["query"]
        first = [[NOON.timestamp() + 3 * number, "4"] for number in (0, 1, 20)]
        values = first if request.url.params["query"] == "x" else [[NOON.timestamp(), "NaN"]]
        series = [{"metric": {"a": "b"}, "values": values}]
        return httpx.Response(200, json={"data": {"result": series}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://here") as client:
        _, shown = await read_page(client, PAGE, NOON, NOON.replace(minute=12), 1)  # type: ignore[arg-type]
    [line] = shown.lines
    assert (line.legend, line.known) == ("b", [4.0, 4.0, 4.0])
    assert [round(each * 60) for each in line.times] == [0, 3, 57, 60]
    assert [math.isnan(each) for each in line.values] == [False, False, True, False]
    assert shown.empty == ["other"]


def test_a_picture_has_its_panels_and_few_bytes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.png"
    draw(PAGE, FULL, path)
    with Image.open(path) as picture:
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 4
    assert path.stat().st_size < 100_000
