"""What the model's service has in memory: ring buffers, the schedule, drift, and how ledger entries are read."""

from collections import deque
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreboard.domain.action import ActionKind
from scoreboard.storage.timings import Timing
from scoreboard_anticheat_ml.buffers import Buffers, Play
from scoreboard_anticheat_ml.crowd import Crowd
from scoreboard_anticheat_ml.drift import Drift
from scoreboard_anticheat_ml.features import NAMES
from scoreboard_anticheat_ml.intake import Intake, completions
from scoreboard_anticheat_ml.judging import Measured, is_due, is_regular
from scoreboard_anticheat_ml.reference import HISTOGRAM_EDGES, SHARES, Reference
from scoreboard_anticheat_ml.windows import LENGTHS, LONGEST, REST_S, schedule

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NAN = float("nan")


def player(number: int) -> UUID:
    return UUID(int=number)


def at(t: float) -> Play:
    return Play(t, t / 2, t / 3, int(t) % 5, t / 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 90)), max_size=40), st.integers(1, 250))
def test_a_window_is_the_last_events_whatever_came_between(steps: list[tuple[int, int]], length: int) -> None:
    """Against a plain queue: many players in turn, some of them leaving and coming back."""
    buffers = Buffers(4)
    model: dict[int, deque[Play]] = {}
    counts: dict[int, int] = {}
    t = 0.0
    for who, events in steps:
        if player(who) not in buffers:
            past = list(model.get(who, ()))
            buffers.open(player(who), counts.get(who, 0), past)
        buffers.touch(player(who))
        for _ in range(events):
            t += 1.0
            counts[who] = counts.get(who, 0) + 1
            model.setdefault(who, deque(maxlen=LONGEST)).append(at(t))
            assert buffers.add(player(who), at(t)) == counts[who]
        window = buffers.window(player(who), length)
        expected = list(model[who])[-length:]
        assert window.t[0].tolist() == [play.t for play in expected]
        assert window.kind[0].tolist() == [play.kind for play in expected]
        assert window.age[0].tolist() == [pytest.approx(play.age) for play in expected]
        assert window.end.tolist() == [counts[who]]
        assert len(buffers) <= 4


def test_who_was_heard_of_longest_ago_leaves_first() -> None:
    buffers = Buffers(2)
    assert buffers.open(player(1), 0, []) == []
    assert buffers.open(player(2), 0, []) == []
    buffers.touch(player(1))
    assert buffers.open(player(3), 0, []) == [player(2)]
    assert player(1) in buffers
    buffers.clear()
    assert len(buffers) == 0


def test_how_long_somebody_has_been_up_reaches_back_before_the_buffer() -> None:
    buffers = Buffers(1)
    buffers.open(player(1), 300, [at(1_000_000.0)], woke=1_000_000.0 - 50_000)
    buffers.add(player(1), at(1_000_100.0))
    assert buffers.window(player(1), 200).awake.tolist() == [50_100.0]
    buffers.add(player(1), at(1_000_100.0 + REST_S))
    assert buffers.window(player(1), 200).awake.tolist() == [0.0]


def test_players_are_scored_when_the_schedule_says_and_oftener_when_watched() -> None:
    regular = [events for events in range(1, 301) if is_due(events, watched=False)]
    assert regular == [end for end, _ in schedule(300)]
    watched = [events for events in range(1, 101) if is_due(events, watched=True)]
    assert watched == [20, 30, 40, 50, 60, 70, 75, 80, 90, 100]
    assert all(is_regular(events) for events in regular)


