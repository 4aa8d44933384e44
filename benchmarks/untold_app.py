"""Our API without metrics, for ``benchmarks.telemetry``: the same code, with a registry that forgets everything.

There is no setting for it: nobody should run the platform blind for what it costs.
"""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram, Summary


def _forget(*_: Any, **__: Any) -> None:
    return None


def _itself(metric: Any, *_: Any, **__: Any) -> Any:
    return metric


def forget_metrics() -> None:
    """From here on no metric keeps anything, and none is looked up by its labels."""
    for kind in (Counter, Gauge, Histogram, Summary):
        kind.labels = _itself  # type: ignore[method-assign, assignment]
        for name in ("inc", "dec", "set", "observe", "set_function", "set_to_current_time"):
            if hasattr(kind, name):
                setattr(kind, name, _forget)


if __name__ == "__main__":
    forget_metrics()
    from scoreboard_api.process import run_process

    run_process()
