"""``scoreboard train``: the same seed gives the same model, with its figures and a report beside it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scoreboard_anticheat_ml.artefact import open_pinned, read_folder
from scoreboard_anticheat_ml.training import HUMAN, Effort
from scoreboard_cli.__main__ import app
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.simulation.families import FAMILIES
from scoreboard_cli.training.card import Plan
from scoreboard_cli.training.datasets import joined, quiet, simulated
from scoreboard_cli.training.trainer import Sources, Trained, run_training, write_training

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


def test_nothing_to_train_on_is_said() -> None:
    result = CliRunner().invoke(app, ["train", "--no-simulate"])
    assert isinstance(result.exception, ExpectedError)
    assert "nothing to train on" in str(result.exception)


def test_a_file_without_recordings_is_said(tmp_path: Path) -> None:
    (tmp_path / "people.npz").write_bytes(b"")
    result = CliRunner().invoke(app, ["train", "--no-simulate", "--humans", str(tmp_path / "people.npz")])
    assert isinstance(result.exception, ExpectedError)
    assert "holds no recordings" in str(result.exception)
