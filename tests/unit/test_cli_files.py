"""Keys, secrets, the run file and the log follower: small files with strict rules."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.keys import development_keys
from scoreboard_cli.log_follower import LogFollower
from scoreboard_cli.processes import ProcessRecord, start_mark
from scoreboard_cli.running import RunningPlatform, addresses, find_running, settings_for
from scoreboard_cli.secret_files import write_private


def running_platform(started: str) -> RunningPlatform:
    return RunningPlatform(
        pid=os.getpid(),
        started=started,
        api_url="http://127.0.0.1:8000",
        realtime_url="http://127.0.0.1:8001",
        metrics={},
        pids={},
        database_url="postgresql://scoreboard:secret@127.0.0.1:1/scoreboard",
        redis_url="redis://:secret@127.0.0.1:2/0",
    )


@pytest.fixture
def running(tmp_path: Path) -> Path:
    running_platform(start_mark(os.getpid()) or "").write(DataFolder(tmp_path))
    return tmp_path


def test_keys_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    keys = development_keys(tmp_path / "keys", {})
    assert development_keys(tmp_path / "keys", {}) == keys
    assert len(base64.b64decode(keys["SCOREBOARD_MASTER_KEY"], validate=True)) == 32
    signing_key = load_pem_private_key(keys["SCOREBOARD_SIGNING_KEY"].encode(), password=None)
    assert isinstance(signing_key, EllipticCurvePrivateKey)
    assert isinstance(signing_key.curve, SECP256R1)
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_keys_of_the_environment_win_and_leave_no_file(tmp_path: Path) -> None:
    given = {"SCOREBOARD_SIGNING_KEY": "pem", "SCOREBOARD_MASTER_KEY": "key"}
    assert development_keys(tmp_path / "keys", given) == given
    assert not (tmp_path / "keys").exists()


def test_a_private_file_replaces_a_readable_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_running_platform_is_found(running: Path) -> None:
    assert find_running(running).api_url == "http://127.0.0.1:8000"
    assert addresses(running, {}) == ("http://127.0.0.1:8000", "http://127.0.0.1:8001")


def test_the_environment_wins_over_the_running_platform(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert addresses(running, {"SCOREBOARD_API_URL": "https://board.example/"})[0] == "https://board.example"
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.delenv("REDIS_URL", raising=False)
    settings = settings_for(running)
    assert settings.database_url.get_secret_value() == "postgresql://elsewhere/db"
    assert settings.redis_url.get_secret_value() == "redis://:secret@127.0.0.1:2/0"


@pytest.mark.parametrize("content", [None, "", "{}", json.dumps({"pid": 1})])
def test_without_a_running_platform_the_way_out_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(ExpectedError, match="Nothing is running here") as caught:
        find_running(tmp_path)
    assert caught.value.advice == "Start it with: scoreboard up"


def test_a_pid_that_was_given_to_another_process_is_not_the_platform(tmp_path: Path) -> None:
    running_platform("started at another time").write(DataFolder(tmp_path))
    with pytest.raises(ExpectedError, match="Nothing is running here"):
        find_running(tmp_path)


def test_unusable_settings_are_named(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREBOARD_MASTER_KEY", "short")
    with pytest.raises(ExpectedError, match="SCOREBOARD_MASTER_KEY must be base64"):
        settings_for(running)


def test_the_folder_is_for_one_platform_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    refused = pytest.raises(ExpectedError, match=rf"Another scoreboard runs .* \(pid {os.getpid()}\)")
    with folder.locked(), refused, folder.locked():
        pass
    with folder.locked():
        pass


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "x"}', '{"pid": 1}', '{"pid": 1, "started": null}'])
def test_a_damaged_record_means_no_leftover(tmp_path: Path, content: str) -> None:
    path = tmp_path / "process.json"
    path.write_text(content)
    assert ProcessRecord(path).leftover() is None


def test_a_record_recognises_its_process(tmp_path: Path) -> None:
    record = ProcessRecord(tmp_path / "process.json")
    record.write(os.getpid())
    assert record.leftover() == os.getpid()


def test_warnings_are_shown_once_and_the_rest_is_not(tmp_path: Path) -> None:
    log, said = tmp_path / "api.log", list[str]()
    log.write_text('{"log.level": "error", "message": "before"}\n')
    follower = LogFollower("api", log, said.append)
    with log.open("a") as file:
        file.write(
            '{"log.level": "info", "message": "request"}\nno json\n'
            '{"log.level": "warning", "message": "slow", "ms": 7}\n'
        )
        file.write('{"log.level": "error", "mess')
    follower.look()
    assert said == ["api: warning: slow ms=7"]
    with log.open("a") as file:
        file.write('age": "gone"}\n')
    follower.look()
    follower.look()
    assert said[1:] == ["api: error: gone"]


def test_a_flood_of_warnings_is_shortened(tmp_path: Path) -> None:
    log, said = tmp_path / "api.log", list[str]()
    follower = LogFollower("api", log, said.append)
    log.write_text('{"log.level": "error", "message": "again"}\n' * 100)
    follower.look()
    assert len(said) == 6
    assert said[-1] == f"api: 95 more in {log}"


def test_a_large_log_is_moved_aside_and_followed_on(tmp_path: Path) -> None:
    log, said = tmp_path / "api.log", list[str]()
    log.touch()
    follower = LogFollower("api", log, said.append, largest=100)
    with log.open("a") as file:
        file.write("x" * 200 + "\n")
        file.flush()
        follower.look()
        assert log.stat().st_size == 0
        assert (tmp_path / "api.log.1").stat().st_size == 201
        file.write('{"log.level": "error", "message": "after"}\n')
    follower.look()
    assert said == ["api: error: after"]


def test_the_lines_of_our_services_are_understood(tmp_path: Path) -> None:
    log, said = tmp_path / "api.log", list[str]()
    follower = LogFollower("api", log, said.append)
    code = (
        "import structlog; from scoreboard import telemetry;"
        "telemetry.configure_logs('api', form='json', level='info');"
        "structlog.get_logger().info('fine'); structlog.get_logger().warning('slow', ms=7)"
    )
    with log.open("ab") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    follower.look()
    assert said == ["api: warning: slow ms=7"]
