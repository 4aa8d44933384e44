"""The detection card: its figures mean what they say, and the page is what its figures give."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import detection_card
from scoreboard_anticheat_ml.fusion import Verdict
from scoreboard_anticheat_ml.training import HUMAN
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.training import figures
from scoreboard_cli.training.card import by_person, honest_figures
from scoreboard_cli.training.imitators import IMITATORS, Model, imitate
from scoreboard_cli.training.page import page
from scoreboard_cli.training.recordings import ground, read_recordings
from scoreboard_cli.training.trials import SEVERITY, Table

DOCS = detection_card.DOCS
scores = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=60)


def a_table(rows: Sequence[tuple[str, str, int, float, Verdict]]) -> Table:
    """Rows of (family, person, events seen, score, verdict); every person is one player."""
    people = list(dict.fromkeys(person for _, person, *_ in rows))
    score = np.array([row[3] for row in rows])
    count = len(rows)
    return Table(
        player=np.array([people.index(row[1]) for row in rows]),
        person=np.array([row[1] for row in rows]),
        family=np.array([row[0] for row in rows]),
        since=np.zeros(count, np.int64),
        end=np.array([row[2] for row in rows]),
        length=np.array([min(row[2], 200) for row in rows]),
        score=score,
        raw=score,
        probability=1 / (1 + np.exp(-score)),
        level=np.zeros(count, np.int64),
        verdict=np.array([SEVERITY[row[4]] for row in rows]),
        segment=np.zeros(count, np.int64),
        features=np.zeros((count, 0), np.float32),
    )


@given(scores, st.sampled_from([0.001, 0.01, 0.2]))
def test_no_more_honest_windows_pass_the_limit_than_the_rate_allows(honest: list[float], rate: float) -> None:
    passed = np.array(honest) > figures.limit(np.array(honest), rate)
    assert passed.sum() <= rate * len(honest)


@given(scores, scores, st.floats(0.1, 9))
def test_found_counts_windows_and_does_not_know_units(honest: list[float], cheats: list[float], unit: float) -> None:
    score = np.array([*honest, *cheats])
    family = np.array([HUMAN] * len(honest) + ["bot"] * len(cheats))
    found = figures.caught(score, family, 0.01)["bot"]
    assert found.windows == len(cheats)
    assert found.caught == sum(each > max(honest) for each in cheats)
    assert figures.caught(score * unit, family, 0.01)["bot"] == found


def test_families_count_the_same_however_many_players_they_have() -> None:
    found = {"rare": figures.Caught(1, 1), "frequent": figures.Caught(0, 999)}
    assert figures.macro(found) == 0.5


def test_the_interval_holds_the_figure_and_narrows_with_people() -> None:
    def of(people: int) -> tuple[float, float]:
        rng = np.random.default_rng(1)
        honest = [(HUMAN, f"h{n}", 20, rng.normal(), Verdict.NONE) for n in range(4 * people)]
        cheats = [("bot", f"b{n}", 20, rng.normal(2.0), Verdict.NONE) for n in range(people)]
        table = a_table([*honest, *cheats])
        low, high = figures.macro_interval(table, 0.01, 1)
        assert low <= figures.macro(figures.caught(table.score, table.family, 0.01)) <= high
        assert (low, high) == figures.macro_interval(table, 0.01, 1)
        return low, high

    few, many = of(40), of(640)
    assert many[1] - many[0] < few[1] - few[0]


def test_perfect_and_useless_scores() -> None:
    honest = [(HUMAN, f"h{n}", 20, -9.0, Verdict.NONE) for n in range(50)]
    apart = a_table([*honest, *(("bot", f"b{n}", 20, 9.0, Verdict.NONE) for n in range(5))])
    assert figures.precision(apart) == pytest.approx(1.0)
    assert figures.calibration(apart).error < 0.001
    alike = a_table([*honest, *(("bot", f"b{n}", 20, -9.0, Verdict.NONE) for n in range(5))])
    assert figures.precision(alike) == pytest.approx(0.5)
    assert figures.calibration(alike).error == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(("count", "of", "most"), [(0, 6000, 0.0005), (0, 800, 0.00374), (3, 3, 1.0), (1, 100, 0.0466)])
def test_nothing_seen_is_not_nothing_there(count: int, of: int, most: float) -> None:
    assert figures.at_most(count, of) == pytest.approx(most, rel=0.01)


def test_every_player_has_one_outcome_the_severest() -> None:
    table = a_table(
        [
            (HUMAN, "ada", 20, 0, Verdict.NONE),
            (HUMAN, "ada", 50, 0, Verdict.WATCH),
            (HUMAN, "bob", 20, 0, Verdict.FLAG),
            (HUMAN, "bob", 50, 0, Verdict.NONE),
            ("bot", "eve", 20, 0, Verdict.NONE),
            ("bot", "eve", 50, 0, Verdict.FLAG),
            ("bot", "eve", 75, 0, Verdict.HOLD),
            ("bot", "mallory", 20, 0, Verdict.NONE),
        ]
    )
    found = figures.outcomes(table)
    assert figures.counted(found, True) == {"mark": 0, "review": 1, "none": 1}
    assert figures.counted(found, False) == {"mark": 1, "review": 0, "none": 1}
    expected = {"players": 2, "flagged": 1, "within_20": 0, "half": 50, "nine_tenths": 50}
    assert figures.until_flag(found) == {"bot": expected}


def test_a_person_with_several_sequences_is_one_person() -> None:
    one, other = (HUMAN, "ada", 20, 0.0, Verdict.NONE), (HUMAN, "ada", 20, 0.0, Verdict.HOLD)
    bob = (HUMAN, "bob", 20, 0.0, Verdict.NONE)
    table = Table.join([a_table([one]), a_table([bob]), a_table([other])])
    assert list(table.player) == [0, 1, 2]
    found = honest_figures(by_person(table))
    assert (found["people"], found["held"], found["flagged"]) == (2, 1, 1)


def test_windows_of_a_person_before_the_script_took_over_are_not_counted_as_missed() -> None:
    table = a_table([("half", "eve", end, 0.0, Verdict.NONE) for end in (20, 50, 200, 225, 400)])
    table.since[:] = 45
    assert len(table.compared(20).end) == 0
    assert len(table.compared(50).end) == 0
    assert list(table.compared(200).end) == [200], "the last one holds nothing of the person"


def test_what_the_shipped_thresholds_flag_is_counted_by_verdict() -> None:
    verdicts = (Verdict.WATCH, Verdict.FLAG, Verdict.HOLD, Verdict.NONE)
    table = a_table([("fixed", f"eve-{number}", 200, 9.0, said) for number, said in enumerate(verdicts)])
    assert figures.flagged(table) == {"fixed": figures.Caught(2, 4)}


@pytest.mark.parametrize("family", sorted(IMITATORS))
def test_an_imitation_has_the_persons_tempo(family: str) -> None:
    rng = np.random.default_rng(3)
    person = Model(np.exp(rng.normal(1.0, 0.8, 300)), 400, 25)
    imitated = imitate(family, rng, person)
    assert imitated.shape == (400,)
    assert imitated.min() >= 0
    assert person.pace / 60 < np.median(imitated) < 6 * person.pace
    assert np.array_equal(
        imitate(family, np.random.default_rng(5), person), imitate(family, np.random.default_rng(5), person)
    )


def recordings(path: Path, people: int = 6, events: int = 500) -> Path:
    rng = np.random.default_rng(2)
    np.savez(
        path,
        off=np.arange(people + 1) * events,
        dt=np.floor(np.exp(rng.normal(2, 1, people * events))).astype(np.float32),
        typ=np.ones(people * events, np.int8),
        domain=np.array(["chess"] * people),
        user=np.array([f"u{n}" for n in range(people)]),
        label=np.array([0] * (people - 1) + [1], np.int8),
    )
    return path


def test_recordings_become_a_platform_of_people_and_their_imitators(tmp_path: Path) -> None:
    stretches = read_recordings(recordings(tmp_path / "people.npz"), 1)
    assert {stretch.user for stretch in stretches} == {f"chess/u{n}" for n in range(5)}  # the last one is no person
    assert all((np.diff(stretch.t) >= 0).all() for stretch in stretches)
    given_ground = ground(stretches, 4, 1)
    families, counts = np.unique(given_ground.data.family, return_counts=True)
    assert dict(zip(families.tolist(), counts.tolist(), strict=True)) == {
        HUMAN: len(stretches),
        **dict.fromkeys(IMITATORS, 4),
    }
    again = ground(read_recordings(tmp_path / "people.npz", 1), 4, 1)
    assert again.data.digest() == given_ground.data.digest()


def test_a_file_that_holds_no_recordings_is_said(tmp_path: Path) -> None:
    (tmp_path / "people.npz").write_bytes(b"nothing")
    with pytest.raises(ExpectedError, match="holds no recordings"):
        read_recordings(tmp_path / "people.npz", 1)


def committed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "detection-card.json").read_text(encoding="utf-8"))
    return found


def test_the_committed_page_is_what_the_committed_figures_give() -> None:
    assert page(committed()) == (DOCS / "detection-card.md").read_text(encoding="utf-8")


def test_the_page_does_without_real_people() -> None:
    card = committed()
    card.pop("real", None)
    text = page(card)
    assert "no recordings were at hand" in text
    assert "real people, imitated" not in text


def test_every_picture_of_the_page_is_there() -> None:
    text = (DOCS / "detection-card.md").read_text(encoding="utf-8")
    pictures = [line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert len(pictures) >= 3
    assert all((DOCS / picture).read_text(encoding="utf-8").startswith("<?xml") for picture in pictures)


@pytest.mark.slow
def test_the_first_platform_comes_out_exactly_as_committed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["detection_card", "--quick"])
    with pytest.raises(SystemExit) as ended:
        detection_card.main()
    said = capsys.readouterr().out
    assert "comes out exactly" in said
    assert ended.value.code == 0, said