def test_ages_and_shares_are_unknown_where_they_say_nothing() -> None:
    intake = Intake()
    intake._kinds = {
        ("quiz", 1): ActionKind("quiz", "", points=10, cooldown_s=5),
        ("match", 1): ActionKind("match", "", min_points=0, max_points=200),
        ("tap", 1): ActionKind("tap", "", points=1, direct=True),
    }

    def read(kind: str, points: int, begun: float | None) -> Play:
        moment = None if begun is None else NOW - timedelta(seconds=begun)
        return intake.play(Timing(1, "applied", NOW, player(1), kind, 1, points, moment, timed=True))

    quiz, match, tap = read("quiz", 10, 7.5), read("match", 50, 2.0), read("tap", 1, 0.0)
    assert (quiz.age, quiz.cooldown, match.share, tap.cooldown) == (7.5, 5, 0.25, 0)
    assert np.isnan([quiz.share, tap.share, tap.age]).all()
    assert np.isnan(read("quiz", 10, None).age)
    assert np.isnan(read("gone", 10, 1.0).share)
    assert len({quiz.kind, match.kind, tap.kind}) == 3


@pytest.mark.parametrize(("timed", "play"), [(True, ["applied", "held"]), (False, [])])
def test_only_what_a_player_completed_is_play(timed: bool, play: list[str]) -> None:
    rows = [
        Timing(seq, entry, NOW, player(1), "tap", 1, 1, None, timed)
        for seq, entry in enumerate(("applied", "held", "released", "rejected", "voided", "restored"))
    ]
    assert [row.entry_type for row in completions(rows)] == play


def uniform_reference() -> Reference:
    quantiles = np.tile(np.array(SHARES)[None, :, None], (len(LENGTHS), 1, len(NAMES)))
    return Reference(quantiles, np.full(len(HISTOGRAM_EDGES) - 1, 1 / (len(HISTOGRAM_EDGES) - 1)))


def measured(values: np.ndarray) -> list[Measured]:
    return [Measured(np.full(len(NAMES), value, np.float32), 50, float(value)) for value in values]


def test_drift_is_small_for_the_same_people_and_large_for_others() -> None:
    rng = np.random.default_rng(1)
    same, other = Drift(), Drift()
    same.add("m", measured(rng.uniform(0, 1, 2000)))
    other.add("m", measured(rng.uniform(0.5, 1, 2000)))
    assert max(same.index(uniform_reference()).values()) < 0.02
    assert min(other.index(uniform_reference()).values()) > 0.5
    assert same.scores()["0.5"] == pytest.approx(0.5, abs=0.05)


def test_drift_says_nothing_of_too_little_or_of_what_is_unknown() -> None:
    drift = Drift()
    drift.add("m", measured(np.linspace(0, 1, 50)))
    assert drift.index(uniform_reference()) == {}
    drift.add("m", measured(np.full(500, NAN)))
    assert drift.index(uniform_reference()) == {}
    drift.add("another", [])
    assert len(drift) == 0


def test_where_most_people_share_one_value_that_value_is_no_drift() -> None:
    reference = uniform_reference()
    reference.quantiles[:] = 0.0
    drift = Drift()
    drift.add("m", measured(np.zeros(500)))
    assert max(drift.index(reference).values()) < 0.01


def test_accounts_that_act_together_are_found_and_strangers_are_not() -> None:
    rng = np.random.default_rng(3)
    crowd = Crowd(window=3600, most=10_000, every=5)
    moments = np.cumsum(rng.lognormal(2.0, 0.7, 150))
    events = [(float(t + rng.uniform(0, 0.2)), player(number)) for number in (1, 2, 3) for t in moments]
    for number in range(4, 10):
        events += [(float(t), player(number)) for t in np.cumsum(rng.lognormal(2.0, 0.7, 150))]
    crowd.add(sorted(events))
    together = crowd.search()
    for number in (1, 2, 3):
        found = together[player(number)]
        assert found.z > 8
        assert {other for other, _ in found.ring} == {player(other) for other in (1, 2, 3) if other != number}
        assert all(common > 75 for _, common in found.ring)
    strangers = [together[player(number)] for number in range(4, 10) if player(number) in together]
    assert max((found.z for found in strangers), default=0.0) < 8
    assert not any(found.ring for found in strangers)
    crowd.add([(events[-1][0] + 10_000, player(1))])
    assert crowd.search() == {}, "what is older than the window is forgotten"
