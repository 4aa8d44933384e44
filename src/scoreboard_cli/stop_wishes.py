"""Ctrl-C, SIGTERM and a closed terminal, counted instead of thrown: the supervisor's loop asks for them."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopWishes:
    """While entered, counts the wishes to stop; the process itself is not interrupted."""

    def __init__(self) -> None:
        self._count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> int:
        """How many wishes arrived so far."""
        return self._count

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._arrived) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
