"""``python -m scoreboard_anticheat_ml.score`` as whoever checks the model uses it: one file in, one table out."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoreboard_anticheat_ml.score import COLUMNS, main
from scoreboard_anticheat_ml.sequences import Columns, Sequences
from scoreboard_anticheat_ml.windows import schedule

VERDICTS = ["none", "watch", "flag", "hold", "suspend"]
Arrays = dict[str, Any]


def columns(t: np.ndarray[Any, np.dtype[np.float64]]) -> Columns:
    count = len(t)
    return Columns(
        t.tolist(), [np.nan] * count, [1] * count, [1.0] * count, [1.0] * count, [True] * count, [0.0] * count
    )


def a_platform() -> Sequences:
    """People with heavy tails and a mood, a metronome, somebody too new to say, and somebody who did nothing."""
    rng = np.random.default_rng(7)
    moods = [np.convolve(rng.normal(0, 0.5, 450), np.exp(-np.arange(30) / 8), "valid") for _ in range(12)]
    people = [np.exp(1 + mood + rng.normal(0, 0.7, len(mood))) for mood in moods]
    intervals = [*people, 2.0 + rng.uniform(0, 0.004, 260), people[0][:19], people[0][:0]]
    names = [*(f"person-{n}" for n in range(12)), "metronome, “quoted”", "new", "silent"]
    starts = 1.7e9 + rng.uniform(0, 1e6, len(names))
    times = [start + np.cumsum(own) for start, own in zip(starts, intervals, strict=True)]
    return Sequences.gather(names, [columns(own) for own in times])


PLATFORM = a_platform()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("score") / "in.npz"
    PLATFORM.save(path)
    return path


@pytest.fixture(scope="module")
def table(source: Path) -> list[dict[str, str]]:
    assert main([str(source), str(source.with_name("out.csv"))]) == 0
    return read(source.with_name("out.csv"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scoreboard_anticheat_ml.score", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_it_needs_no_settings_and_says_the_same_twice(source: Path, table: list[dict[str, str]]) -> None:
    path = source.with_name("again.csv")
    done = run(source, path, environment={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "windows" in done.stderr
    assert "Warning" not in done.stderr
    assert path.read_bytes() == source.with_name("out.csv").read_bytes()
    assert list(table[0]) == list(COLUMNS)


def test_it_opens_no_store_and_no_connection() -> None:
    look = "import sys, scoreboard_anticheat_ml.score; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    assert not {"redis", "asyncpg", "sqlalchemy", "socketio", "fastapi", "matplotlib"} & {*loaded}


def test_there_is_a_row_for_every_scheduled_window(table: list[dict[str, str]]) -> None:
    expected = [
        (str(name), end, length)
        for name, events in zip(PLATFORM.player, PLATFORM.lengths(), strict=True)
        for end, length in schedule(int(events))
    ]
    assert [(row["player"], int(row["end_index"]), int(row["window"])) for row in table] == expected
    assert (20, 20) in [expected[0][1:]]
    assert max(length for _, _, length in expected) == 200


def test_scores_are_numbers_and_verdicts_words(table: list[dict[str, str]]) -> None:
    assert all(np.isfinite(float(row["score"])) for row in table)
    assert all(0 <= float(row["probability"]) <= 1 for row in table)
    assert {row["verdict"] for row in table} <= {*VERDICTS}
    assert all(row["reasons"] for row in table if row["verdict"] in VERDICTS[2:])
    assert all(row["detectors"] for row in table if row["verdict"] in VERDICTS[1:])


def test_a_metronome_stands_out_from_its_first_window_on(table: list[dict[str, str]]) -> None:
    clockwork = [row for row in table if row["player"].startswith("metronome")]
    assert clockwork[0]["end_index"] == "20"
    assert all(row["verdict"] in ("hold", "suspend") for row in clockwork)
    assert "nine of ten intervals" in clockwork[0]["reasons"]
    for length in ("20", "50", "200"):
        people = [
            float(row["score"]) for row in table if row["window"] == length and row["player"].startswith("person")
        ]
        own = [float(row["score"]) for row in clockwork if row["window"] == length]
        assert min(own) > max(people)


def test_people_are_not_held(table: list[dict[str, str]]) -> None:
    assert not [row for row in table if row["player"].startswith("person") and row["verdict"] in ("hold", "suspend")]


def test_a_policy_can_be_milder(source: Path) -> None:
    policy, path = source.with_name("policy.json"), source.with_name("mild.csv")
    policy.write_text('{"most": "flag"}')
    assert main([str(source), str(path), "--policy", str(policy)]) == 0
    assert {row["verdict"] for row in read(path)} <= {"none", "watch", "flag"}


def test_nobody_gives_an_empty_table(tmp_path: Path) -> None:
    Sequences.gather([], []).save(tmp_path / "in.npz")
    assert main([str(tmp_path / "in.npz"), str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text().splitlines() == [",".join(COLUMNS)]


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: change(arrays[name])}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without("t"), "t"),
        (without("cooldown"), "cooldown"),
        (changed("off", lambda off: off[::-1]), "off"),
        (changed("off", lambda off: off + 1), "off"),
        (changed("off", lambda off: off[:-1]), "off"),
        (changed("t", lambda t: t[::-1]), "t"),
        (changed("t", lambda t: np.where(np.arange(len(t)) == 3, np.nan, t)), "t"),
        (changed("t", lambda t: t[:-1]), "t"),
        (changed("age", lambda age: age.reshape(-1, 1)), "age"),
        (changed("kind", lambda kind: np.array(["quiz"] * len(kind))), "type"),
        (changed("player", lambda player: np.array([object()] * len(player), dtype=object)), "read"),
    ],
)
def test_a_spoilt_file_is_refused_in_one_sentence(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Arrays], Arrays], said: str
) -> None:
    with np.load(source) as file:
        np.savez(tmp_path / "in.npz", **spoil(dict(file)))
    assert main([str(tmp_path / "in.npz"), str(tmp_path / "out.csv")]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 broken"])
def test_what_is_no_archive_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    (tmp_path / "in.npz").write_bytes(content)
    assert main([str(tmp_path / "in.npz"), str(tmp_path / "out.csv")]) == 2
    assert "in.npz" in capsys.readouterr().err


def test_an_array_that_is_no_archive_and_one_name_for_all_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    empty = {name: np.zeros(0) for name in ("t", "age", "kind", "points", "points_max", "ok", "cooldown")}
    np.savez(tmp_path / "one.npz", off=np.zeros(2, np.int64), player=np.array("eve"), **empty)
    for name, words in (("array.npy", "cannot be read"), ("one.npz", "player has to be")):
        assert main([str(tmp_path / name), str(tmp_path / "out.csv")]) == 2
        assert words in capsys.readouterr().err


def test_the_process_ends_with_two_when_something_is_wrong(source: Path, tmp_path: Path) -> None:
    missing = run(tmp_path / "nothing.npz", tmp_path / "out.csv")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    unwritable = run(source, tmp_path / "no" / "folder" / "out.csv")
    assert unwritable.returncode == 2
    assert "Traceback" not in unwritable.stderr
    assert run(source).returncode == 2


@pytest.mark.parametrize("policy", ['{"hold_windows": "often"}', '{"mercy": 1}', "[]", "{"])
def test_a_policy_that_is_none_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    (tmp_path / "policy.json").write_text(policy)
    assert main([str(source), str(tmp_path / "out.csv"), "--policy", str(tmp_path / "policy.json")]) == 2
    assert "policy.json" in capsys.readouterr().err
