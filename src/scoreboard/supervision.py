"""How a process keeps its background loops alive, and how it is tuned once it has started."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from scoreboard import telemetry

_log = structlog.get_logger("scoreboard.loop")
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_ASK_AGAIN = 0.2
_LAG_EVERY = 0.5
"""Seconds between two measures of the event loop's lag: two wake-ups a second cost nothing."""


def tune_garbage_collector() -> None:
    """Take what exists after start out of collection and collect young objects rarely.

    With thousands of live objects the default thresholds dominate (measured: 1.6-3.4x on connects and emits).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)


async def supervise(name: str, round_: Callable[[], Awaitable[object]], *, every: float) -> None:
    """Run ``round_`` for ever, ``every`` seconds apart. A failure is logged and counted, never fatal.

    After failures the pause grows to five seconds and shrinks again with the first success. Cancel the task to stop.
    """
    telemetry.LOOP_FAILURES.labels(name)  # tells 0 until the first failure
    pause = _FIRST_PAUSE
    while True:
        try:
            await round_()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a loop that dies silently is the worst outcome
            telemetry.LOOP_FAILURES.labels(name).inc()
            reason = telemetry.told_by(error)
            _log.warning("loop failed, retrying", loop=name, error=type(error).__name__, reason=reason, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        telemetry.LOOP_LAST_SUCCESS.labels(name).set_to_current_time()
        pause = _FIRST_PAUSE
        if every:
            await asyncio.sleep(every)


async def measure_lag() -> None:
    """Pause, and note how much later than asked the event loop came back. Run it supervised, without a pause."""
    loop = asyncio.get_running_loop()
    due = loop.time() + _LAG_EVERY
    await asyncio.sleep(_LAG_EVERY)
    telemetry.LOOP_LAG.observe(max(0.0, loop.time() - due))


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended.

    Asks more than once: ``asyncio.wait_for`` of Python 3.11 swallows a cancellation that arrives in the same moment as
    the result it waits for (python/cpython#86296), and the drivers beneath us use it; seen in one stop of thirty.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_ASK_AGAIN)
