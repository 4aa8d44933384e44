"""Redis goes and comes back: sockets stay, boards come from Postgres. Apart from the others, because it disturbs."""

import asyncio
import signal
from typing import Any

import httpx2 as httpx

from scoreboard.usecases.read_board import read_standing
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.contract.conftest import Stage, StartRealtime
from tests.contract.live_clients import PlainClient, SocketIoClient
from tests.stage import Stores, until


async def subscribed(client: PlainClient | SocketIoClient, *channels: str) -> dict[str, Any]:
    """Subscribe to board channels; the last snapshot."""
    await client.say({"type": "subscribe", "channels": list(channels)})
    await client.hear("subscribed")
    message: dict[str, Any] = {}
    for _ in channels:
        message = await client.hear("leaderboard.initial", "standing.initial")
    return message


async def test_without_redis_sockets_stay_and_boards_come_from_postgres(
    start_realtime: StartRealtime, stage: Stage, stores: Stores
) -> None:
    service = await start_realtime()
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    client = PlainClient(service.url)
    await client.open(ada.token)
    await client.hear("auth.ok")
    before = await subscribed(client, f"board:{board}")
    stores.valkey.kill()
    try:
        await stage.score(ada, board, 1)
        degraded = await client.hear("leaderboard.initial", within=8)
        assert (degraded["epoch"], degraded["seq"]) == ("", 0)
        assert degraded["data"][0]["score"] == 2
        late = PlainClient(service.url)
        await late.open(ada.token)
        await late.hear("auth.ok")
        assert (await subscribed(late, f"board:{board}"))["data"][0]["score"] == 2
        health = httpx.get(f"{service.url}/health/ready").json()
        assert health["stores"]["redis"] != "ok" or health["status"] == "degraded"
    finally:
        stores.valkey.start()
    await asyncio.sleep(0.6)
    await stage.rebuild(board)
    restored = await client.hear("leaderboard.initial", within=10)
    while not restored["epoch"]:
        restored = await client.hear("leaderboard.initial", within=10)
    assert restored["epoch"] != before["epoch"]
    await stage.score(ada, board, 1)
    shown = {"data": [{"score": 2}]}
    while shown["data"][0]["score"] != 3:  # as an update, or in the snapshot that follows from listening anew
        shown = await client.hear("leaderboard.update", "leaderboard.initial", within=5)
    view = await read_standing(stage.platform, board, ada.id)
    standing = view.standings.standings[0]
    assert standing is not None
    assert standing.entry.score == 3
    for each in (client, late):
        await each.leave()


async def test_who_comes_to_a_process_that_started_without_redis_misses_nothing_of_what_was_played_meanwhile(
    start_realtime: StartRealtime, stage: Stage, stores: Stores
) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    stores.valkey.kill()
    try:
        service = await start_realtime()
        client = PlainClient(service.url)
        await client.open(ada.token)
        await client.hear("auth.ok")
        await subscribed(client, f"board:{board}", "me")
        await stage.score(ada, board, 1)
        assert service.process is not None
        service.process.send_signal(signal.SIGSTOP)  # so that it finds the stream when this is past
    finally:
        stores.valkey.start()
    await until(lambda: not stage.platform.live.down(), what="the next try of Redis")
    await stage.rebuild(board)
    while await sweep_outbox(stage.platform, older_than=0):
        pass
    service.process.send_signal(signal.SIGCONT)
    told: dict[str, Any] = {"data": {"standings": []}}
    while [each["score"] for each in told["data"]["standings"] if each["board"] == board] != [2]:
        told = await client.hear(within=10)
        while told["type"] != "standing.initial":
            told = await client.hear(within=10)
    await stage.score(ada, board, 1)
    news = await client.hear(within=10)
    while news["type"] != "score.update":
        news = await client.hear(within=10)
    assert news["data"]["score"] == {"previous": 2, "current": 3}
    await client.leave()


async def test_ended_sessions_are_found_without_the_control_channel(
    start_realtime: StartRealtime, stage: Stage, stores: Stores
) -> None:
    service = await start_realtime(heartbeat=60)
    ada = await stage.player()
    client = PlainClient(service.url)
    await client.open(ada.token)
    await client.hear("auth.ok")
    stores.valkey.kill()
    try:
        await stage.sign_in.log_out(ada.id, ada.session_id, everywhere=True, request_id=None)
        assert (await client.hear("error", within=3))["error"]["code"] == "TOKEN_REVOKED"
        assert await client.closed() == 4501
    finally:
        stores.valkey.start()
        await asyncio.sleep(0.6)
        await stage.rebuild("main")
