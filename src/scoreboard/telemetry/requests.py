"""What is told of every request. Series are looked up once: to find one by its labels costs more than to count."""

from functools import cache

from prometheus_client import Counter, Histogram

from scoreboard.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS, REQUEST_SECONDS
from scoreboard.telemetry.tracing import exemplar


def answered(route: str, status: int, seconds: float) -> None:
    """Note how long a request took; ``route`` is its template."""
    _by_route(route, status).observe(seconds, exemplar())


def counted_by_handler(handler: str, method: str, status: str, seconds: float) -> None:
    """Count a request under the names of prometheus-fastapi-instrumentator, which sees none of the hot routes."""
    requests, duration = _by_handler(handler, method, status)
    requests.inc()
    duration.observe(seconds)


# Templates, methods and statuses are bounded, as labels have to be; so are these.
@cache
def _by_route(route: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(route, str(status))


@cache
def _by_handler(handler: str, method: str, status: str) -> tuple[Counter, Histogram]:
    return HTTP_REQUESTS.labels(handler, method, status), HTTP_SECONDS.labels(handler, method)
