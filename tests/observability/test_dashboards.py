"""The dashboards: as the code says, readable for people, and with queries that are PromQL."""

import json
import re
from pathlib import Path

import pytest

from dashboards import generate
from dashboards.pages import PAGES
from dashboards.panels import WIDTH, Page, Panel
from dashboards.rules import all_alerts
from tests.observability.queries import asked_by

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
UNITS = {"bytes", "cps", "d", "none", "ops", "percentunit", "reqps", "s", "short"}


@pytest.mark.parametrize("path", sorted(generate.dashboard_files()), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == generate.dashboard_files()[path], "run: make dashboards"


def test_there_are_seven_and_every_alert_leads_to_one() -> None:
    names = {page.name for page in PAGES}
    assert names == {"overview", "api", "realtime", "anticheat", "data", "operator", "release"}
    assert {alert.dashboard for alert in all_alerts()} <= names
    assert {path.stem for path in (generate.HERE / "json").iterdir()} == names
    assert {path.stem for path in (generate.CHART / "dashboards").iterdir()} == names


@each_page
def test_panels_say_what_they_show(page: Page) -> None:
    assert page.words
    titles = [(row, panel.title) for row, panels in page.rows.items() for panel in panels]
    assert len(set(titles)) == len(titles)
    for panel in page.panels:
        assert panel.unit in UNITS, panel.title
        assert panel.words.endswith("."), panel.title
        assert len(panel.words) > 5
        assert 4 <= panel.width <= WIDTH


@each_page
def test_queries_are_of_the_chosen_namespace_and_of_the_right_interval(page: Page) -> None:
    for panel in page.panels:
        for legend, expr in panel.filled().items():
            asked = asked_by(expr)
            assert asked.labels, f"{panel.title}: {expr}"
            assert 'namespace=~"$namespace"' in expr
            for window in re.findall(r"\[([^\]]+)\]", expr):
                fixed = {"1h", "1d"}  # where the panel's title says so
                assert window == "$__rate_interval" or (window in fixed and "increase(" in expr), expr
            if "rate(" in expr and "increase(" not in expr:
                assert "$__rate_interval" in expr
            for label in re.findall(r"{{(\w+)}}", legend):
                assert _is_kept(label, expr), f"{panel.title}: the legend names {label}, the query drops it"


def _is_kept(label: str, expr: str) -> bool:
    return label == "instance" or bool(re.search(rf"by \([^)]*\b{label}\b|group_left \({label}\)", expr))


@each_page
def test_grafana_gets_what_it_needs(page: Page) -> None:
    content = json.loads((generate.HERE / "json" / f"{page.name}.json").read_text("utf-8"))
    assert content["uid"] == f"scoreboard-{page.name}"
    assert [each["name"] for each in content["templating"]["list"]] == ["datasource", "namespace"]
    panels = content["panels"]
    assert len({each["id"] for each in panels}) == len(panels) == len(page.panels) + len(page.rows)
    for each in panels:
        if each["type"] != "row":
            assert each["description"]
            assert each["fieldConfig"]["defaults"]["unit"]
            assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert all(target["expr"] and target["legendFormat"] for target in each["targets"])


@each_page
def test_panels_do_not_lie_upon_each_other(page: Page) -> None:
    taken: set[tuple[int, int]] = set()
    for each in json.loads((generate.HERE / "json" / f"{page.name}.json").read_text("utf-8"))["panels"]:
        place = each["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & taken, each["title"]
        taken |= squares


def test_a_dashboard_fits_into_an_object_of_kubernetes() -> None:
    assert all(path.stat().st_size < 200_000 for path in (generate.CHART / "dashboards").iterdir())


def test_a_query_that_is_none_is_noticed() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        asked_by("sum by (x (rate(y[5m]))")
    assert asked_by(Panel("", "", "", {"": 'sum by (a) (x{b="c",$ns})'}).filled()[""]).labels == {
        "x": {"b", "namespace"}
    }
