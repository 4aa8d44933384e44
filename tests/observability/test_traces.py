"""One trace from a request over all processes to what browsers see and the model says; nothing where none is wanted."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from scoreboard.live import bus, keys
from tests.contract.live_clients import PlainClient
from tests.observability.collector import Collector, Seen, collecting
from tests.observability.staging import Stage, recording, staged
from tests.stage import Person, Stores, free_port, register, until

pytestmark = pytest.mark.timeout(300)  # the model's process imports for a while
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def arrived(collector: Collector, name: str, service: str, trace: str | None = None) -> Seen:
    def there() -> Seen | None:
        return next((each for each in collector.find(name, service) if trace in (None, each.trace)), None)

    found: Seen = await until(there, within=60, what=f"{name} of {service}")
    return found


async def test_a_score_is_one_trace_from_the_request_to_the_browser_and_the_verdict(
    recorded: Stage, collector: Collector, ada: Person
) -> None:
    watcher = PlainClient(recorded.services["realtime"].url)
    await watcher.open()
    await watcher.say({"type": "subscribe", "channels": ["board:main"]})
    await watcher.hear("subscribed", within=20)
    await watcher.hear("leaderboard.initial", within=20)
    for _ in range(20):  # from twenty on the model looks at a player
        await ada.score("tap")
        await watcher.hear("leaderboard.update", within=20)
    await watcher.leave()

    verdict = await arrived(collector, "judge window", "anticheat-ml")
    broadcast = await arrived(collector, "broadcast", "realtime", verdict.trace)
    await arrived(collector, "POST /api/v1/actions/{action_id}/complete", "api", verdict.trace)
    request = ("api", "POST /api/v1/actions/{action_id}/complete")
    assert collector.line(verdict) == [request, ("anticheat-ml", "judge window")]
    assert collector.line(broadcast) == [
        request,
        ("api", "flush complete"),
        ("api", "announce"),
        ("realtime", "read event"),
        ("realtime", "broadcast"),
    ]
    lines = [collector.line(span) for span in collector.of(verdict.trace)]
    assert [request, ("api", "flush complete"), ("api", "postgres transaction")] in lines
    assert [request, ("api", "flush guard")] in lines
    assert sum(not span.parent for span in collector.of(verdict.trace)) == 1
    assert broadcast.told["scoreboard.board"] == "main"
    first = next(span for span in collector.of(verdict.trace) if not span.parent)
    assert (first.told["http.route"], first.told["http.response.status_code"]) == (request[1].split()[1], 200)
    assert all(first.began <= span.began <= span.ended for span in collector.of(verdict.trace))


async def test_services_say_who_they_are(collector: Collector, recorded: Stage) -> None:
    about = collector.resources["api"]
    assert about["service.name"] == "scoreboard-api"
    assert {"service.version", "service.instance.id"} <= about.keys()


async def test_what_shares_a_flush_is_linked_both_ways(recorded: Stage, collector: Collector) -> None:
    people = [await register(recorded.client) for _ in range(30)]
    begun = await asyncio.gather(*(person.begin("tap") for person in people))
    await asyncio.gather(*(person.complete(each) for person, each in zip(people, begun, strict=True)))

    def shared() -> Seen | None:
        found = [each for each in collector.find("flush complete", "api") if each.told["scoreboard.items"] > 1]
        known = {(span.trace, span.id) for span in collector.spans}
        return next((each for each in found if {*each.links} <= known), None)

    flush: Seen = await until(shared, within=60, what="a flush of several")
    assert not flush.parent
    assert len(flush.links) == flush.told["scoreboard.items"]
    requests = [span for span in collector.spans if (span.trace, span.id) in flush.links]
    assert all((flush.trace, flush.id) in span.links for span in requests)
    assert {span.name for span in requests} == {"POST /api/v1/actions/{action_id}/complete"}
    await arrived(collector, "read event", "realtime", flush.trace)


async def test_a_queued_action_goes_on_in_its_requests_trace(
    recorded: Stage, collector: Collector, ada: Person
) -> None:
    reply = await ada.post("/api/v1/actions/execute", {"action_id": "queued-once", "kind": "tap2"})
    assert reply.status_code == 202
    done = await arrived(collector, "run jobs", "worker")
    await arrived(collector, "POST /api/v1/actions/execute", "api", done.trace)
    announced = await arrived(collector, "announce", "worker", done.trace)
    assert collector.line(announced)[:2] == [("api", "POST /api/v1/actions/execute"), ("worker", "run jobs")]


async def test_what_a_crash_left_is_announced_in_the_trace_of_its_request(
    recorded: Stage, collector: Collector, ada: Person
) -> None:
    await ada.score("tap2")
    [(seq, context)] = await recorded.sql("SELECT seq, trace_id FROM ledger ORDER BY seq DESC LIMIT 1")
    trace = context.split("-")[1]
    await recorded.sql(
        "INSERT INTO outbox (kind, first_seq, last_seq, created_at) VALUES ('scores', $1, $1, now() - interval '1 h')",
        seq,
    )
    swept = await arrived(collector, "sweep outbox", "worker", trace)
    assert collector.line(swept)[0] == ("api", "POST /api/v1/actions/{action_id}/complete")
    announced = await arrived(collector, "announce", "worker", trace)
    await until(lambda: [each for each in collector.find("read event") if each.parent == announced.id], within=30)


async def test_faults_of_ours_are_marked_and_refusals_are_not(
    recorded: Stage, collector: Collector, ada: Person
) -> None:
    assert (await ada.post("/api/v1/actions", {"kind": "unknown"})).status_code == 404

    def refused() -> list[Seen]:
        return [span for span in collector.spans if span.told.get("http.response.status_code") == 404]

    await until(refused, within=30)
    assert not any(span.failed for span in collector.spans if span.service == "api")


async def test_durations_lead_to_their_traces(recorded: Stage, collector: Collector, ada: Person) -> None:
    await ada.score("tap")
    wanted = {
        "api": ("request_seconds", "stage_seconds", "leaderboard_update_seconds", "database_wait_seconds"),
        "realtime": ("event_delivery_seconds", "commit_to_socket_seconds"),
        "anticheat_ml": ("model_verdict_seconds",),
    }
    for service, names in wanted.items():
        told = await recorded.scrape(service, **OPENMETRICS)
        for name in names:
            found = [
                line for line in told.splitlines() if line.startswith(f"scoreboard_{name}_bucket") and "# {" in line
            ]
            assert found, f"{service} has no exemplar of {name}"
            trace = found[0].split('trace_id="')[1][:32]
            await until(lambda t=trace: collector.of(t), within=30, what="the exemplar's trace")  # type: ignore[misc]
    assert "# {" not in await recorded.scrape("worker")


async def test_lines_have_the_ids_of_request_and_trace(recorded: Stage, collector: Collector, ada: Person) -> None:
    reply = await ada.post("/api/v1/actions", {"kind": "unknown"}, X_Request_ID="of-this-test-1")
    assert reply.json()["request_id"] == "of-this-test-1"

    def written() -> list[dict[str, Any]]:
        return [line for line in recorded.lines("api") if line.get("request_id") == "of-this-test-1"]

    lines = await until(lambda: len(written()) == 2 and written(), within=30)
    assert {line["message"] for line in lines} == {"rejected", "request"}
    [trace] = {line["trace_id"] for line in lines}
    await arrived(collector, "POST /api/v1/actions", "api", trace)
    assert all(len(line["span_id"]) == 16 for line in lines)


async def newest_event(environment: dict[str, str]) -> tuple[bus.ScoreEvent, bytes]:
    client = Redis.from_url(environment["REDIS_URL"])
    try:
        [(_, fields)] = await client.xrevrange(keys.STREAM, count=1)
    finally:
        await client.aclose()
    return msgspec.msgpack.decode(fields[b"b"], type=bus.ScoreEvent), fields[b"b"]


@pytest.mark.parametrize("sampling", ["0", "off"])
async def test_what_is_not_recorded_carries_nothing(
    stores: Stores, collector: Collector, tmp_path: Path, sampling: str
) -> None:
    extra = {} if sampling == "off" else recording(collector, TRACE_SAMPLE=sampling)
    before = len(collector.spans)
    async with staged(stores, tmp_path, "api", **extra) as stage:
        person = await register(stage.client)
        headers = {"traceparent": ABOVE}
        await person.complete(await person.begin("tap"))
        await person.post("/api/v1/scores/update", {"action_id": "x-1", "kind": "tap"}, **headers)
        event, raw = await newest_event(stage.environment)
        assert event.traceparent is None
        assert raw.endswith(b"\xc0"), "one byte: nil"
        assert await stage.sql("SELECT 1 FROM ledger WHERE trace_id IS NOT NULL") == []
        assert "# {" not in await stage.scrape("api", **OPENMETRICS)
        assert not any("trace_id" in line for line in stage.lines("api"))
    assert len(collector.spans) == before


async def test_what_is_left_is_sent_when_a_process_ends(stores: Stores, tmp_path: Path) -> None:
    with collecting() as own:
        async with staged(stores, tmp_path, "api", **recording(own, TRACE_EVERY="600")) as stage:
            await stage.client.get("/api/v1/boards")
            assert not own.spans
            stage.services["api"].stop()
        assert own.find("GET /api/v1/boards")


async def test_a_dead_collector_costs_nothing_and_is_counted(stores: Stores, tmp_path: Path) -> None:
    dead = {
        **{"TRACE_ENDPOINT": f"http://127.0.0.1:{free_port()}", "TRACE_SAMPLE": "1", "TRACE_EVERY": "0.05"},
        **{"TRACE_QUEUE": "8", "TRACE_TIMEOUT": "0.5", "TRACE_FAREWELL": "1"},
    }
    extra = {f"SCOREBOARD_{name}": value for name, value in dead.items()}
    async with staged(stores, tmp_path, "api", **extra) as stage:
        person = await register(stage.client)
        for _ in range(10):
            await person.score("tap")

        async def counted() -> bool:
            await asyncio.gather(*(stage.client.get("/api/v1/boards") for _ in range(20)))
            told = await stage.scrape("api")
            numbers = {
                outcome: float(told.split(f'scoreboard_trace_spans_total{{outcome="{outcome}"}} ')[1].split()[0])
                for outcome in ("sent", "failed", "dropped")
            }
            return numbers["sent"] == 0 and numbers["failed"] > 0 and numbers["dropped"] > 0

        await until(counted, within=60, what="lost spans being counted")
        said = [line for line in stage.lines("api") if "collector" in line.get("message", "")]
        assert len(said) == 1, "said once, not for each batch"
        await person.score("tap")
        stage.services["api"].stop(within=15)


def test_nothing_of_the_sdk_is_loaded_while_traces_are_off() -> None:
    code = (
        "import sys, scoreboard_api.process, scoreboard_realtime.process, scoreboard_worker.process;"
        "heavy = 'opentelemetry.sdk.trace', 'opentelemetry.exporter';"
        "print([each for each in sys.modules if each.startswith(heavy)])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
