"""The realtime service as an operator meets it: readers that stall, rebuilds, restarts, probes."""

import asyncio
import contextlib
import json
import socket

import httpx2 as httpx

from tests.contract.conftest import Stage, StartRealtime
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.contract.test_live_protocol_service import events, subscribed
from tests.stage import Service, until

# --- Slow readers ---------------------------------------------------------------------------------------------------


async def reads_nothing(service: Service, board: str) -> socket.socket:
    """A browser that subscribes and then reads no more."""
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", service.port))
    lines = (
        "GET /api/v1/ws/leaderboard HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    await loop.sock_sendall(raw, ("\r\n".join(lines) + "\r\n\r\n").encode())
    await loop.sock_recv(raw, 1000)
    wish = json.dumps({"type": "subscribe", "channels": [f"board:{board}"]}).encode()
    await loop.sock_sendall(raw, b"\x81" + bytes([0x80 | len(wish)]) + b"\0\0\0\0" + wish)
    return raw


async def test_a_reader_that_stalls_is_let_go_and_others_notice_nothing(
    start_realtime: StartRealtime, stage: Stage
) -> None:
    service = await start_realtime(tick=0.01, stale_close_after=1, metrics_port=0)
    board = await stage.board(size=30)
    players = [await stage.player() for _ in range(25)]
    for points, player in enumerate(players):
        await stage.score(player, board, points + 1)
    stalled = await reads_nothing(service, board)
    healthy = PlainClient(service.url)
    await healthy.open()
    await subscribed(healthy, f"board:{board}")
    worst = 0.0
    for number in range(120):
        await stage.score(players[number % 25], board, 1)
        started = asyncio.get_running_loop().time()
        await healthy.hear("leaderboard.update")
        worst = max(worst, asyncio.get_running_loop().time() - started)
    assert worst < 0.5

    async def gone() -> bool:
        await stage.score(players[0], board, 1)
        return "TOO_MANY_REQUESTS" in service.log.read_text()

    await until(gone, within=8, every=0.1, what="letting go of the stalled reader")
    await asyncio.sleep(2.2)
    with contextlib.suppress(ConnectionResetError):
        while await asyncio.get_running_loop().sock_recv(stalled, 65536):
            pass
    stalled.close()
    await healthy.leave()


# --- Restarts -------------------------------------------------------------------------------------------------------


async def test_a_rebuilt_leaderboard_is_sent_with_its_new_epoch(realtime: Service, stage: Stage) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    client = PlainClient(realtime.url)
    await client.open()
    before = await subscribed(client, f"board:{board}")
    await stage.rebuild(board)
    after = await client.hear("leaderboard.initial")
    assert after["epoch"] != before["epoch"]
    assert after["data"] == before["data"]
    await client.leave()


async def test_a_drain_says_so_closes_everything_and_ends_with_zero(
    start_realtime: StartRealtime, stage: Stage
) -> None:
    service = await start_realtime()
    board = await stage.board()
    plain, ws, polling = (
        PlainClient(service.url),
        SocketIoClient(service.url),
        SocketIoClient(service.url, ("polling",)),
    )
    for client in (plain, ws, polling):
        await client.open()
        await subscribed(client, f"board:{board}")
    async with events(f"{service.url}/api/v1/live/boards/{board}") as (_, event):
        await event()
        await event()
        assert service.process is not None
        service.process.terminate()
        assert (await event())["event"] == "server.drain"
    for client in (plain, ws, polling):
        assert (await client.hear("server.drain"))["data"]["retry_ms"] >= 250
    assert await plain.closed() == 1012
    await ws.closed()
    await polling.closed()
    started = asyncio.get_running_loop().time()
    await until(lambda: service.process is not None and service.process.poll() is not None, within=8)
    assert service.process.poll() == 0
    assert asyncio.get_running_loop().time() - started < 6
    for client in (ws, polling):
        await client.leave()


async def test_health_and_unknown_addresses(realtime: Service) -> None:
    async with httpx.AsyncClient(base_url=realtime.url) as client:
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        assert (await client.get("/health/startup")).status_code == 200
        ready = (await client.get("/health/ready")).json()
        assert ready == {"status": "ok", "stores": {"database": "ok", "redis": "ok", "stream": "ok"}}
        assert (await client.get("/nothing")).json()["code"] == "NOT_FOUND"
        big = await client.post("/socket.io/?EIO=4&transport=polling&sid=x", content=b"x" * 9000)
        assert (big.status_code, big.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
