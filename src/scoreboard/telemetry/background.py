"""Work that a request happens to begin and that is nobody's: its lines and spans must not carry that request's ids."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

from scoreboard.telemetry.logs import forget_request
from scoreboard.telemetry.tracing import forget_span

T = TypeVar("T")


def start_nobodys_task(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Begin what goes on for whoever comes meanwhile. A task keeps the context of its birth; this one only the service.

    The caller keeps the task: the event loop itself holds it only weakly.
    """
    context = copy_context()
    context.run(_forget)
    return asyncio.get_running_loop().create_task(work, context=context)


def _forget() -> None:
    forget_request()
    forget_span()
