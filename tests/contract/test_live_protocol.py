"""The live protocol: one script over both transports."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from socketio.exceptions import BadNamespaceError
from websockets.exceptions import ConnectionClosed

from tests.contract.conftest import Stage
from tests.contract.live_clients import LiveClient, PlainClient, SocketIoClient
from tests.stage import Service

Connect = Callable[..., LiveClient]


@pytest.fixture(params=["websocket", "socketio", "socketio-polling"])
async def client_of(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes clients of one transport."""
    made: list[LiveClient] = []

    def make(realtime: Service) -> LiveClient:
        client: LiveClient
        if request.param == "websocket":
            client = PlainClient(realtime.url)
        else:
            polling = request.param == "socketio-polling"
            client = SocketIoClient(realtime.url, ("polling",) if polling else ("websocket",))
        made.append(client)
        return client

    yield make
    for client in made:
        await client.leave()


async def test_a_spectator_gets_a_snapshot_and_then_every_change_of_the_top(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 5)
    client = client_of(realtime)
    await client.open()
    await client.say({"type": "subscribe", "channels": [f"board:{board}"]})
    subscribed = await client.hear("subscribed")
    assert subscribed["data"] == {"channels": [f"board:{board}"], "resumed": False}
    initial = await client.hear("leaderboard.initial")
    assert initial["meta"] == {"code": 200}
    assert initial["channel"] == f"board:{board}"
    assert initial["season"] == await stage.season_id(board)
    assert [(e["rank"], e["username"], e["score"]) for e in initial["data"]] == [(1, ada.name, 5)]
    assert initial["info"]["total"] == 1
    await stage.score(ada, board, 7)
    update = await client.hear("leaderboard.update", within=1)
    assert [(e["rank"], e["score"]) for e in update["data"]] == [(1, 12)]
    assert update["change_info"] == [
        {"player_id": str(ada.id), "rank_before": 1, "rank_after": 1, "score_before": 5, "score_after": 12}
    ]
    assert update["epoch"] == initial["epoch"]
    assert update["seq"] == initial["seq"] + 1


