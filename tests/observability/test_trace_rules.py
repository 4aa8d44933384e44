"""What is recorded, what is a child of what, and what a stranger's traceparent counts."""

import base64
import contextvars
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.settings import Settings
from tests.observability.collector import Collector, collecting

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@dataclass(frozen=True)
class Wanted:
    trace_endpoint: str
    trace_endpoint_of_all: str = ""
    trace_sample: float = 1.0
    trace_callers: str = "ignore"
    trace_queue: int = 100
    trace_every: float = 60.0
    trace_timeout: float = 5.0
    trace_farewell: float = 10.0


Begin = Callable[..., None]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def begin(collector: Collector) -> Iterator[Begin]:
    def begin(**wanted: object) -> None:
        telemetry.begin_tracing("test", "1", Wanted(collector.url, **wanted))  # type: ignore[arg-type]

    yield begin
    telemetry.end_tracing()


@pytest.mark.parametrize(
    ("callers", "sample", "given", "recorded", "joined"),
    [
        ("ignore", 1, ABOVE, True, False),
        ("ignore", 0, ABOVE, False, False),
        ("join", 1, ABOVE, True, True),
        ("join", 0, ABOVE, False, False),
        ("follow", 0, ABOVE, True, True),
        ("follow", 1, ABOVE[:-2] + "00", False, False),
        ("follow", 0, "00-nonsense", False, False),
        ("follow", 1, "00-nonsense", True, False),
        ("follow", 0, ABOVE.replace("b7ad6b7169203331", "0" * 16), False, False),
        ("follow", 0, ABOVE + "\xff", False, False),
        ("follow", 0, None, False, False),
    ],
)
def test_a_callers_trace_counts_what_the_settings_say(
    begin: Begin,
    collector: Collector,
    callers: str,
    sample: float,
    given: str | None,
    recorded: bool,
    joined: bool,
) -> None:
    begin(trace_callers=callers, trace_sample=sample)
    with telemetry.request_span("GET", None if given is None else given.encode("latin-1")) as span:
        assert (span is not None) is recorded
        assert (telemetry.traceparent() is not None) is recorded
    telemetry.end_tracing()
    assert len(collector.spans) == recorded
    assert all((span.trace in ABOVE) is joined for span in collector.spans)
    assert all((span.parent == "b7ad6b7169203331") is joined for span in collector.spans)


def test_while_off_nothing_is_recorded_and_nothing_is_carried() -> None:
    for block in (
        telemetry.request_span("GET", ABOVE.encode()),
        telemetry.span("step"),
        telemetry.carried_span("work", [ABOVE]),
        telemetry.batch_span("flush", [contextvars.copy_context()]),
    ):
        assert block is telemetry.NO_SPAN
        with block:
            assert telemetry.traceparent() is None
            assert telemetry.exemplar() is None


def test_the_share_is_kept(begin: Begin, collector: Collector) -> None:
    begin(trace_sample=0.2, trace_queue=2000)
    for _ in range(2000):
        with telemetry.request_span("GET", None):
            pass
    telemetry.end_tracing()
    assert 300 < len(collector.spans) < 500


def test_one_thing_is_continued_and_several_are_linked(begin: Begin, collector: Collector) -> None:
    begin()
    with telemetry.carried_span("one", [ABOVE]), telemetry.span("step"):
        pass
    with telemetry.carried_span("several", [ABOVE, None, OTHER, ABOVE]):
        pass
    assert telemetry.carried_span("none", [None, "an-id-of-a-request", ""]) is telemetry.NO_SPAN
    telemetry.end_tracing()
    [one], [step], [several] = collector.find("one"), collector.find("step"), collector.find("several")
    assert (one.trace, one.parent, one.links) == (ABOVE[3:35], ABOVE[36:52], ())
    assert (step.trace, step.parent) == (one.trace, one.id)
    assert several.parent == ""
    assert several.links == ((ABOVE[3:35], ABOVE[36:52]), (OTHER[3:35], OTHER[36:52]))
    assert several.told["scoreboard.items"] == 4


