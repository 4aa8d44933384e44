"""The access line: its fields, its sampling, and that neighbours share one write."""

import asyncio
import json

import pytest
import structlog

from scoreboard_api.access_log import AccessLog
from tests.stage import make_keys, settings_from

ENVIRONMENT = {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "redis://nowhere", **make_keys()}


def access_log(**settings: str) -> AccessLog:
    extra = {f"SCOREBOARD_{name.upper()}": value for name, value in settings.items()}
    return AccessLog(settings_from({**ENVIRONMENT, **extra}))


async def lines(capsys: pytest.CaptureFixture[str], log: AccessLog, *statuses: int) -> list[dict[str, object]]:
    for status in statuses:
        log.note("GET", "/api/v1/players/{id}", status, 0.0123456, "request-1")
    await asyncio.sleep(0)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_a_line_says_what_was_asked_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    [line] = await lines(capsys, access_log(), 200)
    assert str(line.pop("@timestamp")).endswith("Z")
    assert line == {
        "service": "api",
        "method": "GET",
        "route": "/api/v1/players/{id}",
        "status": 200,
        "duration_ms": 12.35,
        "request_id": "request-1",
        "message": "request",
        "log.level": "info",
    }


async def test_lines_of_one_moment_are_all_written(capsys: pytest.CaptureFixture[str]) -> None:
    log = access_log()
    assert len(await lines(capsys, log, *[200] * 50)) == 50
    assert len(await lines(capsys, log, 503)) == 1


async def test_sampling_spares_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    log = access_log(access_log_sample="0")
    assert [line["status"] for line in await lines(capsys, log, 200, 404, 204, 503)] == [404, 503]


async def test_a_quiet_log_has_no_access_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert await lines(capsys, access_log(log_level="warning"), 200, 503) == []


async def test_a_terminal_gets_the_form_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    written = structlog.testing.CapturingLogger()
    monkeypatch.setattr("scoreboard_api.access_log._log", written)
    access_log(log_format="console").note("GET", "/", 200, 0.001, "request-1")
    [call] = written.calls
    assert (call.args, call.kwargs["request_id"]) == (("request",), "request-1")
