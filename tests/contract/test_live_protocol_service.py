"""The realtime service as an operator and a browser meet it: other transports, limits, outages, restarts."""

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from socketio.exceptions import ConnectionError as HandshakeError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scoreboard.domain.board import Board, Schedule
from scoreboard.live import registry
from scoreboard.live.bus import JobFinished
from scoreboard.security.identifiers import new_id
from scoreboard.storage import seasons
from scoreboard.telemetry import utc_now
from scoreboard.usecases.announce import announce_control
from scoreboard.usecases.configure import configure
from tests.contract.conftest import Stage, StartRealtime
from tests.contract.live_clients import EVENTS, PlainClient, SocketIoClient
from tests.stage import Service, until


async def subscribed(client: PlainClient | SocketIoClient, *channels: str) -> dict[str, Any]:
    """Subscribe to board channels; the last snapshot."""
    await client.say({"type": "subscribe", "channels": list(channels)})
    await client.hear("subscribed")
    message: dict[str, Any] = {}
    for _ in channels:
        message = await client.hear("leaderboard.initial", "standing.initial")
    return message


# --- Server-Sent Events ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def events(url: str, **headers: str) -> AsyncIterator[tuple[httpx.Response, Any]]:
    async with (
        httpx.AsyncClient(timeout=5) as client,
        client.stream("GET", url, headers={name.replace("_", "-"): value for name, value in headers.items()}) as reply,
    ):
        lines = reply.aiter_lines()

        async def event() -> dict[str, str]:
            found: dict[str, str] = {}
            async for line in lines:
                if not line and "event" in found:
                    return found
                name, _, value = line.partition(": ")
                if name in ("event", "id", "data"):
                    found[name] = value
            raise AssertionError("the stream ended")

        yield reply, event


async def test_server_sent_events_tell_the_board_and_resume(realtime: Service, stage: Stage) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 3)
    url = f"{realtime.url}/api/v1/live/boards/{board}"
    async with events(url, Origin="http://localhost:8000") as (reply, event):
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["access-control-allow-origin"] == "http://localhost:8000"
        assert (await event())["event"] == "subscribed"
        initial = await event()
        assert initial["event"] == "leaderboard.initial"
        content = json.loads(initial["data"])
        assert initial["id"] == f"{content['epoch']}:{content['seq']}"
        await stage.score(ada, board, 3)
        update = await event()
        assert update["event"] == "leaderboard.update"
        assert json.loads(update["data"])["data"][0]["score"] == 6
    async with events(url, Last_Event_ID=update["id"]) as (_, event):
        assert json.loads((await event())["data"])["data"] == {"channels": [f"board:{board}"], "resumed": True}
        await stage.score(ada, board, 1)
        assert (await event())["event"] == "leaderboard.update"


