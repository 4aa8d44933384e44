"""What a request happens to begin and that is nobody's carries neither its id nor its span, but still the service."""

import asyncio

import structlog

from scoreboard import telemetry
from scoreboard.telemetry import tracing


async def _told() -> tuple[str | None, object, object]:
    return (
        telemetry.served_request(),
        tracing._current.get(),
        structlog.contextvars.get_contextvars().get("service"),
    )


async def _both() -> list[tuple[str | None, object, object]]:
    structlog.contextvars.bind_contextvars(service="api")
    span = object()
    token = tracing._current.set(span)  # type: ignore[arg-type]
    with telemetry.serving("request-1"):
        nobodys, own = telemetry.start_nobodys_task(_told()), asyncio.create_task(_told())
        assert await _told() == ("request-1", span, "api"), "the request itself forgets nothing"
        try:
            return [await nobodys, await own]
        finally:
            tracing._current.reset(token)


def test_a_task_of_nobody_carries_no_ids() -> None:
    nobodys, own = asyncio.run(_both())
    assert nobodys == (None, None, "api")
    assert own[0] == "request-1"
