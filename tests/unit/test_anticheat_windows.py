"""Which windows are scored, and what they hold: clocks, points, rests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard_anticheat_ml.clock import clock_of, dithered
from scoreboard_anticheat_ml.sequences import BadSequences, Columns, Sequences
from scoreboard_anticheat_ml.windows import LENGTHS, Prepared, awake, claimed_share, cut, schedule, stack


def sequences(*moments: list[float], **columns: list[list[float]]) -> Sequences:
    given = []
    for number, t in enumerate(moments):
        count = len(t)
        values = {
            "age": [float("nan")] * count,
            "kind": [1] * count,
            "points": [1.0] * count,
            "points_max": [1.0] * count,
            "ok": [True] * count,
            "cooldown": [0.0] * count,
        }
        given.append(Columns(t=t, **(values | {name: each[number] for name, each in columns.items()})))
    return Sequences.gather([f"player-{number}" for number in range(len(moments))], given)


def test_the_schedule_begins_at_20_and_50_and_goes_on_every_25() -> None:
    assert schedule(19) == []
    assert schedule(60) == [(20, 20), (50, 50)]
    assert schedule(260)[2:] == [(end, min(end, 200)) for end in range(75, 261, 25)]


@given(st.integers(0, 1000))
def test_no_window_is_longer_than_what_was_seen(events: int) -> None:
    assert all(length <= min(end, LENGTHS[-1]) and end <= events for end, length in schedule(events))


def test_a_window_holds_the_last_events() -> None:
    known = sequences([0.5 + n for n in range(60)], [0.25 + 2 * n for n in range(230)])
    found = list(cut(known))
    assert [batch.length for batch in found] == [20, 50, 75, 100, 125, 150, 175, 200]
    assert found[0].t.shape == (2, 20)
    assert found[-1].t[0].tolist() == [0.25 + 2 * n for n in range(25, 225)] or len(found[-1]) == 2
    assert stack([found[0], found[0]]).t.shape == (4, 20)


def test_a_players_windows_come_in_order_over_all_batches() -> None:
    known = sequences(*([0.1 + n * 1.01 for n in range(400)] for _ in range(5)))
    ends: dict[int, list[int]] = {}
    for batch in cut(known, rows=3):
        for player, end in zip(batch.player.tolist(), batch.end.tolist(), strict=True):
            ends.setdefault(player, []).append(end)
    assert all(seen == [end for end, _ in schedule(400)] for seen in ends.values())


def test_a_clock_that_many_share_is_the_platforms_and_its_steps_are_smeared() -> None:
    whole = [[float(n * 9 + n % 7 + k) for n in range(50)] for k in range(10)]
    fine = [[0.1234 + n * 3.1 for n in range(50)] for _ in range(10)]
    known = sequences(*whole, *fine)
    assert clock_of(known).tolist() == [1.0] * 10 + [0.0] * 10
    t = dithered(known)
    assert np.all(t[:500] >= known.t[:500])
    assert np.all(t[:500] < known.t[:500] + 1)
    assert np.array_equal(t[500:], known.t[500:])
    assert np.array_equal(t, dithered(known))


def test_one_account_alone_on_round_seconds_is_not_smeared() -> None:
    known = sequences([float(n) for n in range(50)], *([0.377 + n * 1.7 for n in range(50)] for _ in range(30)))
    assert not clock_of(known).any()


@pytest.mark.parametrize("others", [0, 3, 15])
def test_a_script_on_whole_seconds_keeps_its_proof_in_a_small_file(others: int) -> None:
    script = [float(8 * n) for n in range(50)]
    known = sequences(script, *([0.377 + n * 3.7 + n % 3 for n in range(50)] for _ in range(others)))
    assert not clock_of(known).any()


def test_a_clock_counts_from_the_third_player_on_who_is_no_clockwork() -> None:
    whole = [[float(n * 9 + n % (5 + k)) for n in range(50)] for k in range(3)]
    fine = [[0.1234 + n * 3.1 for n in range(50)] for _ in range(9)]
    assert not clock_of(sequences(*whole[:2], *fine)).any()
    assert clock_of(sequences(*whole, *fine)).tolist() == [1.0] * 3 + [0.0] * 9


def test_smeared_moments_stay_in_order() -> None:
    known = sequences([1.0] * 5 + [2.0] * 5, [3.0, 3.0, 4.0])
    for index in range(2):
        assert np.all(np.diff(dithered(known)[known.of(index)]) >= 0)


def test_points_of_a_kind_that_everybody_gets_alike_say_nothing() -> None:
    t = [[0.5 + n for n in range(4)]] * 3
    fixed = claimed_share(sequences(*t, points=[[10.0] * 4] * 3, points_max=[[10.0] * 4] * 3))
    assert np.isnan(fixed).all()
    claims = [[10.0, 40.0, 30.0, 20.0], [50.0, 60.0, 20.0, 10.0], [100.0] * 4]
    claimed = claimed_share(sequences(*t, points=claims, points_max=[[100.0] * 4] * 3))
    assert claimed[8:].tolist() == [1.0] * 4
    assert claimed[:4] == pytest.approx([0.1, 0.4, 0.3, 0.2])


def test_awake_counts_from_the_last_rest() -> None:
    hours = [0, 1, 2, 3, 8, 9]
    assert (awake(sequences([h * 3600.0 for h in hours])) / 3600).tolist() == [0, 1, 2, 3, 0, 1]


def test_a_window_knows_how_long_its_player_is_awake() -> None:
    known = sequences([60.0 * n for n in range(100)])
    windows = Prepared.of(known).windows(np.array([0]), np.array([90]), 20)
    assert windows.awake[0] == pytest.approx(89 * 60, abs=2)


def test_a_file_is_read_as_it_was_written_and_a_broken_one_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    known = sequences([0.5, 1.5], [2.5])
    known.save(tmp_path / "a.npz")
    again = Sequences.load(tmp_path / "a.npz")
    assert again.t.tolist() == known.t.tolist()
    assert again.player.tolist() == ["player-0", "player-1"]
    np.savez(tmp_path / "b.npz", off=[0, 1])
    with pytest.raises(BadSequences, match="has no array player"):
        Sequences.load(tmp_path / "b.npz")
    sequences([1.5, 0.5]).save(tmp_path / "c.npz")
    with pytest.raises(BadSequences, match="backwards"):
        Sequences.load(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes(b"nonsense")
    with pytest.raises(BadSequences, match="cannot be read"):
        Sequences.load(tmp_path / "d.npz")


def test_sequences_are_taken_by_their_places() -> None:
    known = sequences([1.0], [2.0, 3.0], [4.0])
    taken = known.take([2, 1])
    assert taken.player.tolist() == ["player-2", "player-1"]
    assert taken.t.tolist() == [4.0, 2.0, 3.0]
    assert len(known.take([])) == 0
