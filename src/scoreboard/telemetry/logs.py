"""How logs are written: JSON lines for machines, readable ones for people."""

import logging
import sys
import traceback
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from scoreboard.telemetry.tracing import with_trace

_QUOTING = ("asyncpg.", "sqlalchemy.")


class serving:  # noqa: N801 - used as ``with serving(...)``; a generator would cost a request three times as much
    """Lines of this block are about a request, and say which one; None: which one is not known.

    ``refused`` tells whether something was refused since it began.
    """

    __slots__ = ("_token", "refused", "request_id")

    def __init__(self, request_id: str | None) -> None:
        self.request_id = request_id
        self.refused = False

    def __enter__(self) -> Self:
        self._token: Token[serving | None] = _served.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _served.reset(self._token)


_served: ContextVar[serving | None] = ContextVar("served", default=None)


def served_request() -> str | None:
    """The id of the request that is being served, to be kept with what is done for it later."""
    served = _served.get()
    return None if served is None else served.request_id


def forget_request() -> None:
    """What is done from here on in this context is for no request."""
    _served.set(None)


def note_refused() -> None:
    """What is being served was refused, and that was told."""
    served = _served.get()
    if served is not None:
        served.refused = True


def _with_request(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    request_id = served_request()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def told_by(error: BaseException) -> str:
    """What an error says of itself, fit for a log.

    Errors of the database quote the row and the parameters that they are about: addresses, hashes, tokens. Of them only
    the class, the SQLSTATE and the names of table and constraint are kept.
    """
    if not type(error).__module__.startswith(_QUOTING):
        return str(error)
    names = ("sqlstate", "table_name", "constraint_name")
    return " ".join(f"{name}={value}" for name in names if (value := getattr(error, name, None)))


def _trace(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """A traceback as Python writes it, with what the errors may tell."""
    error: BaseException | None = exc_info[1]
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        kind = type(error)
        stack = "".join(traceback.format_tb(error.__traceback__))
        parts.append(
            f"Traceback (most recent call last):\n{stack}{kind.__module__}.{kind.__qualname__}: {told_by(error)}"
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nwhich came from:\n\n".join(parts)


def _ecs_names(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Elastic Common Schema names, so that a shipper needs no mapping."""
    event["message"] = event.pop("event")
    event["@timestamp"] = event.pop("timestamp")
    event["log.level"] = event.pop("level")
    return event


_json = msgspec.json.Encoder(enc_hook=repr)


def _to_json(event: dict[str, Any], **_: Any) -> str:
    return _json.encode(event).decode()


def configure_logs(service: str, *, form: str, level: str) -> None:
    """Write structured lines to standard output: JSON for machines, ``console`` for a person at a terminal.

    Control characters are escaped by the JSON renderer, so a name cannot forge a line.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_request,
        with_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_trace),
    ]
    if form == "json":
        render: list[Any] = [_ecs_names, structlog.processors.JSONRenderer(serializer=_to_json)]
    else:
        render = [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
