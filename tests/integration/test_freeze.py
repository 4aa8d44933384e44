"""A freeze, over HTTP: who sees what while it is on, whatever becomes of Redis, points and players; and the reveal."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard.domain.board import Board
from scoreboard.domain.correction import Scope
from scoreboard.domain.errors import Refusal
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.live import leaderboard
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.configure import configure
from scoreboard.usecases.freeze_boards import freeze_boards
from scoreboard.usecases.keep_snapshots import keep_snapshots
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from scoreboard.usecases.run_seasons import run_seasons
from tests.amending import hold
from tests.conftest import Api, open_api
from tests.security.callers import open_caller
from tests.stage import Person, Stores, register, until

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


async def test_all_is_revealed_at_the_end_and_when_the_freeze_is_taken_out(cup: Cup) -> None:
    real = named(cup, ("bob", 1, 35), ("ada", 2, 30))
    await freeze_boards(cup.api.platform)
    tag = (await cup.api.client.get(f"{DENSE}/top")).headers["etag"]
    await cup.declare(frozen_from=cup.since, frozen_until=utc_now() + timedelta(seconds=1.5))
    assert await cup.top() == named(cup, *FROZEN_OF)

    async def revealed() -> bool:
        return await cup.top() == real

    await until(revealed, what="the reveal at its moment")
    assert (await cup.api.client.get(f"{DENSE}/top", headers={"If-None-Match": tag})).status_code == 200
    await cup.declare(frozen_from=cup.since, frozen_until=None)
    assert await cup.top() == named(cup, *FROZEN_OF)
    await cup.declare(frozen_from=None)
    assert await cup.top() == real
    assert (await cup.api.client.get(DENSE)).json()["frozen_from"] is None


async def test_a_freeze_that_is_moved_is_not_answered_with_the_one_before(cup: Cup) -> None:
    assert await freeze_boards(cup.api.platform) == 1
    assert await cup.top() == named(cup, *FROZEN_OF)
    [(later,)] = await cup.api.sql("SELECT clock_timestamp()")
    await cup.declare(frozen_from=later)
    for built in (0, 1):
        assert await cup.top() == named(cup, ("bob", 1, 35), ("ada", 2, 30))
        assert await freeze_boards(cup.api.platform) == 1 - built
    await cup.declare(frozen_from=cup.since)
    assert await cup.top() == named(cup, *FROZEN_OF)


async def test_a_season_that_closes_in_a_freeze_keeps_its_end_to_itself(stores: Stores) -> None:
    async with open_api(stores) as api:
        ada, bob = await register(api.client), await register(api.client)
        await ada.score("match", points=30)
        await bob.score("match", points=20)
        [(since,)] = await api.sql("SELECT clock_timestamp()")
        board = replace(await api.platform.catalog.board("dense"), frozen_from=since)
        await configure(api.platform, [board], [], managed_by="test")
        await bob.score("match", points=15)
        season = (await api.platform.catalog.season("dense", None)).id
        await freeze_boards(api.platform)
        await api.sql("UPDATE seasons SET ends_at = clock_timestamp() WHERE id = :id", id=season)
        await asyncio.sleep(api.platform.settings.season_close_grace)
        await until(lambda: run_seasons(api.platform), what="the season being closed")
        api.platform.catalog.invalidate()
        public = await api.client.get(f"{DENSE}/entries", params={"season": season})
        assert [entry["score"] for entry in public.json()["entries"]] == [30, 20]
        assert public.json()["season"]["status"] == "closed"
        await configure(api.platform, [replace(board, frozen_from=None)], [], managed_by="test")
        final = await api.client.get(f"{DENSE}/entries", params={"season": season})
        assert [entry["score"] for entry in final.json()["entries"]] == [35, 30]


async def test_what_was_done_before_the_freeze_and_commits_after_it_is_on_the_frozen_board(cup: Cup) -> None:
    """A completion has its moment, then waits for the ledger's head while the board freezes."""
    platform = cup.api.platform
    entered, go = asyncio.Event(), asyncio.Event()

    async def keep_the_head(tx: Transaction) -> None:
        await tx.fetch("SELECT 1 FROM ledger_head FOR UPDATE")
        entered.set()
        await go.wait()

    keeper = asyncio.create_task(platform.database.transact(keep_the_head))
    await entered.wait()
    late = asyncio.create_task(cup.ada.score("match", points=7))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def blocked() -> bool:
        return (await cup.api.sql(waiting))[0][0] > 0

    await until(blocked, what="the completion waiting for the head")
    since = utc_now()
    await cup.declare(frozen_from=since)
    freezing = asyncio.create_task(freeze_boards(platform))
    done, _ = await asyncio.wait([freezing], timeout=0.6)
    assert not done, "the snapshot is taken although a completion of that time is under way"
    go.set()
    await keeper
    await late
    assert await freezing == 1
    assert await cup.top() == named(cup, ("ada", 1, 37), ("bob", 2, 35))
    [(count,)] = await cup.api.sql(
        "SELECT count(*) FROM snapshots s JOIN snapshot_totals t ON t.snapshot_id = s.id WHERE s.at = :at", at=since
    )
    assert count == 2


async def test_before_a_freeze_a_snapshot_is_taken_so_that_little_is_left_to_fold(cup: Cup) -> None:
    platform = cup.api.platform
    assert await keep_snapshots(platform) == 0
    await cup.declare(frozen_from=utc_now() + timedelta(seconds=60))
    assert await keep_snapshots(platform) == 1
    assert await keep_snapshots(platform) == 0


async def test_a_board_declared_as_before_the_freeze_was_known_is_the_same(api: Api) -> None:
    """Stored specifications of an older version lack the freeze; declaring the same again makes no new version."""
    await api.sql("UPDATE boards SET spec = spec - 'frozen_from' - 'frozen_until' WHERE key = 'main'")
    api.platform.catalog.invalidate()
    board = await api.platform.catalog.board("main")
    assert (board.frozen_from, board.version) == (None, 1)
    assert await configure(api.platform, [Board("main", "All players")], [], managed_by="test") == 0


async def test_a_freeze_that_can_never_be_on_is_refused(api: Api) -> None:
    now = utc_now()
    with pytest.raises(Refusal, match="must end after it begins"):
        await configure(
            api.platform, [Board("bad", "Bad", frozen_from=now, frozen_until=now)], [], managed_by=secrets.token_hex(4)
        )


async def test_without_a_freeze_nothing_more_is_asked_of_the_stores(api: Api) -> None:
    """The paths that everybody takes: one call to Redis for a read, none to Postgres."""
    ada = await register(api.client)
    await ada.score("match", points=3)
    live, database = api.platform.live, api.platform.database
    calls: list[str] = []
    run, transact = live.run, database.transact

    async def counted(script: Any, *arguments: Any) -> Any:
        calls.append(script.name)
        return await run(script, *arguments)

    async def counted_transact(work: Any) -> Any:
        calls.append("postgres")
        return await transact(work)

    live.run, database.transact = counted, counted_transact  # type: ignore[method-assign]
    try:
        for path, expected in (
            ("top?limit=7", ["read_top", "read_range", "keep_top"]),
            ("entries", ["read_range"]),
            (f"around?player_id={ada.id}", ["read_around"]),
        ):
            await api.wiring.marker.finish()
            api.platform.catalog.invalidate()
            await api.platform.catalog.boards()  # fresh, so that it is not read in between
            calls.clear()
            assert (await api.client.get(f"{DENSE}/{path}")).status_code == 200
            assert [call for call in calls if call != "guard"] == expected, path
    finally:
        live.run, database.transact = run, transact  # type: ignore[method-assign]
