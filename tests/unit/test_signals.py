"""The signals of the completion path: what scripts show, what people do not, and what holds for every history."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.measures import (
    CROWD,
    measure,
    regular_durations,
    regular_intervals,
    repeated_pattern,
    shared_address,
)
from scoreboard.domain.pace import (
    MOST_BEATS,
    NO_CLOCK,
    NO_SHARE,
    UNKNOWN,
    WHOLE_SHARE,
    Beat,
    Pace,
    noted_in,
    with_beat,
    with_noted,
)
from scoreboard.domain.signal_words import unit_of
from scoreboard.domain.signals import BIT, MEANING, Signal, ceiling_of
from scoreboard_cli.simulation.chance import chance
from scoreboard_cli.simulation.families import FAMILIES, Cheat
from scoreboard_cli.simulation.human import human_intervals
from scoreboard_cli.simulation.person import Tempo, draw_person
from scoreboard_cli.simulation.play import play
from tests.judged_play import RULES, Play

BEATS = st.builds(
    Beat,
    st.integers(0, 2**50),
    st.integers(0, UNKNOWN),
    st.integers(0, UNKNOWN),
    st.sampled_from([*range(0, WHOLE_SHARE + 1, 20), NO_SHARE]),
    st.integers(0, 7),
    st.integers(NO_CLOCK, 127),
)


def pace(beats: list[Beat]) -> Pace:
    packed = b""
    for beat in beats:
        packed = with_beat(packed, beat)
    return Pace(packed)


def paused(pauses: list[float]) -> Pace:
    """A pace with these pauses in seconds, after a first completion."""
    at, beats = 0, [Beat(0, UNKNOWN, UNKNOWN, NO_SHARE, 0, NO_CLOCK)]
    for pause in pauses:
        at += round(pause * 1e6)
        beats.append(Beat(at, round(pause * 1e6), UNKNOWN, NO_SHARE, 0, NO_CLOCK))
    return pace(beats)


@given(st.lists(BEATS, max_size=40))
def test_a_memory_gives_back_the_newest_beats(beats: list[Beat]) -> None:
    found, kept = pace(beats), beats[-MOST_BEATS:]
    assert found.count == len(kept)
    assert list(found.at()) == [beat.at for beat in kept]
    assert list(found.free()) == [beat.free for beat in kept[1:]]
    assert list(found.clock(3)) == [beat.clock for beat in kept[-3:]]
    assert not kept or found.newest == kept[-1]


@given(st.lists(BEATS, max_size=3), st.integers(0, 2**16 - 1))
def test_what_was_noted_stands_beside_the_beats(beats: list[Beat], noted: int) -> None:
    packed = b""
    for beat in beats:
        packed = with_beat(packed, beat)
    marked = with_noted(packed, noted)
    assert noted_in(marked) == noted
    assert Pace(marked).at() == Pace(packed).at()
    assert noted_in(packed) == 0


@given(st.lists(BEATS, max_size=30), st.integers(0, 300))
def test_every_signal_stays_within_bounds(beats: list[Beat], players: int) -> None:
    for found in measure(pace(beats), players):
        assert 0 <= found.weight <= 1
        assert math.isfinite(found.value)


@given(st.lists(BEATS, max_size=5))
def test_a_short_history_tells_nothing(beats: list[Beat]) -> None:
    said = {found.signal for found in measure(pace(beats))}
    # Three actions at the end of a cooldown, or three jumps of a clock, can be seen in five.
    assert said <= {Signal.COOLDOWN_SNIPING, Signal.CLOCK_ANOMALY}


@given(st.floats(0.5, 100), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_even_pauses_never_weigh_less(period: float, one: float, other: float) -> None:
    more, less = sorted((one, other))
    wave = [math.sin(7 * n) for n in range(23)]
    weights = []
    for swing in (more, less):
        found = regular_intervals(paused([period * (1 + 0.3 * swing * w) for w in wave]))
        weights.append(found.weight if found else 0.0)
    assert weights[0] >= weights[1] - 1e-9


@given(st.integers(0, 1000))
def test_the_more_players_the_more_a_shared_address_weighs(players: int) -> None:
    found, more = shared_address(players), shared_address(players + 1)
    assert (found is None) == (players < CROWD)
    assert found is None or (more is not None and more.weight >= found.weight)


def test_a_loop_is_seen_at_any_of_its_lengths() -> None:
    for length in range(1, 9):
        recording = [1.0 + 0.7 * n for n in range(length)]
        found = repeated_pattern(paused([recording[n % length] * (1 + 0.001 * (n % 3)) for n in range(23)]))
        assert found is not None, length
        assert found.weight > 0.2
    rng = Random(4)
    assert repeated_pattern(paused([rng.uniform(1, 2) for _ in range(23)])) is None


def test_breaks_too_long_to_tell_are_not_even() -> None:
    """Somebody who comes back every two hours: nothing is known of how evenly."""
    idle = [Beat(n, UNKNOWN, UNKNOWN, NO_SHARE, 0, NO_CLOCK) for n in range(24)]
    assert measure(pace(idle)) == [] or all(one.signal is Signal.FREQUENCY for one in measure(pace(idle)))
    assert regular_durations(pace(idle)) is None


def test_every_signal_is_explained_and_has_its_own_bit() -> None:
    assert set(MEANING) == set(BIT) == set(Signal)
    assert len(set(BIT.values())) == len(Signal)
    assert max(BIT.values()) < 2**16
    assert all(0 < ceiling_of(signal) <= 1 for signal in Signal)


@pytest.mark.parametrize("period", [0.3, 1.0, 5.0, 60.0])
def test_a_fixed_interval_is_held_within_twenty_events(period: float) -> None:
    rng = Random(1)
    found = Play().taps(period + rng.uniform(0, 0.004) for _ in range(24)).first
    assert [str(verdict) for verdict in found][:3] == ["allow", "flag", "hold"]
    assert found["hold"] <= 20  # type: ignore[index]


def test_a_script_that_never_pauses_is_held_within_twenty_events() -> None:
    rng, played = Random(2), Play()
    for _ in range(20):
        if "suspend" in played.verdicts:
            break
        lasts = 1 + rng.uniform(0.005, 0.01)
        played.complete("quiz", lasts + rng.uniform(0.005, 0.015), lasts=lasts)
    assert played.first["hold"] <= 20  # type: ignore[index]
    assert "no_pause" in played.signals


def test_who_snipes_cooldowns_is_flagged_and_not_held() -> None:
    rng, played = Random(9), Play()
    for _ in range(40):
        played.complete("daily", 60 + rng.uniform(0.005, 0.14))
    assert set(played.verdicts) == {"allow", "flag"}
    assert "cooldown_sniping" in played.signals


def test_who_waits_for_a_countdown_is_left_alone() -> None:
    """Every interval is the cooldown and a reaction: as even as a clock to whoever looks at intervals only."""
    rng, played = Random(3), Play()
    for _ in range(60):
        played.complete("daily", 60 + rng.lognormvariate(math.log(0.35), 0.4))
    assert set(played.verdicts) == {"allow"}


@pytest.mark.parametrize("rate", [6, 10])
def test_who_keeps_pressing_is_not_held(rate: int) -> None:
    """The button is pressed all the time, so it is met soon after it can be pressed again."""
    for seed in range(10):
        rng, played = Random(seed), Play()
        for _ in range(200):
            lasts = 1 + rng.uniform(0, 1 / rate)
            played.complete("quiz", lasts + rng.uniform(0, 1 / rate), lasts=lasts)
        assert "hold" not in played.verdicts, seed


def test_a_client_that_finishes_by_itself_is_not_flagged_for_it() -> None:
    """Each match lasts as long as the game says; only the pauses between them are the player's."""
    rng, played = Random(5), Play()
    for _ in range(100):
        lasts = 2 + rng.uniform(0.02, 0.04)
        played.complete("match", lasts + rng.lognormvariate(0.5, 0.8), lasts=lasts, points=rng.randint(20, 80))
    assert set(played.verdicts) == {"allow"}
    assert played.signals <= {"regular_durations", "barely_possible"}


