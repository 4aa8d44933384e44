"""``scoreboard train``: the same seed gives the same model, with its figures and a report beside it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scoreboard_anticheat_ml.artefact import open_pinned, pack, read_folder
from scoreboard_anticheat_ml.sides import fitted_on
from scoreboard_anticheat_ml.training import HUMAN, Effort, Labelled
from scoreboard_cli.__main__ import app
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.simulation.families import FAMILIES
from scoreboard_cli.training.card import Plan
from scoreboard_cli.training.datasets import joined, quiet, simulated
from scoreboard_cli.training.recordings import Stretch, ground
from scoreboard_cli.training.reviews import REVIEWED
from scoreboard_cli.training.trainer import Sources, Trained, _canaries, run_training, write_training

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
SMALL = Sources(3, people=120, effort=Effort(boosters=1, rounds=15), trial=Plan(platforms=1, humans=60, cheats=4))


@pytest.fixture(scope="module")
def trained() -> Trained:
    return run_training(SMALL, quiet)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(trained: Trained) -> None:
    again = run_training(SMALL, quiet)
    assert again.opened.artefact.body == trained.opened.artefact.body
    assert again.opened.artefact.digest == trained.opened.artefact.digest
    other = run_training(replace(SMALL, seed=4), quiet)
    assert other.opened.artefact.model_id != trained.opened.artefact.model_id


def test_what_was_trained_can_be_loaded_and_shown(trained: Trained, tmp_path: Path) -> None:
    artefact = write_training(trained, tmp_path / "model", NOW)
    opened = open_pinned(read_folder(tmp_path / "model"), artefact.digest.hex())
    assert np.array_equal(opened.canary_scores, trained.opened.canary_scores)
    page = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    assert artefact.model_id in page
    assert "2026-03-02" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_the_artefact_says_where_it_comes_from_and_what_it_reached(trained: Trained) -> None:
    sidecar = trained.opened.artefact.sidecar
    assert sidecar["trained"]["seed"] == 3
    assert sidecar["trained"]["players"] == {HUMAN: 120, **dict.fromkeys(FAMILIES, 6)}
    metrics = sidecar["metrics"]
    assert set(metrics["tpr"]) == {"20", "50", "100", "200"}
    assert set(metrics["tpr"]["200"]["families"]) == set(FAMILIES)
    assert {"segment_ratio", "honest_held", "honest_flagged", "calibration_error"} <= set(metrics)


def test_platforms_are_joined_player_by_player() -> None:
    one, other = simulated(1, humans=5, cheats=1), simulated(2, humans=4, cheats=1)
    both = joined([one, other])
    assert len(both.sequences) == len(one.sequences) + len(other.sequences)
    last = both.sequences.of(len(both.sequences) - 1)
    assert np.array_equal(both.sequences.t[last], other.sequences.t[other.sequences.of(len(other.sequences) - 1)])
    assert list(both.family) == [*one.family, *other.family]


def test_nobody_is_on_both_sides_of_the_split() -> None:
    person = np.array([f"person-{number % 40}" for number in range(400)])
    fitting = fitted_on(person, 0.6, np.random.default_rng(1))
    by_person = {name: set(fitting[person == name].tolist()) for name in person}
    assert all(len(seen) == 1 for seen in by_person.values())
    assert 10 < sum(seen == {True} for seen in by_person.values()) < 35


def test_who_stands_for_himself_is_drawn_as_before() -> None:
    person = np.array([f"{number * 7919 % 100}" for number in range(100)])
    expected = np.random.default_rng(5).random(100) < 0.6
    assert np.array_equal(fitted_on(person, 0.6, np.random.default_rng(5)), expected)


def test_an_imitation_is_on_the_side_of_whom_it_imitates() -> None:
    moments = np.cumsum(np.random.default_rng(2).lognormal(1, 0.7, 60))
    stretches = [Stretch(f"click/{n}", moments * (1 + n), np.ones(60, np.int64)) for n in (0, 0, 1)]
    given = ground(stretches, 2, 1)
    assert given.data.person.tolist()[:3] == [stretch.user for stretch in stretches]
    assert set(given.data.person.tolist()) <= {"click/0", "click/1"}
    assert given.person.tolist()[3:] == given.data.sequences.player.tolist()[3:], "figures count each imitation"


def test_people_of_several_sources_are_not_taken_for_each_other() -> None:
    both = joined([simulated(1, humans=5, cheats=1), simulated(2, humans=5, cheats=1)])
    assert len(set(both.person.tolist())) == len(both.sequences)


def test_too_few_players_are_said_before_anything_is_measured() -> None:
    few = simulated(1, humans=3, cheats=1)
    told: list[str] = []
    with pytest.raises(ExpectedError, match="honest people and") as caught:
        run_training(replace(SMALL, people=0, reviewed=few), lambda doing, _share: told.append(doing))
    assert "too few players" in str(caught.value)
    assert told == []


def test_a_small_platform_of_reviewed_players_can_be_trained_on() -> None:
    """A handful of each: nothing has to be worth a flag for the first tier, and thresholds come from few windows."""
    given = simulated(8, humans=40, cheats=1)
    family = np.where(given.family == HUMAN, HUMAN, REVIEWED)
    own = Labelled(given.sequences, family, given.cheats_from, given.person)
    opened = run_training(replace(SMALL, people=0, reviewed=own), quiet).opened
    assert len(opened.canary_scores) > 0


def test_a_model_without_canaries_is_not_packed(trained: Trained) -> None:
    opened = trained.opened
    with pytest.raises(ValueError, match="needs canaries"):
        pack(opened.model, opened.canaries.sequences.take([]), trained={}, metrics={})


def test_where_no_usual_canary_is_there_whoever_played_longest_is_one() -> None:
    given = simulated(8, humans=6, cheats=1)
    rows = np.flatnonzero(given.family == "menu_of_delays")
    own = Labelled(given.sequences.take(rows), given.family[rows], given.cheats_from[rows], given.person[rows])
    found = _canaries(own)
    assert len(found) == len(rows)
    assert 20 <= found.lengths().max() <= 225


def test_nothing_to_train_on_is_said() -> None:
    result = CliRunner().invoke(app, ["train", "--no-simulate"])
    assert isinstance(result.exception, ExpectedError)
    assert "nothing to train on" in str(result.exception)


def test_a_file_without_recordings_is_said(tmp_path: Path) -> None:
    (tmp_path / "people.npz").write_bytes(b"")
    result = CliRunner().invoke(app, ["train", "--no-simulate", "--humans", str(tmp_path / "people.npz")])
    assert isinstance(result.exception, ExpectedError)
    assert "holds no recordings" in str(result.exception)
