"""What a crash left unannounced is announced; announcing twice or in any order changes nothing."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from scoreboard import telemetry
from scoreboard.domain.completion import CompletionRequest
from scoreboard.domain.player import Role
from scoreboard.live.bus import SessionsRevoked, recent_events
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.security.identifiers import new_id
from scoreboard.storage import outbox, players
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.complete_actions import SavedBatch, announce_completions, save_completions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import read_standing
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.ledger_check import check_ledger, leaderboards_match
from tests.stage import Stores


@pytest_asyncio.fixture
async def crowd(platform: Platform) -> list[UUID]:
    ids = [new_id() for _ in range(5)]
    for n, player_id in enumerate(ids):
        await platform.database.transact(
            lambda tx, p=player_id, n=n: players.add(tx, p, f"player {n}", Role.PLAYER, email=None, password_hash=None)  # type: ignore[misc]
        )
    await sweep_outbox(platform, older_than=0)
    return ids


def tap(player_id: UUID, name: str, **more: Any) -> CompletionRequest:
    return CompletionRequest(player_id, new_id(), name.encode(), client_id=name, kind_key="tap", **more)


async def waiting(platform: Platform) -> int:
    return (await platform.database.transact(outbox.backlog))[0]


async def test_a_crash_between_commit_and_announcement_is_healed(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    for n in range(3):
        await save_completions(platform, [tap(player, f"{n}") for player in crowd], marker)
    assert not await leaderboards_match(platform)
    assert await waiting(platform) == 3
    assert await sweep_outbox(platform, older_than=0) == 3
    assert await waiting(platform) == 0
    assert await leaderboards_match(platform)
    events = await recent_events(platform.live, count=10)
    assert [item.seq for event in events for item in event.event.items] == list(range(1, 16))
    await check_ledger(platform)


async def test_what_cannot_be_announced_is_told_to_grow_old(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    """Redis refuses what is appended to the stream: the alert about a stalled outbox lives on these two numbers."""
    await save_completions(platform, [tap(player, "late") for player in crowd], marker)
    await platform.live.redis.execute_command("ACL", "SETUSER", "default", "-xadd")
    try:
        ages = []
        for _ in range(2):
            with pytest.raises(LiveUnavailable):
                await sweep_outbox(platform, older_than=0)
            assert telemetry.OUTBOX_PENDING._value.get() == 1
            ages.append(telemetry.OUTBOX_AGE._value.get())
            await asyncio.sleep(platform.settings.redis_retry_pause)
        assert 0 < ages[0] < ages[1]
    finally:
        await platform.live.redis.execute_command("ACL", "SETUSER", "default", "+xadd")
    assert await sweep_outbox(platform, older_than=0) == 1
    assert telemetry.OUTBOX_PENDING._value.get() == telemetry.OUTBOX_AGE._value.get() == 0


async def test_young_rows_belong_to_who_wrote_them(platform: Platform, crowd: list[UUID], marker: OutboxMarker) -> None:
    await save_completions(platform, [tap(crowd[0], "young")], marker)
    assert await sweep_outbox(platform) == 0
    assert await waiting(platform) == 1


async def test_an_announcement_that_comes_late_puts_nothing_back(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    """A writer that slept through the sweep wakes up: versions refuse what it brings."""
    slept: list[SavedBatch] = [await save_completions(platform, [tap(crowd[0], f"{n}")], marker) for n in range(3)]
    assert await sweep_outbox(platform, older_than=0) == 3
    newest = await save_completions(platform, [tap(crowd[0], "newest")], marker)
    await announce_completions(platform, newest, marker)
    for saved in reversed(slept):
        [answer] = await announce_completions(platform, saved, marker)
        assert isinstance(answer, Completion)
        assert await leaderboards_match(platform)
    await marker.finish()
    assert await waiting(platform) == 0


async def test_sweeping_without_redis_keeps_the_rows(
    platform: Platform, crowd: list[UUID], stores: Stores, marker: OutboxMarker
) -> None:
    stores.valkey.kill()
    try:
        saved = await save_completions(platform, [tap(crowd[0], "away", idempotency_key="away")], marker)
        [answer] = await announce_completions(platform, saved, marker)
        assert isinstance(answer, Completion)
        assert answer.places[0].rank_current is None
        with pytest.raises(LiveUnavailable):
            await sweep_outbox(platform, older_than=0)
        assert await waiting(platform) == 1
    finally:
        stores.valkey.start()


async def test_control_messages_are_repeated(platform: Platform, crowd: list[UUID]) -> None:
    session = new_id()
    message = SessionsRevoked(crowd[0], (session,), "test")
    await platform.database.transact(lambda tx: outbox.add_control(tx, message))
    assert await sweep_outbox(platform, older_than=0) == 1
    assert await platform.live.redis.exists(f"sb:revoked:{session}")


async def test_hidden_players_stay_hidden(platform: Platform, crowd: list[UUID], marker: OutboxMarker) -> None:
    await platform.database.transact(
        lambda tx: tx.fetch(f"UPDATE players SET status = 'hidden' WHERE id = '{crowd[0]}'")
    )
    await save_completions(platform, [tap(player, "hidden") for player in crowd], marker)
    await sweep_outbox(platform, older_than=0)
    assert await leaderboards_match(platform)
    assert (await read_standing(platform, "main", crowd[0])).standings.standings == (None,)