@pytest.mark.parametrize(
    ("name", "gap"),
    [
        ("taps", lambda rng: 0.1 + rng.expovariate(1 / 0.05)),
        ("steady taps", lambda rng: max(0.1, rng.gauss(0.17, 0.015))),
        ("actions that were sent together", lambda rng: 1e-6 if rng.random() < 0.95 else rng.lognormvariate(3, 1)),
        ("double clicks", lambda rng: rng.choice((0.08, 0.9)) * rng.lognormvariate(0, 0.3)),
        ("commands of a strategy game", lambda rng: rng.choice((0.0, 1 / 16, 2 / 16, 0.3)) + rng.uniform(0, 1 / 16)),
    ],
)
def test_fast_hands_are_not_held(name: str, gap: object) -> None:
    for seed in range(10):
        rng = Random(f"{name} {seed}")
        played = Play().taps(gap(rng) for _ in range(300))  # type: ignore[operator]
        assert "hold" not in played.verdicts, seed


@pytest.mark.parametrize("tempo", Tempo)
def test_simulated_people_are_neither_held_nor_flagged(tempo: Tempo) -> None:
    for number in range(5):
        rng = chance("signals", tempo, number)
        person = draw_person(rng, tempo=tempo)
        played = Play().tasks(play(rng, person, RULES, human_intervals(rng, person)), 200)
        assert set(played.verdicts) == {"allow"}, number