async def test_server_sent_events_refuse_with_problem_documents(realtime: Service, stage: Stage) -> None:
    secret, ada = await stage.board(visibility="private"), await stage.player()
    async with httpx.AsyncClient(base_url=f"{realtime.url}/api/v1/live/boards") as client:
        missing = await client.get("/nowhere")
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
        assert missing.headers["content-type"] == "application/problem+json"
        assert (await client.get("/Not%20a%20key")).json()["code"] == "VALIDATION_ERROR"
        private = await client.get(f"/{secret}")
        assert (private.status_code, private.json()["code"]) == (401, "UNAUTHENTICATED")
        wrong = await client.get(f"/{secret}", headers={"Authorization": "Bearer nonsense"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "INVALID_TOKEN")
        assert (await client.post("/main")).json()["code"] == "METHOD_NOT_ALLOWED"
        stranger = await client.get("/main", headers={"Origin": "https://evil.example"})
        assert (stranger.status_code, stranger.json()["code"]) == (403, "FORBIDDEN")
    async with events(f"{realtime.url}/api/v1/live/boards/{secret}", Authorization=f"Bearer {ada.token}") as (_, event):
        assert (await event())["event"] == "auth.ok"
        assert (await event())["event"] == "subscribed"


# --- Who may connect ------------------------------------------------------------------------------------------------


async def test_pages_of_other_origins_are_kept_out(realtime: Service) -> None:
    path = "/api/v1/ws/leaderboard"
    url = realtime.url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{url}{path}", origin="https://evil.example")  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        await connect(f"{url}/socket.io/?EIO=4&transport=websocket", origin="https://evil.example")  # type: ignore[arg-type]
    async with connect(f"{url}{path}", origin="http://127.0.0.1:8000"):  # type: ignore[arg-type]
        pass


async def test_a_handshake_with_a_bad_token_is_refused_with_the_error(realtime: Service) -> None:
    client = SocketIoClient(realtime.url)
    refusals: list[Any] = []
    client.client.on("connect_error", refusals.append)
    with pytest.raises(HandshakeError):
        await client.open("nonsense")
    assert refusals[0]["data"]["error"]["code"] == "INVALID_TOKEN"
    await client.leave()


async def test_events_of_their_own_name_are_understood(realtime: Service, stage: Stage) -> None:
    board, ada = await stage.board(), await stage.player()
    client = SocketIoClient(realtime.url)
    await client.open()
    await client.client.emit("auth", {"token": ada.token})
    await client.hear("auth.ok")
    await client.client.emit("subscribe", {"type": "subscribe", "channels": [f"board:{board}", "me"]})
    await client.hear("subscribed")
    await client.hear("leaderboard.initial")
    await client.hear("standing.initial")
    await stage.score(ada, board, 2)
    for _ in range(3):
        await client.hear("score.update", "rank.change", "leaderboard.update")
    assert client.names == {
        "auth.ok": {"message"},
        "subscribed": {"message"},
        "standing.initial": {"message"},
        "leaderboard.initial": {"scoreboard_initial"},
        "leaderboard.update": {"scoreboard_updated"},
        "score.update": {"user_score_updated"},
        "rank.change": {"rank_changed"},
    }
    assert set().union(*client.names.values()) <= set(EVENTS)
    await client.client.emit("disconnect", {})  # python-socketio would take it for its own event
    assert (await client.hear("error"))["error"]["code"] == "VALIDATION_ERROR"
    await client.leave()


async def test_a_finished_job_reaches_its_player(realtime: Service, stage: Stage) -> None:
    ada, bob = await stage.player("ada"), await stage.player("bob")
    clients = [PlainClient(realtime.url), PlainClient(realtime.url)]
    for client, player in zip(clients, (ada, bob), strict=True):
        await client.open(player.token)
        await client.hear("auth.ok")
        await subscribed(client, "me")
    job = JobFinished(ada.id, new_id(), "succeeded", result={"points": 5})
    assert await announce_control(stage.platform, job)
    heard = await clients[0].hear("job.completed")
    assert heard["data"] == {"job_id": str(job.job_id), "status": "succeeded", "result": {"points": 5}}
    assert await clients[1].silence() == []
    for client in clients:
        await client.leave()


async def test_connections_of_one_player_and_one_address_are_bounded(
    start_realtime: StartRealtime, stage: Stage
) -> None:
    service = await start_realtime(sockets_per_player=2, sockets_per_address=5, sockets_per_pod=100)
    ada = await stage.player()

    async def nobody_is_connected() -> bool:
        return await registry.count(stage.platform.live, None, "127.0.0.1") == (0, 0)

    await until(nobody_is_connected, within=5, what="the places of the tests before being free")
    clients = [PlainClient(service.url) for _ in range(6)]
    for client in clients[:2]:
        await client.open(ada.token)
        await client.hear("auth.ok")
    await clients[2].open(ada.token)
    assert (await clients[2].hear("error"))["error"]["code"] == "USER_RATE_LIMIT"
    assert await clients[2].closed() == 4429
    others = [PlainClient(service.url) for _ in range(4)]
    for client in others[:3]:
        await client.open()
        await client.say({"type": "ping"})
        await client.hear("pong")
    await others[3].open()
    assert (await others[3].hear("error"))["error"]["code"] == "TOO_MANY_REQUESTS"
    assert await others[3].closed() == 4429
    await clients[0].leave()
    again = PlainClient(service.url)

    async def let_in() -> bool:
        nonlocal again
        again = PlainClient(service.url)
        await again.open(ada.token)
        return (await again.hear("auth.ok", "error"))["type"] == "auth.ok"

    await until(let_in, within=3, every=0.2)
    for client in [again, clients[1], *others[:3]]:
        await client.leave()


async def test_a_full_process_sends_newcomers_away(start_realtime: StartRealtime) -> None:
    service = await start_realtime(sockets_per_pod=1)
    first, second = PlainClient(service.url), PlainClient(service.url)
    await first.open()
    await first.say({"type": "ping"})
    await first.hear("pong")
    await second.open()
    assert (await second.hear("error"))["error"]["code"] == "OVERLOADED"
    assert await second.closed() == 1013
    await first.leave()


# --- Time -----------------------------------------------------------------------------------------------------------


async def test_deadlines(start_realtime: StartRealtime, stage: Stage) -> None:
    service = await start_realtime(
        anonymous_reads="false", auth_timeout=0.5, heartbeat=0.4, inactive_after=0.6, inactive_close_after=1.5
    )
    ada = await stage.player()
    silent = PlainClient(service.url)
    await silent.open()
    assert (await silent.hear("error"))["error"]["code"] == "UNAUTHENTICATED"
    assert await silent.closed(2) == 4408
    deaf = PlainClient(service.url)
    await deaf.open(ada.token)
    await deaf.hear("auth.ok")
    assert (await deaf.hear("ping"))["timestamp"] > 0
    assert await deaf.closed(3) == 4408
    idle = PlainClient(service.url)
    await idle.open(ada.token)
    await idle.hear("auth.ok")
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        while True:
            await idle.hear("ping", within=1)
            await idle.say({"type": "pong"})
    assert await idle.closed(3) == 1000


async def test_a_session_outlives_its_token_only_by_a_newer_one(start_realtime: StartRealtime, stage: Stage) -> None:
    service = await start_realtime(access_token_ttl=30, clock_leeway=0)
    claims = stage.platform.settings.model_copy(update={"access_token_ttl": 2})
    short = type(stage.sign_in.tokens)(claims)
    ada = await stage.player()
    ends, lives = PlainClient(service.url), PlainClient(service.url)
    from scoreboard.domain.player import Role

    token, _ = short.issue(ada.id, ada.session_id, ada.name, Role.PLAYER)
    for client in (ends, lives):
        await client.open(token)
        await client.hear("auth.ok")
    await lives.say({"type": "auth.refresh", "token": ada.token})
    await lives.hear("auth.ok")
    assert (await ends.hear("error", within=5))["error"]["code"] == "TOKEN_EXPIRED"
    assert await ends.closed() == 4408
    await lives.say({"type": "ping"})
    await lives.hear("pong")
    await lives.leave()


async def test_followers_are_taken_into_the_next_season(realtime: Service, stage: Stage) -> None:
    now, key = utc_now(), f"turn{new_id().hex[:8]}"
    turn = now + timedelta(seconds=2)
    schedule = Schedule(starts_at=now - timedelta(hours=1), ends_at=turn)
    await configure(stage.platform, [Board(key, "Turning", schedule=schedule)], [], managed_by="test")
    first = await stage.season_id(key)
    following, pinned = PlainClient(realtime.url), PlainClient(realtime.url)
    for client, channel in ((following, f"board:{key}"), (pinned, f"board:{key}@{first}")):
        await client.open()
        assert (await subscribed(client, channel))["season"] == first
    later = turn + timedelta(hours=1)
    await stage.platform.database.transact(lambda tx: seasons.add(tx, key, "Second", turn, later))
    second = await following.hear("leaderboard.initial", within=8)
    assert second["channel"] == f"board:{key}"
    assert second["season"] != first
    assert await pinned.silence() == []
    for each in (following, pinned):
        await each.leave()