def test_a_batch_of_others_is_not_part_of_the_request_that_set_it_off(begin: Begin, collector: Collector) -> None:
    begin()
    nobody = contextvars.copy_context()
    with telemetry.request_span("GET", None), telemetry.batch_span("flush", [nobody, nobody]):
        assert telemetry.traceparent() is None


def test_faults_are_told_by_their_class_and_refusals_are_none(begin: Begin, collector: Collector) -> None:
    begin()
    with pytest.raises(ValueError, match="secret"), telemetry.carried_span("fault", [ABOVE]):
        raise ValueError("a secret of a player")
    with pytest.raises(Refusal), telemetry.carried_span("refusal", [ABOVE]):
        raise Refusal(ErrorCode.COOLDOWN, "Wait.")
    telemetry.end_tracing()
    [fault], [refusal] = collector.find("fault"), collector.find("refusal")
    assert (fault.failed, fault.told["error.type"]) == (True, "ValueError")
    assert not refusal.failed
    assert "secret" not in str(collector.spans)


def test_what_a_collector_does_not_take_is_counted(begin: Begin, collector: Collector) -> None:
    collector.refuse = True
    before = {outcome: count(outcome) for outcome in ("sent", "failed", "dropped")}
    begin(trace_queue=3)
    for _ in range(5):
        with telemetry.carried_span("work", [ABOVE]):
            pass
    telemetry.end_tracing()
    lost = {outcome: count(outcome) - number for outcome, number in before.items()}
    assert lost["sent"] == 0
    assert lost["failed"] + lost["dropped"] == 5
    assert collector.refused > 0


def count(outcome: str) -> float:
    return float(telemetry.TRACE_SPANS.labels(outcome)._value.get())


@pytest.mark.parametrize(
    "endpoint",
    ["collector:4317", "grpc://collector:4317", "http://collector:4317", "http://", "http://[::1", "unix:/x"],
)
def test_an_address_for_others_stops_no_start_and_records_nothing(endpoint: str) -> None:
    with capture_logs() as lines:
        telemetry.begin_tracing("test", "1", Wanted("", endpoint))
        with telemetry.request_span("GET", None):
            assert telemetry.traceparent() is None
    [line] = lines
    assert (line["log_level"], "OTEL_EXPORTER_OTLP_ENDPOINT" in line["event"]) == ("warning", True)


def test_an_address_for_everybody_is_ours_where_it_fits(collector: Collector) -> None:
    telemetry.begin_tracing("test", "1", Wanted("", collector.url))
    try:
        with telemetry.request_span("GET", None):
            assert telemetry.traceparent() is not None
    finally:
        telemetry.end_tracing()
    assert len(collector.spans) == 1


def test_with_the_sdk_switched_off_no_zeros_are_carried(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with capture_logs() as lines:
        begin()
        with telemetry.request_span("GET", None):
            assert (telemetry.traceparent(), telemetry.exemplar()) == (None, None)
    assert ["OTEL_SDK_DISABLED" in line["event"] for line in lines] == [True]


def test_what_is_said_for_us_alone_wins_and_is_held_to_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    key = base64.b64encode(bytes(32)).decode()
    for name, value in (
        ("DATABASE_URL", "postgresql://x/y"),
        ("REDIS_URL", "redis://x"),
        ("SCOREBOARD_MASTER_KEY", key),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SCOREBOARD_SIGNING_KEY", json.dumps("key"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    assert (Settings().trace_endpoint, Settings().trace_endpoint_of_all) == ("", "collector:4317")
    for ours in ("", "http://ours:4318"):
        monkeypatch.setenv("SCOREBOARD_TRACE_ENDPOINT", ours)
        assert (Settings().trace_endpoint, Settings().trace_endpoint_of_all) == (ours, "")
    monkeypatch.setenv("SCOREBOARD_TRACE_ENDPOINT", "ours:4317")
    with pytest.raises(ValidationError):
        Settings()
