"""The self-audit: what differs is repaired, everybody's turn comes, what is on its way is no drift."""

import random
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest
from scoreboard.live import keys
from scoreboard.security.identifiers import new_id
from scoreboard.usecases import audit_leaderboards as audit
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.audit_leaderboards import audit_leaderboards
from scoreboard.usecases.complete_actions import complete_actions, save_completions
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.integration.test_rebuild import PLAYERS, crowd, play, request, snapshot
from tests.ledger_check import leaderboards_match

__all__ = ["crowd"]


async def test_the_audit_repairs_what_differs(platform: Platform, crowd: list[UUID], marker: OutboxMarker) -> None:
    await play(platform, crowd, marker, random.Random(9), 10)
    await marker.finish()
    await sweep_outbox(platform, older_than=0)
    season = await platform.catalog.season("main", None)
    assert await audit_leaderboards(platform) == {"main": 0, "dense": 0, "fastest": 0, "hidden": 0}
    [epoch] = await platform.live.redis.hmget(keys.leaderboard_meta(season.id), "epoch")
    order = keys.leaderboard_part(season.id, epoch.decode(), "z")
    [best, *_] = await platform.live.redis.zrange(order, 0, 0)
    for harm in ("score", "member", "all"):
        if harm == "score":
            await platform.live.redis.zincrby(order, 5, best)
        elif harm == "member":
            await platform.live.redis.zrem(order, best)
        else:
            await platform.live.redis.delete(order)
        assert not await leaderboards_match(platform)
        assert (await audit_leaderboards(platform))["main"] > 0
        assert await leaderboards_match(platform)
        [epoch] = await platform.live.redis.hmget(keys.leaderboard_meta(season.id), "epoch")
        order = keys.leaderboard_part(season.id, epoch.decode(), "z")
        [best, *_] = await platform.live.redis.zrange(order, 0, 0)


async def test_everybodys_turn_comes(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few players a round, wherever it begins: after as many rounds as it takes everybody was looked at."""
    await complete_actions(
        platform, [CompletionRequest(p, new_id(), b"t", client_id="t", kind_key="tap") for p in crowd], marker
    )
    monkeypatch.setattr(audit, "_TOP", 0)
    look, seen = audit._differing, list[UUID]()

    async def noted(of: Platform, board: Board, season: Any, players: list[UUID]) -> Any:
        seen.extend(players if board.key == "main" else ())
        return await look(of, board, season, players)

    monkeypatch.setattr(audit, "_differing", noted)
    narrow = replace(platform, settings=platform.settings.model_copy(update={"audit_sample": 4}))
    places: dict[int, UUID] = {}
    for round_ in range(1, 5):
        assert (await audit_leaderboards(narrow, places))["main"] == 0
        assert len(seen) == 4 * round_
    assert set(seen) == set(crowd)


async def test_what_is_on_its_way_is_no_drift(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither committed and not yet announced, nor a player who scores all the time; drift beside them is found."""

    def drifted() -> float:
        return REGISTRY.get_sample_value("scoreboard_leaderboard_drifted_entries_total", {"board": "main"}) or 0

    rng = random.Random(11)
    await play(platform, crowd, marker, rng, 3)
    await marker.finish()
    await sweep_outbox(platform, older_than=0)
    before = drifted()
    await save_completions(platform, [request(rng, crowd[:1]) for _ in range(3)], marker)
    assert not await leaderboards_match(platform)
    assert (await audit_leaderboards(platform))["main"] == 0
    assert drifted() == before
    await sweep_outbox(platform, older_than=0)
    assert await leaderboards_match(platform)

    season = await platform.catalog.season("main", None)
    [epoch] = await platform.live.redis.hmget(keys.leaderboard_meta(season.id), "epoch")
    order = keys.leaderboard_part(season.id, epoch.decode(), "z")
    [best, *_] = await platform.live.redis.zrange(order, 0, 0)
    await platform.live.redis.zincrby(order, 5, best)
    look, looks = audit._differing, 0

    async def while_others_play(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        await save_completions(platform, [request(rng, crowd[-1:])], marker)  # commits, is not announced yet
        found = await look(*arguments)
        await sweep_outbox(platform, older_than=0)
        return found

    monkeypatch.setattr(audit, "_differing", while_others_play)
    assert (await audit_leaderboards(platform))["main"] == 1, "the one that was harmed, not the one who plays"
    assert looks >= 2
    assert drifted() == before + 1


async def test_scores_of_one_batch_have_moments_of_their_own(
    platform: Platform, crowd: list[UUID], marker: OutboxMarker
) -> None:
    """Equal scores of one batch stand in the order in which they came."""
    requests = [CompletionRequest(p, new_id(), b"t", client_id="t", kind_key="tap") for p in crowd]
    await complete_actions(platform, requests, marker)
    _, page = await snapshot(platform, await platform.catalog.board("main"))
    assert [entry.player_id for entry in page.entries] == crowd
    moments: list[datetime] = [entry.reached_at for entry in page.entries]
    assert len(set(moments)) == PLAYERS