@pytest.mark.parametrize("name", ["fixed_interval", "drifting_timer"])
def test_simulated_clockworks_are_held(name: str) -> None:
    held = 0
    for number in range(10):
        rng = chance("clockworks", name, number)
        cheat = Cheat(rng, chance("clockworks", name), draw_person(rng))
        held += "hold" in Play().tasks(FAMILIES[name].play(cheat, RULES), 100).verdicts
    assert held >= 7


def test_a_sudden_rise_to_the_cap_is_flagged() -> None:
    rng, played = Random(6), Play()
    for points in [*(rng.randint(5, 35) for _ in range(15)), *(rng.randint(98, 100) for _ in range(12))]:
        lasts = rng.uniform(5, 40)
        played.complete("match", lasts + rng.uniform(1, 30), lasts=lasts, points=points)
    assert "flag" in played.verdicts
    assert "hold" not in played.verdicts
    assert played.signals == {"progression_jump"}


def test_a_clock_that_jumps_is_noted() -> None:
    rng, played = Random(7), Play()
    for number in range(20):
        played.complete("tap", rng.lognormvariate(1, 1), clock_ahead=-40 if number % 2 else 3)
    assert played.signals == {"clock_anomaly"}
    assert set(played.verdicts) == {"allow"}


def test_many_accounts_at_one_address_are_noted() -> None:
    rng, played = Random(8), Play()
    for _ in range(40):
        played.complete("tap", rng.lognormvariate(1, 1), players_at_address=80)
    assert played.signals == {"shared_address"}
    assert set(played.verdicts) == {"allow"}


def test_what_a_trusted_server_sends_tells_nothing_of_its_players() -> None:
    played = Play()
    for _ in range(40):
        played.complete("tap", 0.001, timed=False)
    assert set(played.verdicts) == {"allow"}
    assert played.memory.recent == b""


def test_every_measured_value_has_a_unit() -> None:
    for signal in Signal:
        assert unit_of(signal, by_model=False), signal
        assert unit_of(signal, by_model=True) == "score of the model"
    assert unit_of("moderator_request", by_model=False) is None
