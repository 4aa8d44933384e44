"""Spans: one trace from a request to what browsers and the anti-cheat make of it, for the share that is sampled.

Callers never see the SDK. While traces are off, or for what is not sampled, every function here returns at once: the
SDK is loaded by :func:`begin_tracing` only, and nothing is carried on.

What waits together is done together. A batch of one is a child of the request that it is for; a larger one has a trace
of its own, linked with those of its sampled requests. Between processes the context travels as a ``traceparent``
(W3C Trace Context): in the event, in the ledger's entry, in the queued job.
"""

import random
import re
from collections.abc import Mapping, Sequence
from contextvars import Context, ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import structlog

from scoreboard.domain.errors import Refusal

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from scoreboard.telemetry.otlp import Recorder

Attribute = str | int | float | bool
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED = 1
_GRPC = 4317
"""The port that OpenTelemetry gives OTLP over gRPC, which we do not speak."""
_log = structlog.get_logger("scoreboard.traces")
_current: "ContextVar[Span | None]" = ContextVar("span", default=None)


class TraceSettings(Protocol):
    """What of a service's settings decides about traces; ``scoreboard.settings.tracing`` says what each means."""

    @property
    def trace_endpoint(self) -> str: ...  # noqa: D102
    @property
    def trace_endpoint_of_all(self) -> str: ...  # noqa: D102
    @property
    def trace_sample(self) -> float: ...  # noqa: D102
    @property
    def trace_callers(self) -> str: ...  # noqa: D102
    @property
    def trace_queue(self) -> int: ...  # noqa: D102
    @property
    def trace_every(self) -> float: ...  # noqa: D102
    @property
    def trace_timeout(self) -> float: ...  # noqa: D102
    @property
    def trace_farewell(self) -> float: ...  # noqa: D102


class _State:
    """What this process does about traces; set once, when it starts. ``recorder`` None: nothing."""

    recorder: "Recorder | None" = None
    sample = 0.0
    callers = "ignore"
    farewell = 0.0


def begin_tracing(service: str, version: str, settings: TraceSettings) -> None:
    """Record spans from here on, if the settings name a collector. Called by a process before its first request."""
    endpoint = settings.trace_endpoint or _usable(settings.trace_endpoint_of_all)
    if not endpoint:
        return
    from scoreboard.telemetry.otlp import Recorder

    recorder = Recorder(service, version, endpoint, settings)
    if not recorder.records():
        recorder.close(0)
        _log.warning("no traces: OpenTelemetry's SDK is switched off in this environment (OTEL_SDK_DISABLED)")
        return
    _State.recorder = recorder
    _State.sample, _State.callers = settings.trace_sample, settings.trace_callers
    _State.farewell = settings.trace_farewell


def _usable(endpoint: str) -> str:
    """What was not set for us alone, if it is an address that we can send to; else nothing."""
    if not endpoint:
        return ""
    try:
        parts = urlsplit(endpoint)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != _GRPC
    except ValueError:
        fits = False
    if not fits:
        _log.warning("no traces: OTEL_EXPORTER_OTLP_ENDPOINT is no address of OTLP over HTTP (http://collector:4318)")
    return endpoint if fits else ""


def end_tracing() -> None:
    """Send what is left, for ``trace_farewell`` seconds at most. Blocks: called when nothing else is left to do."""
    recorder, _State.recorder = _State.recorder, None
    if recorder is not None:
        recorder.close(_State.farewell)


class _Nothing:
    """In place of a span that nobody records."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


NO_SPAN = _Nothing()


class _Begun:
    """A span as the current one of its block. An error of the block is told by its class only: its words quote."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: "Span | None") -> None:
        self._span = span
        self._token: Token[Span | None] | None = None

    def __enter__(self) -> "Span | None":
        self._token = _current.set(self._span)
        return self._span

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._span is not None:
            recorder = _State.recorder
            if kind is not None and recorder is not None and not issubclass(kind, Refusal):
                recorder.fail(self._span, kind.__qualname__)
            self._span.end()


Block = _Nothing | _Begun


