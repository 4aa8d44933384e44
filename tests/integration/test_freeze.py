"""A freeze, over HTTP: who sees what while it is on, whatever becomes of Redis, points and players; and the reveal."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest_asyncio

from scoreboard.domain.correction import Scope
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.live import leaderboard
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.freeze_boards import freeze_boards
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from tests.amending import hold
from tests.conftest import Api, open_api
from tests.security.callers import open_caller
from tests.stage import Person, Stores, register

DENSE = "/api/v1/boards/dense"


@dataclass
class Cup:
    """A frozen board: ada led when it froze, bob leads now; a moderator looks on."""

    api: Api
    ada: Person
    bob: Person
    moderator: Person
    since: datetime

    async def declare(self, **changes: Any) -> None:
        board = replace(await self.api.platform.catalog.board("dense"), **changes)
        await configure(self.api.platform, [board], [], managed_by="test")
        self.api.wiring.tops._kept.clear()

    async def top(self, caller: Person | None = None, **params: Any) -> list[tuple[str, int, int]]:
        headers = caller.headers if caller is not None else {}
        self.api.wiring.tops._kept.clear()
        reply = await self.api.client.get(f"{DENSE}/top", params=params, headers=headers)
        assert reply.status_code == 200, reply.text
        return lines(reply)

    async def redis_has_it(self) -> bool:
        season = await self.api.platform.catalog.season("dense", None)
        return await leaderboard.is_ready(self.api.platform.live, season.id, self.since)


def lines(reply: httpx.Response) -> list[tuple[str, int, int]]:
    return [(entry["username"], entry["rank"], entry["score"]) for entry in reply.json()["entries"]]


@pytest_asyncio.fixture
async def cup(stores: Stores) -> AsyncIterator[Cup]:
    async with open_api(stores, SCOREBOARD_FREEZE_GRACE="0.1") as api:
        ada, bob = await register(api.client), await register(api.client)
        await ada.score("match", points=30)
        await bob.score("match", points=20)
        [(since,)] = await api.sql("SELECT clock_timestamp()")
        moderator = (await open_caller(api.platform, api.wiring.tokens, Role.MODERATOR)).person(api.client)
        cup = Cup(api, ada, bob, moderator, since)
        await cup.declare(frozen_from=since)
        await bob.score("match", points=15)
        yield cup


FROZEN_OF = [("ada", 1, 30), ("bob", 2, 20)]


def named(cup: Cup, *rows: tuple[str, int, int]) -> list[tuple[str, int, int]]:
    return [(getattr(cup, name).username, rank, score) for name, rank, score in rows]


async def test_the_public_sees_the_board_as_it_was_and_moderators_the_real_one(cup: Cup) -> None:
    for source in ("Postgres", "Redis", "Redis lost"):
        if source == "Redis":
            assert await freeze_boards(cup.api.platform) == 1
            assert await freeze_boards(cup.api.platform) == 0
        if source == "Redis lost":
            await cup.api.platform.live.redis.flushdb()
            await rebuild_leaderboards(cup.api.platform, "dense", lambda done, total: None)
        assert await cup.redis_has_it() is (source == "Redis")
        for public in (None, cup.ada, cup.bob):
            assert await cup.top(public) == named(cup, *FROZEN_OF), source
        assert await cup.top(cup.moderator) == named(cup, ("bob", 1, 35), ("ada", 2, 30)), source
        entries = await cup.api.client.get(f"{DENSE}/entries")
        assert lines(entries) == named(cup, *FROZEN_OF)
        assert entries.json()["freeze"] == {
            "since": cup.since.isoformat().replace("+00:00", "Z"),
            "until": None,
            "real": False,
        }
        assert entries.json()["as_of"] == entries.json()["freeze"]["since"]
        real = (await cup.moderator.get(f"{DENSE}/entries")).json()
        assert (real["freeze"]["real"], real["as_of"]) == (True, None)
        around = await cup.ada.get(f"{DENSE}/around", player_id=cup.bob.id)
        assert lines(around) == named(cup, *FROZEN_OF)
        found = await cup.api.client.post(f"{DENSE}/lookup", json={"player_ids": [cup.bob.id]})
        assert lines(found) == named(cup, ("bob", 2, 20))


async def test_ones_own_points_are_told_and_ones_real_rank_is_not(cup: Cup) -> None:
    for built in (False, True):
        if built:
            assert await freeze_boards(cup.api.platform) == 1
        mine = (await cup.bob.get(f"{DENSE}/me")).json()
        own = 35 + (1 if built else 0)
        assert (mine["score"], mine["rank"], mine["total"], mine["percentile"]) == (own, 2, 2, 0.0)
        done = await cup.bob.score("match", points=1)
        [standing] = [one for one in done["standings"] if one["board"] == "dense"]
        assert (standing["score"], standing["rank"]) == (own + 1, 2 if built else None)
    # Who scores for the first time has a score, and no rank until the reveal.
    eve = await register(cup.api.client)
    done = await eve.score("match", points=99)
    [standing] = [one for one in done["standings"] if one["board"] == "dense"]
    assert (standing["score"], standing["rank"]) == (99, None)
    mine = (await eve.get(f"{DENSE}/me")).json()
    assert (mine["score"], mine["rank"], mine["total"]) == (99, None, 2)
    assert (await eve.get(f"{DENSE}/around")).status_code == 404
    history = (await eve.get("/api/v1/players/me/history")).json()
    assert history["items"][0]["points"] == 99


async def test_where_held_points_would_lead_is_told_of_the_frozen_board(cup: Cup) -> None:
    platform = cup.api.platform
    await cup.ada.score("match", points=100)
    await hold(platform, UUID(cup.bob.id), "match", 5)
    pending = (await cup.bob.get(f"{DENSE}/me")).json()["pending"]
    assert (pending["score"], pending["rank"]) == (40, None)
    await freeze_boards(platform)
    pending = (await cup.bob.get(f"{DENSE}/me")).json()["pending"]
    assert (pending["score"], pending["rank"]) == (40, 1)
    await cup.declare(frozen_from=None)
    assert (await cup.bob.get(f"{DENSE}/me")).json()["pending"]["rank"] == 2


async def test_a_frozen_top_is_kept_apart_by_caches(cup: Cup) -> None:
    """Neither our own caches nor those on the way give a spectator what a moderator was given, nor the other way."""
    tags = set()
    for caller in (None, cup.moderator, None):
        headers = caller.headers if caller is not None else {}
        reply = await cup.api.client.get(f"{DENSE}/top", headers=headers)
        assert "Authorization" in reply.headers["vary"]
        assert [entry["score"] for entry in reply.json()["entries"]] == ([30, 20] if caller is None else [35, 30])
        tags.add(reply.headers["etag"])
    assert len(tags) == 2


async def test_nobody_looks_past_the_freeze(cup: Cup) -> None:
    before = cup.since - timedelta(microseconds=1)
    assert await cup.top(at=before.isoformat()) == named(cup, *FROZEN_OF)
    assert await cup.top(at=cup.since.isoformat()) == named(cup, *FROZEN_OF)
    later = (cup.since + timedelta(microseconds=1)).isoformat()
    for caller, status in ((None, 400), (cup.bob, 400), (cup.moderator, 200)):
        headers = caller.headers if caller is not None else {}
        for path in ("top", "entries", "around", "me"):
            if caller is None and path in ("around", "me"):
                continue
            reply = await cup.api.client.get(f"{DENSE}/{path}", params={"at": later}, headers=headers)
            assert reply.status_code == status or (caller is cup.moderator and reply.status_code == 404), reply.text


async def test_a_cheat_that_is_voided_leaves_the_frozen_board_too(cup: Cup) -> None:
    await freeze_boards(cup.api.platform)
    assert await cup.top() == named(cup, *FROZEN_OF)
    platform, scope = cup.api.platform, Scope(player_id=UUID(cup.ada.id))
    seen = await preview_correction(platform, scope)
    actor = Actor(UUID(cup.moderator.id), Role.MODERATOR, "a request")
    await apply_correction(platform, Wanted(scope, "a test", seen.digest), actor)
    for built in (0, 1):
        assert await freeze_boards(platform) == built if built else not await cup.redis_has_it()
        assert await cup.top() == named(cup, ("bob", 1, 20))
    # What is corrected of the time since does not show.
    seen = await preview_correction(platform, Scope(player_id=UUID(cup.bob.id), since=cup.since))
    await apply_correction(platform, Wanted(seen.scope, "a test", seen.digest), actor)
    assert await cup.top() == named(cup, ("bob", 1, 20))
    assert await cup.top(cup.moderator) == named(cup, ("bob", 1, 20))


async def test_who_is_hidden_leaves_the_frozen_board_and_comes_back(cup: Cup) -> None:
    await freeze_boards(cup.api.platform)
    for status, shown in (
        (PlayerStatus.HIDDEN, named(cup, ("bob", 1, 20))),
        (PlayerStatus.ACTIVE, named(cup, *FROZEN_OF)),
    ):
        await change_status(cup.api.platform, cup.ada.username, status, by="test")
        assert not await cup.redis_has_it()
        assert await cup.top() == shown
        await freeze_boards(cup.api.platform)
        assert await cup.redis_has_it()
        assert await cup.top() == shown
