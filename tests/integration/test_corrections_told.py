"""How boards follow an amendment: whole or not at all, healed by the sweep, with Redis away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.correction import Scope
from scoreboard.domain.events import EntryType
from scoreboard.live import bus, leaderboard
from scoreboard.live.bus import CorrectionMade
from scoreboard.security.identifiers import new_id
from scoreboard.storage import outbox
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.apply_correction import Wanted, apply_correction
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.preview_correction import preview_correction
from scoreboard.usecases.read_board import read_top
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.amending import amend
from tests.arena import Arena, furnished
from tests.stage import Stores, free_port, patient, settings_from

PLAYERS, EACH = 30, 10


@asynccontextmanager
async def crowded(stores: Stores, **extra: str) -> AsyncIterator[tuple[Arena, dict[str, str]]]:
    """An arena with more results than one event of the stream holds."""
    environment = await stores.environment(**extra)
    platform = open_platform(patient(environment), application="test")
    arena = await furnished(platform, OutboxMarker(platform))
    people = [await arena.person(f"p{n}") for n in range(PLAYERS)]
    requests = []
    for points in range(EACH):
        for player_id in people:
            action = new_id()
            requests.append(
                CompletionRequest(
                    player_id, action, action.bytes, client_id=action.hex, kind_key="run", points=points % 4
                )
            )
    await complete_actions(platform, requests, arena.marker)
    await arena.marker.finish()
    yield arena, environment
    await arena.marker.finish()
    await platform.close()


@pytest.mark.parametrize("above", ["2000", "2"], ids=["one call a season", "a second epoch"])
async def test_a_board_is_seen_before_or_after_a_correction(stores: Stores, above: str) -> None:
    async with crowded(stores, SCOREBOARD_AMENDMENT_REBUILD_ABOVE=above) as (arena, _):
        before = (await read_top(arena.platform, "sum", 100)).page
        seen, stop = set(), asyncio.Event()

        async def watch() -> None:
            while not stop.is_set():
                page = (await read_top(arena.platform, "sum", 100)).page
                seen.add(tuple((entry.player_id, entry.score) for entry in page.entries))

        watcher = asyncio.create_task(watch())
        await arena.correct(Scope(kind="run", until=before.entries[5].reached_at))
        stop.set()
        await watcher
        after = (await read_top(arena.platform, "sum", 100)).page
        assert (before.epoch != after.epoch) is (above == "2")
        allowed = {tuple((entry.player_id, entry.score) for entry in page.entries) for page in (before, after)}
        assert len(allowed) == 2
        assert seen <= allowed
        assert (await outbox_left(arena)) == []
        await arena.state()


async def outbox_left(arena: Arena) -> list[str]:
    return [row.kind for row in await arena.sql("SELECT kind FROM outbox ORDER BY id")]


async def next_message(arena: Arena) -> "asyncio.Task[CorrectionMade]":
    """What is told of the next correction. Returns once nothing can be missed any more."""
    listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client = arena.platform.live.blocking_client()

    async def listen() -> CorrectionMade:
        try:
            async for message in bus.control_messages(client):
                if isinstance(message, bus.Listening):
                    listening.set_result(None)
                elif isinstance(message, CorrectionMade):
                    return message
        finally:
            await client.aclose()
        raise AssertionError("the channel ended")

    task = asyncio.create_task(listen())
    await listening
    return task


@pytest.mark.parametrize("above", ["2000", "2"], ids=["one call a season", "too many for one call"])
async def test_what_was_not_told_is_told_by_the_sweep(stores: Stores, above: str) -> None:
    async with crowded(stores, SCOREBOARD_AMENDMENT_REBUILD_ABOVE=above) as (arena, environment):
        nowhere = {**environment, "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
        cut_off = open_platform(settings_from(nowhere), application="test")
        old = await read_top(arena.platform, "sum", 100)
        scope = Scope(player_id=arena.people["p3"])
        seen = await preview_correction(arena.platform, scope)
        # The process that makes the correction cannot reach Redis: as if it had died after the commit.
        made = await apply_correction(cut_off, Wanted(scope, "x", seen.digest), arena.moderator)
        await cut_off.close()
        assert made.actions == EACH
        assert (await outbox_left(arena))[-2:] == [outbox.AMENDED, outbox.CONTROL]
        assert (await read_top(arena.platform, "sum", 100)).page == old.page
        message = await next_message(arena)
        await sweep_outbox(arena.platform, older_than=0)
        told = await asyncio.wait_for(message, 5)
        assert (told.correction_id, told.undone, len(told.boards)) == (made.id, False, 5)
        assert await outbox_left(arena) == []
        await arena.state()


async def test_a_large_amendment_that_was_not_told_leaves_the_board_to_postgres(stores: Stores) -> None:
    async with crowded(stores, SCOREBOARD_AMENDMENT_REBUILD_ABOVE="2") as (arena, _):
        rows = await arena.sql("SELECT id FROM actions ORDER BY id")
        await amend(arena.platform, EntryType.VOIDED, *(row.id for row in rows), announce=False)
        await sweep_outbox(arena.platform, older_than=0)
        season = await arena.platform.catalog.season("sum", None)
        assert not await leaderboard.is_ready(arena.platform.live, season.id)
        view = await read_top(arena.platform, "sum", 100)
        assert (view.source, view.page.entries) == ("postgres", ())
        assert await restore_missing(arena.platform) == 5
        assert (await read_top(arena.platform, "sum", 100)).source == "redis"
        await arena.state()