async def test_scores_below_the_top_are_heard_by_their_owner_alone(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    board = await stage.board(size=1)
    first, second = await stage.player("first"), await stage.player("second")
    await stage.score(first, board, 100)
    spectator, owner = client_of(realtime), client_of(realtime)
    await spectator.open()
    await spectator.say({"type": "subscribe", "channels": [f"board:{board}"]})
    await spectator.hear("subscribed")
    await spectator.hear("leaderboard.initial")
    await owner.open(second.token)
    assert (await owner.hear("auth.ok"))["data"]["player_id"] == str(second.id)
    await owner.say({"type": "subscribe", "channels": ["me"]})
    await owner.hear("subscribed")
    await owner.hear("standing.initial")
    completion = await stage.score(second, board, 3)
    news = await owner.hear("score.update")
    assert news["channel"] == "me"
    assert news["data"] == {
        "action_id": str(completion.action_id),
        "kind": board,
        "points": 3,
        "verdict": "allow",
        "entry_type": "applied",
        "status": "completed",
        "board": board,
        "score": {"previous": None, "current": 3},
        "rank": {"previous": None, "current": 2},
    }
    rank = await owner.hear("rank.change")
    assert rank["data"] == {"board": board, "rank": {"previous": None, "current": 2}}
    assert await spectator.silence() == []


async def test_a_player_who_is_overtaken_is_told(realtime: Service, stage: Stage, client_of: Connect) -> None:
    board = await stage.board()
    slow, fast = await stage.player("slow"), await stage.player("fast")
    await stage.score(slow, board, 10)
    client = client_of(realtime)
    await client.open(slow.token)
    await client.hear("auth.ok")
    await client.say({"type": "subscribe", "channels": [f"board:{board}", "me"]})
    await client.hear("subscribed")
    await client.hear("leaderboard.initial")
    standing = await client.hear("standing.initial")
    season = await stage.season_id(board)
    assert {"board": board, "season": season, "score": 10, "rank": 1, "total": 1, "freeze": None} in (
        standing["data"]["standings"]
    )
    await stage.score(fast, board, 20)
    heard = [await client.hear(), await client.hear()]
    assert {message["type"] for message in heard} == {"rank.change", "leaderboard.update"}
    rank = next(message for message in heard if message["type"] == "rank.change")
    assert rank["data"] == {"board": board, "rank": {"previous": 1, "current": 2}}
    assert await client.silence() == []


async def test_resuming_where_nothing_was_missed_sends_no_snapshot(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    board, ada = await stage.board(), await stage.player()
    await stage.score(ada, board, 1)
    client = client_of(realtime)
    await client.open()
    await client.say({"type": "subscribe", "channels": [f"board:{board}"]})
    await client.hear("subscribed")
    initial = await client.hear("leaderboard.initial")
    since = {"epoch": initial["epoch"], "seq": initial["seq"]}
    again = client_of(realtime)
    await again.open()
    await again.say({"type": "subscribe", "channels": [f"board:{board}"], "since": since})
    assert (await again.hear("subscribed"))["data"]["resumed"] is True
    assert await again.silence() == []
    await stage.score(ada, board, 1)
    await again.hear("leaderboard.update")
    late = client_of(realtime)
    await late.open()
    await late.say({"type": "subscribe", "channels": [f"board:{board}"], "since": since})
    assert (await late.hear("subscribed"))["data"]["resumed"] is False
    await late.hear("leaderboard.initial")


async def test_own_news_are_replayed_after_a_reconnect(realtime: Service, stage: Stage, client_of: Connect) -> None:
    board, ada = await stage.board(), await stage.player()
    client = client_of(realtime)
    await client.open(ada.token)
    await client.hear("auth.ok")
    await client.say({"type": "subscribe", "channels": ["me"]})
    await client.hear("subscribed")
    standing = await client.hear("standing.initial")
    await client.leave()
    await stage.score(ada, board, 4)
    await stage.score(ada, board, 5)
    await asyncio.sleep(0.1)
    again = client_of(realtime)
    await again.open(ada.token)
    await again.hear("auth.ok")
    since = {"me": {"epoch": standing["epoch"], "seq": standing["seq"]}}
    await again.say({"type": "subscribe", "channels": ["me"], "since": since})
    assert (await again.hear("subscribed"))["data"]["resumed"] is True
    assert (await again.hear("score.update"))["data"]["points"] == 4
    assert (await again.hear("score.update"))["data"]["points"] == 5
    stale = client_of(realtime)
    await stale.open(ada.token)
    await stale.hear("auth.ok")
    await stale.say({"type": "subscribe", "channels": ["me"], "since": {"epoch": "gone", "seq": 1}})
    assert (await stale.hear("subscribed"))["data"]["resumed"] is False
    assert (await stale.hear("sync"))["channel"] == "me"
    await stale.hear("standing.initial")


async def test_much_missed_news_come_whole_and_in_order_over_every_transport(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    board, ada = await stage.board(), await stage.player()
    witness = PlainClient(realtime.url)
    await witness.open(ada.token)
    await witness.say({"type": "subscribe", "channels": ["me"]})
    assert [(await witness.hear())["type"] for _ in range(3)] == ["auth.ok", "subscribed", "standing.initial"]
    await stage.score(ada, board, 0)  # the first event of all gives the stream its epoch
    first = await witness.hear("score.update")
    await witness.hear("rank.change")
    for points in range(1, 61):  # more than an answer to a long poll may hold
        await stage.score(ada, board, points)
    heard = 0
    while heard < 60:
        heard += (await witness.hear())["type"] == "score.update"
    await witness.leave()
    again = client_of(realtime)
    await again.open(ada.token)
    since = {"me": {"epoch": first["epoch"], "seq": first["seq"]}}
    await again.say({"type": "subscribe", "channels": ["me"], "since": since})
    assert [(await again.hear())["type"] for _ in range(2)] == ["auth.ok", "subscribed"]
    assert [(await again.hear("score.update"))["data"]["points"] for _ in range(60)] == list(range(1, 61))


async def test_a_first_message_may_authenticate_and_subscribe_at_once(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    ada = await stage.player()
    client = client_of(realtime)
    await client.open()
    await client.say({"type": "subscribe", "auth": f"Bearer {ada.token}"})
    await client.hear("auth.ok")
    assert (await client.hear("subscribed"))["data"]["channels"] == ["board:main", "me"]
    await client.hear("leaderboard.initial")
    await client.hear("standing.initial")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "dance"},
        {"type": "subscribe", "channels": "board:main"},
        {"type": "subscribe", "extra": 1},
        {"type": "subscribe", "channels": ["room:1"]},
        {"type": "subscribe", "channels": ["board:main"], "since": {"epoch": 1, "seq": "x"}},
        {"no": "type"},
    ],
)
async def test_nonsense_is_refused_in_words_and_the_connection_lives(
    realtime: Service, client_of: Connect, message: dict[str, object]
) -> None:
    client = client_of(realtime)
    await client.open()
    await client.say(message)
    error = await client.hear("error")
    assert error["meta"] == {"code": 400}
    assert error["error"]["code"] == "VALIDATION_ERROR"
    await client.say({"type": "ping", "timestamp": 17})
    assert (await client.hear("pong"))["timestamp"] == 17


async def test_what_needs_a_token_is_refused_without_one(realtime: Service, stage: Stage, client_of: Connect) -> None:
    secret, ada = await stage.board(visibility="private"), await stage.player()
    client = client_of(realtime)
    await client.open()
    for channel in ("me", f"board:{secret}"):
        await client.say({"type": "subscribe", "channels": [channel]})
        error = await client.hear("error")
        assert (error["meta"]["code"], error["error"]["code"]) == (401, "UNAUTHENTICATED")
    await client.say({"type": "subscribe", "channels": ["board:nowhere"]})
    assert (await client.hear("error"))["error"]["code"] == "NOT_FOUND"
    await client.say({"type": "auth", "token": ada.token})
    await client.hear("auth.ok")
    await client.say({"type": "subscribe", "channels": [f"board:{secret}"]})
    await client.hear("subscribed")
    await client.hear("leaderboard.initial")


async def test_a_wrong_token_ends_the_connection(realtime: Service, client_of: Connect) -> None:
    client = client_of(realtime)
    await client.open()
    await client.say({"type": "auth", "token": "nonsense"})
    assert (await client.hear("error"))["error"]["code"] == "INVALID_TOKEN"
    assert await client.closed() == 1008


async def test_logging_out_closes_the_players_sockets_within_a_second(
    realtime: Service, stage: Stage, client_of: Connect
) -> None:
    ada = await stage.player()
    client = client_of(realtime)
    await client.open(ada.token)
    await client.hear("auth.ok")
    await stage.sign_in.log_out(ada.id, ada.session_id, everywhere=True, request_id=None)
    error = await client.hear("error", within=1)
    assert error["error"]["code"] == "TOKEN_REVOKED"
    assert await client.closed() == 4501


async def test_unsubscribing_ends_the_updates(realtime: Service, stage: Stage, client_of: Connect) -> None:
    board, ada = await stage.board(), await stage.player()
    client = client_of(realtime)
    await client.open()
    await client.say({"type": "subscribe", "channels": [f"board:{board}"]})
    await client.hear("subscribed")
    await client.hear("leaderboard.initial")
    await client.say({"type": "unsubscribe", "channels": [f"board:{board}"]})
    assert (await client.hear("unsubscribed"))["data"] == {"channels": [f"board:{board}"]}
    await stage.score(ada, board, 1)
    assert await client.silence() == []


async def test_flooding_ends_the_connection(realtime: Service, client_of: Connect) -> None:
    client = client_of(realtime)
    await client.open()
    with contextlib.suppress(ConnectionClosed, BadNamespaceError):
        for number in range(30):
            await client.say({"type": "ping"})
            if number % 8 == 0:
                await asyncio.sleep(0.05)  # a polling client may not put more than sixteen packets into one request
    assert (await client.hear("error"))["error"]["code"] == "TOO_MANY_REQUESTS"
    assert await client.closed() == 4429
