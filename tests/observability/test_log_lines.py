"""Whatever is refused is written in one line, by every service, with the id that the caller was told."""

import asyncio
from typing import Any

import httpx2 as httpx
import pytest

from tests.contract.live_clients import PlainClient
from tests.observability.collector import Collector
from tests.observability.staging import Stage
from tests.stage import Person, until

pytestmark = pytest.mark.timeout(300)  # the model's process imports for a while


async def the_line(stage: Stage, service: str, **fields: str) -> dict[str, Any]:
    """The one line with these fields."""

    def found() -> list[dict[str, Any]]:
        return [line for line in stage.lines(service) if fields.items() <= line.items()]

    await until(found, within=60, what=f"a line with {fields}")
    await asyncio.sleep(0.2)
    [line] = found()
    return line


async def test_the_apis(recorded: Stage, collector: Collector, ada: Person) -> None:
    for index, (path, code) in enumerate({"/nowhere": "NOT_FOUND", "/api/v1/jobs/none": "NOT_FOUND"}.items()):
        request_id = f"of-the-api-{index}"
        reply = await recorded.client.get(path, headers={**ada.headers, "X-Request-ID": request_id})
        assert (reply.json()["code"], reply.json()["request_id"]) == (code, request_id)
        line = await the_line(recorded, "api", message="rejected", request_id=request_id)
        assert (line["code"], line["layer"]) == (code, reply.json()["layer"])
        await until(lambda t=line["trace_id"]: collector.of(t), within=30, what="its trace")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("GET", "/nowhere", {}, "NOT_FOUND"),
        ("POST", "/health/live", {}, "METHOD_NOT_ALLOWED"),
        ("GET", "/socket.io/?EIO=4&transport=polling", {"Origin": "https://elsewhere.example"}, "FORBIDDEN"),
        ("POST", "/socket.io/?EIO=4&transport=polling&sid=x", {"Content-Length": "99999"}, "PAYLOAD_TOO_LARGE"),
        ("GET", "/socket.io/?EIO=3&transport=polling", {}, "VALIDATION_ERROR"),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=gone", {}, "VALIDATION_ERROR"),
        ("GET", "/api/v1/live/boards/nowhere", {}, "NOT_FOUND"),
        ("GET", "/api/v1/live/boards/main", {"Authorization": "Bearer nonsense"}, "INVALID_TOKEN"),
    ],
)
async def test_realtimes_over_http(
    recorded: Stage, request: pytest.FixtureRequest, method: str, path: str, headers: dict[str, str], code: str
) -> None:
    request_id = f"of-realtime-{abs(hash(request.node.name))}"[:60]
    async with httpx.AsyncClient(base_url=recorded.services["realtime"].url, timeout=20) as client:
        content = b"x" * 99999 if "Content-Length" in headers else None
        reply = await client.request(method, path, content=content, headers={**headers, "X-Request-ID": request_id})
    assert reply.status_code >= 400
    assert reply.headers["X-Request-ID"] == request_id
    if reply.headers["content-type"] == "application/problem+json":
        assert reply.json()["request_id"] == request_id
    line = await the_line(recorded, "realtime", message="rejected", request_id=request_id)
    assert line["code"] == code


async def test_realtimes_on_a_socket(recorded: Stage) -> None:
    """All that is refused on one connection has one id: that of its handshake."""
    before = len(recorded.lines("realtime"))
    client = PlainClient(recorded.services["realtime"].url)
    await client.open()
    await client.say({"type": "subscribe", "channels": ["me"]})
    await client.hear("error", within=20)
    await client.say({"type": "nonsense"})
    await client.hear("error", within=20)
    await client.say({"type": "auth", "token": "nonsense"})
    await client.closed(within=20)

    def written() -> list[dict[str, Any]]:
        lines = recorded.lines("realtime")[before:]
        return [each for each in lines if each["message"] == "rejected" and each["transport"] == "websocket"]

    await until(lambda: len(written()) >= 3, within=30, what="three lines")
    assert [line["code"] for line in written()] == ["UNAUTHENTICATED", "VALIDATION_ERROR", "INVALID_TOKEN"]
    [request_id] = {line["request_id"] for line in written()}
    assert len(request_id) >= 8


async def test_the_workers_with_the_id_of_the_request_that_queued_it(
    recorded: Stage, collector: Collector, ada: Person
) -> None:
    begun = await ada.begin("match")
    body = {"action_token": begun["action_token"], "points": 1000}
    reply = await ada.post("/api/v1/actions/execute", body, X_Request_ID="of-the-worker-1")
    assert reply.status_code == 202, reply.text
    line = await the_line(recorded, "worker", message="rejected", request_id="of-the-worker-1")
    assert (line["code"], line["job_id"]) == ("INVALID_SCORE", reply.json()["job_id"])

    def queued() -> bool:
        return any(span.name.endswith("/execute") for span in collector.of(line["trace_id"]))

    await until(queued, within=30, what="the trace of the request that queued it")


async def test_the_models(recorded: Stage) -> None:
    """A model that is not what its registry says; what it finds is a line too, see test_traces."""
    await until(
        lambda: [each for each in recorded.lines("anticheat_ml") if each["message"] == "model loaded"], within=90
    )
    await recorded.sql(
        'INSERT INTO models SELECT (jsonb_populate_record(m, \'{"id": "000000000000", "stage": "hold"}\')).*'
        " FROM models m"
    )
    line = await the_line(recorded, "anticheat_ml", message="model refused", model="000000000000")
    assert line["reason"]
    assert line["log.level"] == "error"
