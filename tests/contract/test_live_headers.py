"""Every reply of realtime over HTTP carries the headers that protect browsers: probes, polling, streams, refusals."""

import json

import httpx2 as httpx
import pytest
import websockets

from scoreboard.security.reply_headers import CONTENT_POLICY
from tests.contract.conftest import Stage, StartRealtime

PAGE = "https://board.example.org"
EXPECTED = {
    "x-content-type-options": "nosniff",
    "content-security-policy": CONTENT_POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}


def check(headers: httpx.Headers, where: str) -> None:
    for name, value in EXPECTED.items():
        assert headers.get_list(name) == [value], f"{where}: {name}"
    assert "server" not in headers, where
    assert "x-powered-by" not in headers, where


async def test_every_reply(stage: Stage, start_realtime: StartRealtime) -> None:
    service = await start_realtime(secure_cookies=True, allowed_origins=PAGE)
    opening = "/socket.io/?EIO=4&transport=polling"
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as client:
        handshake = await client.get(opening, headers={"Origin": PAGE})
        sid = json.loads(handshake.text[1:])["sid"]
        replies = {
            200: [
                handshake,
                await client.post(f"{opening}&sid={sid}", content="40", headers={"Origin": PAGE}),
                await client.get(f"{opening}&sid={sid}", headers={"Origin": PAGE}),
                await client.options(opening, headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}),
                await client.get("/health/live"),
                await client.get("/health/ready"),
                await client.get("/health/startup"),
            ],
            400: [
                await client.get("/socket.io/?EIO=3&transport=polling"),
                await client.get(f"{opening}&sid=none"),
                await client.get("/api/v1/live/boards/x%00"),
            ],
            403: [
                await client.get(opening, headers={"Origin": "https://elsewhere.example.org"}),
                await client.get("/api/v1/live/boards/main", headers={"Origin": "https://elsewhere.example.org"}),
            ],
            404: [
                await client.get("/none"),
                await client.get("/api/v1/live/boards/none"),
                await client.get("/metrics"),
            ],
            405: [await client.post("/api/v1/live/boards/main"), await client.delete("/health/live")],
            413: [await client.post(f"{opening}&sid={sid}", content="4" * 20_000)],
        }
        for status, several in replies.items():
            for reply in several:
                where = f"{reply.request.method} {reply.request.url}"
                assert reply.status_code == status, f"{where}: {reply.status_code} {reply.text}"
                check(reply.headers, where)
        async with client.stream("GET", "/api/v1/live/boards/main", headers={"Origin": PAGE}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["access-control-allow-origin"] == PAGE
            check(stream.headers, "the stream")


async def test_a_refused_handshake(stage: Stage, start_realtime: StartRealtime) -> None:
    service = await start_realtime(secure_cookies=True, allowed_origins=PAGE)
    url = service.url.replace("http", "ws", 1) + "/api/v1/ws/leaderboard"
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(url, origin=websockets.Origin("https://elsewhere.example.org")):
            pass
    response = refused.value.response
    assert response.status_code == 403
    check(httpx.Headers(list(response.headers.raw_items())), "the handshake")
