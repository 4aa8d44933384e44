"""A player's standing, read for a live connection: every move is told once, and what is newer is not taken back."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from scoreboard.domain.player import Role
from scoreboard.security.access_token import Claims
from scoreboard.settings import Settings
from scoreboard.telemetry import utc_now
from scoreboard_realtime import messages
from scoreboard_realtime.boards import Boards
from scoreboard_realtime.connection import Connection
from scoreboard_realtime.messages import Position
from scoreboard_realtime.parcel import Parcel
from scoreboard_realtime.rooms import Rooms
from scoreboard_realtime.session import Session
from tests.conftest import Api
from tests.stage import register
from tests.unit.test_realtime_fanout import Recorder

HERE = Position("e", 1)


def connected(api: Api, player_id: str) -> Connection:
    session = Session(cast(Settings, SimpleNamespace(**api.platform.settings.model_dump())), heartbeats=False)
    session.connecting()
    session.connected(0.0)
    session.take(messages.Auth("token"), 0.0)
    session.verified(Claims(UUID(player_id), UUID(int=1), "x", Role.PLAYER, utc_now(), utc_now()), 600.0, 0.0)
    return Connection("c", "127.0.0.1", Recorder(), session)


def read(parcels: list[Parcel]) -> list[tuple[str, Any]]:
    found = [msgspec.json.decode(parcel.text) for parcel in parcels]
    return [(each["type"], each["data"]) for each in found]


@pytest.fixture
async def season(api: Api) -> int:
    return int((await api.client.get("/api/v1/boards/main/top")).json()["season"]["id"])


async def test_another_rank_than_was_told_is_told_before_the_standing(api: Api, season: int) -> None:
    ada = await register(api.client)
    await ada.score("match", points=5)
    rank = (await ada.get("/api/v1/boards/main/me")).json()["rank"]
    boards, connection = Boards(api.platform, Rooms()), connected(api, ada.id)
    [(first, data)] = read(await boards.standing(connection, HERE))
    assert (first, data["standings"][0]["rank"]) == ("standing.initial", rank)
    assert [type_ for type_, _ in read(await boards.standing(connection, HERE))] == ["standing.initial"]
    connection.told[season] = rank + 2
    (moved, data), (then, _) = read(await boards.standing(connection, HERE))
    assert (moved, data["rank"], then) == ("rank.change", {"previous": rank + 2, "current": rank}, "standing.initial")
    assert connection.told == {season: rank}


async def test_what_is_told_during_the_read_is_newer(api: Api, season: int) -> None:
    ada = await register(api.client)
    await ada.score("match", points=5)
    rank = (await ada.get("/api/v1/boards/main/me")).json()["rank"]
    boards, connection = Boards(api.platform, Rooms()), connected(api, ada.id)
    connection.told[season] = rank
    reading = asyncio.create_task(boards.standing(connection, HERE))
    await asyncio.sleep(0)
    connection.told[season] = rank + 7  # an item of the stream came meanwhile; its news wait until the standing is sent
    assert [type_ for type_, _ in read(await reading)] == ["standing.initial"]
    assert connection.told == {season: rank + 7}
