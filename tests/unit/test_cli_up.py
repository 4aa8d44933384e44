"""What ``up`` decides before anything runs, and what it shows."""

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from scoreboard_cli import ports
from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.external_stores import ExternalPostgres, ExternalRedis, address
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.postgres_server import PostgresServer
from scoreboard_cli.service import child_environment
from scoreboard_cli.status_lines import StatusLines
from scoreboard_cli.stores import choose_stores
from scoreboard_cli.supervisor import State
from scoreboard_cli.up import UpOptions, _check_ports
from scoreboard_cli.valkey_server import ValkeyServer


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("10.1.2.3", "http://10.1.2.3:8000"),
    ],
)
def test_the_page_address_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert UpOptions(Path("data"), host=host).api_url == url


def test_each_service_has_its_own_metrics_port() -> None:
    options = UpOptions(Path("data"), metrics_port=9500)
    assert options.metrics_ports == {"api": 9500, "realtime": 9501, "worker": 9502, "anticheat": 9503}


def test_one_port_for_two_purposes_is_refused() -> None:
    port = ports.pick_free()
    with pytest.raises(ExpectedError, match=f"Port {port} is meant for both the API and realtime"):
        _check_ports(UpOptions(Path("data"), api_port=port, realtime_port=port))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ExpectedError, match=r"Nothing can listen on 192\.0\.2\.1") as caught:
        _check_ports(UpOptions(Path("data"), host="192.0.2.1", api_port=ports.pick_free()))
    assert "--host" in caught.value.advice


def test_a_taken_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not ports.is_free(taken.getsockname()[1])
    assert ports.is_free(ports.pick_free())


def test_bundled_stores_unless_addresses_are_given(tmp_path: Path) -> None:
    bundled = choose_stores(DataFolder(tmp_path), {})
    assert isinstance(bundled.postgres, PostgresServer)
    assert isinstance(bundled.redis, ValkeyServer)
    given = choose_stores(DataFolder(tmp_path), {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache"})
    assert isinstance(given.postgres, ExternalPostgres)
    assert isinstance(given.redis, ExternalRedis)
    assert given.environment == {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db.example:6432/x", "db.example:6432"),
        ("postgresql://me:secret@db.example/x", "db.example:5432"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("postgresql://me:secret@db.example:port/x", "db.example"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str) -> None:
    assert address(url, 5432) == shown


def test_children_may_keep_their_bytecode() -> None:
    environment = child_environment({"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/home/me"}, EXTRA="1")
    assert environment == {"HOME": "/home/me", "EXTRA": "1"}


def test_plain_lines_outside_a_terminal() -> None:
    out = io.StringIO()
    lines = StatusLines(Console(file=out), ["api"])
    lines.open()
    lines.report("api", State.STARTING, "")
    lines.report("api", State.READY, "0.3 s")
    lines.report("api", State.RESTARTING, "exit code 1; again in 0.5 s")
    lines.close()
    assert [" ".join(line.split()) for line in out.getvalue().splitlines()] == [
        "· api starting",
        "✓ api ready in 0.3 s",
        "↻ api restarting: exit code 1; again in 0.5 s",
    ]


def test_live_lines_in_a_terminal_show_every_unit() -> None:
    out = io.StringIO()
    lines = StatusLines(Console(file=out, force_terminal=True, width=80), ["postgres", "api"])
    lines.open()
    lines.report("postgres", State.STARTING, "")
    lines.report("postgres", State.FAILED, "no room")
    lines.close()
    shown = out.getvalue()
    assert "failed: no room" in shown
    assert "waiting" in shown
