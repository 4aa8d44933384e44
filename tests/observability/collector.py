"""A collector of traces: takes OTLP over HTTP as a real one does, and answers questions about what it was given."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CONTENT_TYPE = "application/x-protobuf"


@dataclass(frozen=True)
class Seen:
    """One span as the collector got it."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    told: dict[str, Any]
    failed: bool
    began: int
    ended: int


@dataclass
class Collector:
    """What came in. ``refuse``: answer 400, which nobody repeats."""

    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: bool = False
    refused: int = 0

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = _plain(group.resource.attributes)
            service = str(about["service.name"]).removeprefix("scoreboard-")
            self.resources[service] = about
            for scope in group.scope_spans:
                self.spans += [_seen(service, span) for span in scope.spans]

    def of(self, trace: str) -> list[Seen]:
        return [span for span in self.spans if span.trace == trace]

    def find(self, name: str, service: str | None = None) -> list[Seen]:
        return [span for span in self.spans if span.name == name and service in (None, span.service)]

    def parent(self, span: Seen) -> Seen:
        (found,) = [each for each in self.spans if each.id == span.parent and each.trace == span.trace]
        return found

    def line(self, span: Seen) -> list[tuple[str, str]]:
        """Service and name of a span and of all above it, from the first one on."""
        above = [] if not span.parent else self.line(self.parent(span))
        return [*above, (span.service, span.name)]


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _seen(service: str, span: Any) -> Seen:
    return Seen(
        *(service, span.name, span.kind, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()),
        *(tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links), _plain(span.attributes)),
        *(span.status.code == 2, span.start_time_unix_nano, span.end_time_unix_nano),
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            good = self.path == "/v1/traces" and self.headers["Content-Type"] == CONTENT_TYPE and not collector.refuse
            if good:
                collector.take(body)
            else:
                collector.refused += 1
            self.send_response(200 if good else 400)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
