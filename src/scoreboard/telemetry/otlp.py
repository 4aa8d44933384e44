"""What records spans and sends them: OpenTelemetry's SDK and OTLP over HTTP. Loaded only where traces are on.

The collector is told by settings; what is the same in every process of an organisation, headers, certificates and
attributes of the resource, comes from the standard variables of OpenTelemetry, which the SDK reads itself
(``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_EXPORTER_OTLP_CERTIFICATE``, ``OTEL_RESOURCE_ATTRIBUTES``).
"""

import logging
import socket
import threading
from collections.abc import Mapping, Sequence

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from scoreboard.telemetry.metrics import TRACE_SPANS
from scoreboard.telemetry.tracing import Attribute, TraceSettings

_PATH = "/v1/traces"
_MOST_AT_ONCE = 512  # spans of one request to the collector, as the SDK's own default
_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_NOWHERE = Context()
_log = structlog.get_logger("scoreboard.traces")


class Recorder:
    """The process's tracer. Whether something is recorded is decided before it is asked."""

    def __init__(self, service: str, version: str, endpoint: str, settings: TraceSettings) -> None:
        # Its own lines come with every failed batch; ours once, when the collector goes and when it is back.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        about = {
            "service.namespace": "scoreboard",
            "service.name": f"scoreboard-{service}",
            "service.version": version,
            "service.instance.id": socket.gethostname(),
        }
        endpoint = endpoint.rstrip("/")
        exporter = OTLPSpanExporter(
            endpoint=endpoint if endpoint.endswith(_PATH) else endpoint + _PATH, timeout=settings.trace_timeout
        )
        line = _Line(settings.trace_queue)
        sender = BatchSpanProcessor(
            _Counted(exporter, line),
            max_queue_size=settings.trace_queue,
            max_export_batch_size=min(_MOST_AT_ONCE, settings.trace_queue),
            schedule_delay_millis=settings.trace_every * 1000,
        )
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(_Bounded(sender, line))
        self._tracer = self._provider.get_tracer("scoreboard", version)

    def records(self) -> bool:
        """Whether spans have ids at all: where the SDK is switched off they are zeros, which nobody may carry on."""
        return self._tracer.start_span("ids", _NOWHERE).get_span_context().is_valid

    def start(
        self,
        name: str,
        kind: str,
        *,
        parent: Span | str | None = None,
        links: Sequence[Span | str] = (),
        attributes: Mapping[str, Attribute] | None = None,
        began_ns: int | None = None,
    ) -> Span:
        """Begin a span; without a parent it begins a trace.

        Args:
            name: what is done, of few different words.
            kind: ``server``, ``client``, ``producer``, ``consumer`` or ``internal``.
            parent: the span it is a part of, or the ``traceparent`` of one elsewhere.
            links: others that it is for as well, in the same forms.
            attributes: what else is known of it; nothing that a client sent raw.
            began_ns: nanoseconds since the epoch; None: now.
        """
        within = _NOWHERE
        if parent is not None:
            within = set_span_in_context(NonRecordingSpan(_elsewhere(parent)) if isinstance(parent, str) else parent)
        return self._tracer.start_span(
            name,
            within,
            _KINDS[kind],
            attributes,
            [Link(_elsewhere(each) if isinstance(each, str) else each.get_span_context()) for each in links],
            began_ns,
        )

    @staticmethod
    def fail(span: Span, what: str) -> None:
        """Mark a span as failed."""
        span.set_attribute("error.type", what)
        span.set_status(StatusCode.ERROR)

    def close(self, seconds: float) -> None:
        """Send what is left, for so many seconds at most: a collector that hangs must not keep the process."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces-farewell", daemon=True)
        ending.start()
        ending.join(seconds)


def _elsewhere(traceparent: str) -> SpanContext:
    """A span of another process, or of this one some time ago. The text was checked before."""
    _, trace_id, span_id, _ = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Line:
    """How many ended spans wait to be sent. Its own count: the SDK pushes out the oldest and says so in the log."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Whether there is room for one more."""
        with self._lock:
            if self._waiting >= self._most:
                return False
            self._waiting += 1
            return True

    def leave(self, number: int) -> None:
        """So many are being sent."""
        with self._lock:
            self._waiting -= number


class _Bounded(SpanProcessor):
    """Drops and counts what has no room, so that a collector that is away costs neither memory nor log lines."""

    def __init__(self, sender: SpanProcessor, line: _Line) -> None:
        self._sender = sender
        self._line = line

    def on_end(self, span: ReadableSpan) -> None:
        if self._line.enter():
            self._sender.on_end(span)
        else:
            TRACE_SPANS.labels("dropped").inc()

    def shutdown(self) -> None:
        self._sender.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._sender.force_flush(timeout_millis)


class _Counted(SpanExporter):
    """Counts what was sent and what was not, and says once when that changes."""

    def __init__(self, exporter: SpanExporter, line: _Line) -> None:
        self._exporter = exporter
        self._line = line
        self._reached = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._line.leave(len(spans))
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - on a thread of the SDK, which would only write it down
            _log.warning("spans could not be sent", error=type(error).__name__)
            result = SpanExportResult.FAILURE
        sent = result is SpanExportResult.SUCCESS
        TRACE_SPANS.labels("sent" if sent else "failed").inc(len(spans))
        if sent is not self._reached:
            self._reached = sent
            tell = _log.info if sent else _log.warning
            tell("the collector of traces takes spans again" if sent else "the collector of traces does not take spans")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
