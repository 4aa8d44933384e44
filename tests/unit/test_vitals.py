"""Vital signs: histograms added and read off, levels, objectives; bounds and objectives are those of the alerts."""

import math
import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dashboards.objectives import FAST, load
from scoreboard.domain.figures import BOUNDS
from scoreboard.domain.objectives import COMPLETIONS, FAST_BURN, OBJECTIVES, Events, Light, judge
from scoreboard.domain.vitals import (
    Bound,
    Buckets,
    Levels,
    Tally,
    number,
    quantile,
    together,
    within,
    worst,
)

ROOT = Path(__file__).parents[2]
EDGES = (0.001, 0.01, 0.1, 0.3, 1.0, 10.0, math.inf)


def measured(values: list[float]) -> Buckets:
    """What a Prometheus histogram keeps of these."""
    return tuple((edge, float(sum(value <= edge for value in values))) for edge in EDGES) if values else ()


times = st.lists(st.floats(0.0002, 30, allow_nan=False), max_size=60)


@given(times, times)
def test_histograms_add_up_and_come_apart(one: list[float], other: list[float]) -> None:
    both = Tally(completions=measured(one), requests=len(one)).plus(
        Tally(completions=measured(other), requests=len(other))
    )
    assert both == Tally(completions=measured(one + other), requests=len(one + other))
    assert number(both.completions) == len(one + other)
    assert within(both.completions, 0.3) == sum(value <= 0.3 for value in one + other)
    if one:
        assert both.since(Tally(completions=measured(one))).completions in (
            measured(other),
            tuple((edge, 0.0) for edge in EDGES),
        )


@given(times.filter(bool), st.sampled_from((0.5, 0.9, 0.99)))
@example([1.0, 0.0078125], 0.5)
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    told = quantile(measured(values), share)
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    upper = next(edge for edge in EDGES if true <= edge)
    lower = max((edge for edge in EDGES if edge < true), default=0.0)
    assert told is not None
    assert (told == 10.0) if math.isinf(upper) else (lower <= told <= upper)


def test_nothing_measured_says_nothing() -> None:
    assert quantile((), 0.5) is None
    assert quantile(tuple((edge, 0.0) for edge in EDGES), 0.5) is None
    assert (number(()), within((), 0.3)) == (0, 0)


def test_buckets_of_another_version_are_left_out() -> None:
    ours, theirs = Tally(completions=measured([0.2])), Tally(completions=((0.5, 3.0), (math.inf, 3.0)), requests=3)
    both = ours.plus(theirs)
    assert (both.completions, both.requests) == (measured([0.2]), 3)


def test_levels_of_several_processes() -> None:
    told = [
        (Tally(), Levels(connections=3, stream_lag=0)),
        (Tally(), Levels(connections=4, stream_lag=7)),
        (Tally(), Levels(outbox_age_s=0.5)),
    ]
    random.Random(1).shuffle(told)
    assert together(told)[1] == Levels(connections=7, stream_lag=7, outbox_age_s=0.5)


@pytest.mark.parametrize(
    ("hour", "minutes", "light"),
    [
        (Events(0, 0), Events(0, 0), Light.UNKNOWN),
        (Events(1000, 10), Events(100, 1), Light.GOOD),
        (Events(1000, 49), Events(100, 40), Light.GOOD),  # fewer mishaps than worry anybody
        (Events(6000, 70), Events(100, 0), Light.WARN),
        (Events(1000, 400), Events(100, 1), Light.WARN),  # it has ended
        (Events(1000, 400), Events(0, 0), Light.WARN),
        (Events(1000, 400), Events(100, 40), Light.BAD),
    ],
)
def test_how_an_objective_stands(hour: Events, minutes: Events, light: Light) -> None:
    assert judge(COMPLETIONS, hour, minutes) is light


def test_bounds_and_the_worst() -> None:
    bound = Bound(0.3, 1)
    assert [bound.judge(value) for value in (None, 0, 0.3, 0.31, 1, 1.1)] == [
        *(Light.UNKNOWN, Light.GOOD, Light.GOOD),
        *(Light.WARN, Light.WARN, Light.BAD),
    ]
    assert worst([]) is worst([Light.GOOD]) is Light.GOOD
    assert worst([Light.GOOD, Light.UNKNOWN, Light.WARN]) is Light.WARN
    assert worst([Light.WARN, Light.BAD, Light.UNKNOWN]) is Light.BAD


def test_the_objectives_are_those_of_the_alerts() -> None:
    theirs = {(each.name, each.title, each.objective, each.unit, each.least) for each in load()}
    assert {(each.name, each.title, each.percent, each.unit, each.least) for each in OBJECTIVES} == theirs
    assert FAST[0].rate == FAST_BURN


@pytest.mark.parametrize(
    ("alert", "value"),
    [
        ("ScoreboardOutboxStalled", BOUNDS["outbox_age_s"].bad),
        ("ScoreboardStreamLags", BOUNDS["stream_lag"].warn),
        ("ScoreboardModelBehind", BOUNDS["model_behind"].warn),
        ("ScoreboardReviewQueueStale", BOUNDS["reviews_overdue"].warn),
        ("ScoreboardLeaderboardDrift", BOUNDS["drifted"].bad),
    ],
)
def test_the_bounds_are_those_of_the_alerts(alert: str, value: float) -> None:
    documents = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "dashboards" / "alerts").glob("*.yaml"))]
    [found] = [each for document in documents for each in document if each["alert"] == alert]
    assert re.search(r"> (\S+)$", found["expr"].strip()).group(1) == f"{value:g}"  # type: ignore[union-attr]
