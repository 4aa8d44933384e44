"""A freeze and its reveal as those who listen live hear them: spectators, players, moderators, over every transport."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from scoreboard.domain.board import Board
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.freeze_boards import freeze_boards
from tests.contract.conftest import Contestant, Stage
from tests.contract.live_clients import LiveClient
from tests.contract.test_live_protocol import Connect, client_of  # noqa: F401 - a fixture
from tests.contract.test_live_protocol_stock import NODE, node  # noqa: F401 - a fixture
from tests.stage import Service, until

WITHIN = 10.0


async def declare(stage: Stage, key: str, **changes: Any) -> Board:
    board = replace(await stage.platform.catalog.board(key), **changes)
    await configure(stage.platform, [board], [], managed_by="test")
    return board


async def moderator(stage: Stage) -> Contestant:
    somebody = await stage.player("mo")
    await change_role(stage.platform, somebody.name, Role.MODERATOR)
    signed = await stage.sign_in.log_in(somebody.name, "correct horse 9")
    return replace(somebody, token=signed.access_token)


async def watch(client: LiveClient, channel: str, token: str | None = None, *more: str) -> dict[str, Any]:
    await client.open(token)
    await client.say({"type": "subscribe", "channels": [channel, *more]})
    return await board_message(client)


async def board_message(client: LiveClient, *, frozen: bool | None = None) -> dict[str, Any]:
    """The next message with standings; with ``frozen`` the next that says so."""
    async with asyncio.timeout(WITHIN):
        while True:
            message = await client.hear(within=WITHIN)
            if message["type"] not in ("leaderboard.initial", "leaderboard.update"):
                continue
            if frozen is None or (message["info"]["freeze"] is not None) == frozen:
                return message


async def news(client: LiveClient, type_: str) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN):
        while True:
            message = await client.hear(within=WITHIN)
            if message["type"] == type_:
                return message


def lines(message: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(entry["username"], entry["rank"], entry["score"]) for entry in message["data"]]


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


async def test_a_freeze_shows_what_was_and_the_reveal_what_is(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, bob, mo = (
        await stage.board(),
        await stage.player("ada"),
        await stage.player("bob"),
        await moderator(stage),
    )
    await stage.score(ada, board, 30)
    await stage.score(bob, board, 20)
    channel = f"board:{board}"
    spectator, player, judge, late, judge_late = (client_of(realtime) for _ in range(5))
    was = [(ada.name, 1, 30), (bob.name, 2, 20)]
    now = [(bob.name, 1, 35), (ada.name, 2, 30)]
    before = await watch(spectator, channel)
    assert (lines(before), before["info"]["freeze"]) == (was, None)
    await watch(player, channel, bob.token, "me")
    await watch(judge, channel, mo.token)

    since = utc_now()
    await declare(stage, board, frozen_from=since)
    frozen = await board_message(spectator, frozen=True)
    assert (lines(frozen), frozen["change_info"]) == (was, [])
    assert frozen["info"]["freeze"] == {"since": stamp(since), "until": None, "real": False}
    assert lines(await board_message(judge, frozen=True)) == was
    await freeze_boards(stage.platform)

    await stage.score(bob, board, 15)
    real = await board_message(judge, frozen=True)
    while lines(real) != now:
        real = await board_message(judge, frozen=True)
    assert real["info"]["freeze"]["real"] is True
    own = await news(player, "score.update")
    assert (own["data"]["score"], own["data"]["rank"]) == ({"previous": 20, "current": 35}, None)
    joined = await watch(late, channel)
    assert (lines(joined), joined["info"]["freeze"]["real"]) == (was, False)
    assert lines(await watch(judge_late, channel, mo.token)) == now

    revealed_at = utc_now() + timedelta(seconds=1)
    await declare(stage, board, frozen_until=revealed_at)
    for client in (spectator, late):
        reveal = await board_message(client, frozen=False)
        assert datetime.fromisoformat(reveal["at"]) >= revealed_at
        assert (reveal["type"], lines(reveal)) == ("leaderboard.initial", now)
        moved = {change["player_id"]: (change["rank_before"], change["rank_after"]) for change in reveal["change_info"]}
        assert moved == {str(bob.id): (2, 1), str(ada.id): (1, 2)}
    told = await news(player, "rank.change")
    assert told["data"] == {"board": board, "rank": {"previous": 2, "current": 1}}
    for client in (spectator, late):
        assert [one for one in await client.silence(0.5) if one["type"] != "leaderboard.initial"] == []


async def test_who_was_away_across_the_reveal_gets_the_real_board(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, bob = await stage.board(), await stage.player("ada"), await stage.player("bob")
    await stage.score(ada, board, 30)
    channel = f"board:{board}"
    client = client_of(realtime)
    live = await watch(client, channel)
    await client.leave()
    await declare(stage, board, frozen_from=utc_now())
    await freeze_boards(stage.platform)
    await stage.score(bob, board, 99)

    async def resume(position: dict[str, Any]) -> dict[str, Any]:
        returning = client_of(realtime)
        await returning.open()
        since = {"epoch": position["epoch"], "seq": position["seq"]}
        await returning.say({"type": "subscribe", "channels": [channel], "since": since})
        message = await board_message(returning)
        await returning.leave()
        return message

    frozen = await resume(live)
    assert lines(frozen) == [(ada.name, 1, 30)]
    await declare(stage, board, frozen_from=None)

    async def sees_all(position: dict[str, Any]) -> bool:
        return lines(await resume(position)) == [(bob.name, 1, 99), (ada.name, 2, 30)]

    for position in (frozen, live):  # the service hears of the reveal a moment after it was declared
        await until(partial(sees_all, position))


async def test_what_a_player_is_told_after_a_log_in_is_the_frozen_rank_and_the_own_score(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, bob = await stage.board(), await stage.player("ada"), await stage.player("bob")
    await stage.score(ada, board, 30)
    await stage.score(bob, board, 20)
    await declare(stage, board, frozen_from=utc_now())
    await freeze_boards(stage.platform)
    await stage.score(bob, board, 15)
    client = client_of(realtime)
    await watch(client, f"board:{board}", bob.token, "me")
    rows = (await news(client, "standing.initial"))["data"]["standings"]
    [row] = [one for one in rows if one["board"] == board]
    assert (row["score"], row["rank"], row["total"], row["freeze"]["real"]) == (35, 2, 2, False)
    # The next action of its own moves nothing that is told, and neither does what others do.
    await stage.score(ada, board, 1)
    await stage.score(bob, board, 15)
    heard = [await news(client, "score.update"), *await client.silence(0.8)]
    assert [one["data"]["rank"] for one in heard if one["type"] == "score.update"] == [None]
    assert [one for one in heard if one["type"] == "rank.change"] == []
    await declare(stage, board, frozen_from=None)
    rows = (await news(client, "standing.initial"))["data"]["standings"]
    [row] = [one for one in rows if one["board"] == board]
    assert (row["score"], row["rank"], row["freeze"]) == (50, 1, None)


async def test_who_is_hidden_during_a_freeze_leaves_what_spectators_see(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, bob = await stage.board(), await stage.player("ada"), await stage.player("bob")
    await stage.score(ada, board, 30)
    await stage.score(bob, board, 20)
    await declare(stage, board, frozen_from=utc_now())
    await freeze_boards(stage.platform)
    client = client_of(realtime)
    await watch(client, f"board:{board}")
    await change_status(stage.platform, ada.name, PlayerStatus.HIDDEN, by="test")
    assert lines(await board_message(client)) == [(bob.name, 1, 20)]


async def test_a_moderator_who_logs_in_on_an_open_connection_sees_the_real_board_from_then_on(
    realtime: Service,
    stage: Stage,
    client_of: Connect,  # noqa: F811
) -> None:
    board, ada, mo = await stage.board(), await stage.player("ada"), await moderator(stage)
    await stage.score(ada, board, 30)
    await declare(stage, board, frozen_from=utc_now())
    await freeze_boards(stage.platform)
    await stage.score(ada, board, 12)
    channel, client = f"board:{board}", client_of(realtime)
    assert lines(await watch(client, channel)) == [(ada.name, 1, 30)]
    await client.say({"type": "auth", "token": mo.token})
    await client.hear("auth.ok")
    assert (await client.hear("subscribed"))["data"]["channels"] == [channel]
    assert lines(await board_message(client)) == [(ada.name, 1, 42)]
    await stage.score(ada, board, 1)
    assert lines(await board_message(client)) == [(ada.name, 1, 43)]
    assert await client.silence(0.5) == []
    await client.say({"type": "unsubscribe", "channels": [channel]})
    await client.hear("unsubscribed")
    await stage.score(ada, board, 1)
    assert await client.silence(0.5) == []


async def test_the_stock_client_goes_through_a_freeze_and_its_reveal(
    realtime: Service,
    stage: Stage,
    node: str,  # noqa: F811
) -> None:
    board, ada, bob = await stage.board(), await stage.player("ada"), await stage.player("bob")
    await stage.score(ada, board, 30)
    options = json.dumps({"url": realtime.url, "transports": ["websocket"]})
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(node, str(NODE / "client.mjs"), options, **pipes)
    assert process.stdin is not None
    assert process.stdout is not None
    source = process.stdout

    async def snapshot() -> dict[str, Any]:
        async with asyncio.timeout(WITHIN):
            while True:
                line: dict[str, Any] = json.loads(await source.readline())
                if line["what"] == "scoreboard_initial":
                    found: dict[str, Any] = line["data"]
                    return found

    process.stdin.write(json.dumps({"emit": "subscribe", "data": {"channels": [f"board:{board}"]}}).encode() + b"\n")
    assert (await snapshot())["info"]["freeze"] is None
    await declare(stage, board, frozen_from=utc_now(), frozen_until=utc_now() + timedelta(seconds=3))
    frozen = await snapshot()
    assert frozen["info"]["freeze"]["until"] is not None
    await freeze_boards(stage.platform)
    await stage.score(bob, board, 50)
    message = await snapshot()
    while message["info"]["freeze"] is not None:
        assert lines(message) == [(ada.name, 1, 30)]
        message = await snapshot()
    assert lines(message) == [(bob.name, 1, 50), (ada.name, 2, 30)]
    process.stdin.write(json.dumps({"emit": "close", "data": None}).encode() + b"\n")
    await process.wait()