def request_span(method: str, given: bytes | None) -> Block:
    """The first span of a request, if it is sampled.

    Args:
        method: of HTTP; the route is added when it is known.
        given: the caller's ``traceparent``. What it counts for ``trace_callers`` says.
    """
    recorder = _State.recorder
    if recorder is None:
        return NO_SPAN
    parent = None
    if given is not None and _State.callers != "ignore" and _TRACEPARENT.fullmatch(text := given.decode("latin-1")):
        parent = text
    if parent is not None and _State.callers == "follow":
        if not int(parent[-2:], 16) & _SAMPLED:
            return NO_SPAN
    elif random.random() >= _State.sample:  # noqa: S311 - hides nothing
        return NO_SPAN
    return _Begun(recorder.start(method, "server", parent=parent))


def span(name: str, kind: str = "internal", **attributes: Attribute) -> Block:
    """A step of what is being recorded; nothing where nothing is."""
    parent = _current.get()
    recorder = _State.recorder
    if parent is None or recorder is None:
        return NO_SPAN
    return _Begun(recorder.start(name, kind, parent=parent, attributes=attributes))


def batch_span(name: str, waiting: Sequence[Context]) -> Block:
    """The work for all that waited together; ``waiting`` are the contexts that it was submitted in."""
    recorder = _State.recorder
    if recorder is None:
        return NO_SPAN
    sampled = [found for context in waiting if (found := context.get(_current)) is not None]
    if not sampled:
        return _Begun(None) if _current.get() is not None else NO_SPAN
    attributes: dict[str, Attribute] = {"scoreboard.items": len(waiting)}
    if len(waiting) == 1:
        return _Begun(recorder.start(name, "internal", parent=sampled[0], attributes=attributes))
    begun = recorder.start(name, "internal", links=sampled, attributes=attributes)
    for each in sampled:
        each.add_link(begun.get_span_context())  # so that who looks at a slow request finds what it waited for
    return _Begun(begun)


def carried_span(
    name: str,
    carried: Sequence[str | None],
    kind: str = "consumer",
    *,
    began_ns: int | None = None,
    attributes: Mapping[str, Attribute] | None = None,
) -> Block:
    """The work for what came from another process, or was kept for later.

    For one thing it is a child of where that came from, for several it is linked with those that are recorded.

    Args:
        name: what is done.
        carried: what came along with each thing.
        kind: as OpenTelemetry names kinds of spans.
        began_ns: when it began, in nanoseconds since the epoch; None: now.
        attributes: what else is known of it; nothing that a client sent raw.
    """
    recorder = _State.recorder
    if recorder is None:
        return NO_SPAN
    known = list(dict.fromkeys(each for each in carried if isinstance(each, str) and _TRACEPARENT.fullmatch(each)))
    if not known:
        return NO_SPAN
    told = {"scoreboard.items": len(carried), **(attributes or {})}
    if len(carried) == 1:
        return _Begun(recorder.start(name, kind, parent=known[0], attributes=told, began_ns=began_ns))
    return _Begun(recorder.start(name, kind, links=known, attributes=told, began_ns=began_ns))


def fail_span(what: str) -> None:
    """Mark the current span as failed by our own fault; ``what`` is a class, a code or a status, never a message."""
    current, recorder = _current.get(), _State.recorder
    if current is not None and recorder is not None:
        recorder.fail(current, what)


def forget_span() -> None:
    """What is done from here on in this context belongs to no trace."""
    _current.set(None)


def traceparent() -> str | None:
    """The context of the current span, to be carried on; None, and so nothing to carry, where nothing is recorded."""
    current = _current.get()
    if current is None:
        return None
    context = current.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def exemplar() -> dict[str, str] | None:
    """What a histogram of time keeps of the trace in which a duration was measured; None outside of traces."""
    current = _current.get()
    return None if current is None else _ids(current)


def _ids(recorded: "Span") -> dict[str, str]:
    context = recorded.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def with_trace(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """A log line with the ids of the trace in which it is written (a processor of structlog)."""
    current = _current.get()
    if current is not None:
        event.update(_ids(current))
    return event
