"""The model's service as its own process beside API and worker: quick, and nothing lost whatever is killed."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2 as httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from scoreboard.domain.model import ModelStage
from scoreboard.storage import ledger, models, positions
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_model_health import CONSUMER, read_model_health
from tests.conftest import Running, launch
from tests.model_play import MODEL_ACTS, default_artefact, person, record, script, windows_of
from tests.stage import Person, Service, Stores, register, until

INTERVAL = 0.1
INTERVALS = (INTERVAL, 0.4, 1.1)
"""Seconds. On a busy machine a quick script comes as unevenly as a person who taps to music; a slow one does not."""
PLAYS_S = 100.0
VERDICT_S = 2.0
"""From a window's last event to its verdict: what is promised, held by ``make bench-anticheat``."""
PATIENCE_S = 20.0


@pytest_asyncio.fixture(scope="module")
async def running(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async for started in launch(stores, tmp_path_factory.mktemp("model"), **MODEL_ACTS):
        yield started


@pytest_asyncio.fixture(scope="module")
async def service(running: Running) -> AsyncIterator[Service]:
    """The model's service; it has put the package's model into the registry by itself."""
    service = Service("anticheat_ml", running.environment, running.folder / "anticheat.log")
    service.start()
    await service.ready(within=60)
    yield service
    service.stop()


@pytest_asyncio.fixture(scope="module")
async def model(running: Running, service: Service) -> str:
    """The shipped model, allowed to flag."""
    model_id = default_artefact().model_id
    listed = await until(lambda: registered(running.platform), within=30, what="the shipped model being registered")
    assert [(each.id, each.stage) for each in listed] == [(model_id, ModelStage.SHADOW)]
    await running.platform.database.transact(lambda tx: models.set_stage(tx, model_id, ModelStage.CANARY))
    await until(lambda: stage_of(service, "canary"), what="the model being allowed to flag")
    first = await register(running.client)  # what a process imports and compiles once is not a verdict's time
    await record(running.platform, [(UUID(first.id), at) for at in script(30)])
    await until(lambda: case_of(running.platform, first.id), within=30, what="the first case")
    return model_id


async def registered(platform: Platform) -> list[Any]:
    return list(await platform.database.transact(models.listed))


async def metrics(service: Service) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{service.url}/metrics", timeout=5)).text


async def stage_of(service: Service, stage: str) -> bool:
    return f'scoreboard_model_stage{{stage="{stage}"}} 1.0' in await metrics(service)


async def caught_up(platform: Platform, *, within: float = 30.0) -> None:
    async def done() -> bool:
        position = await platform.database.transact(lambda tx: positions.read(tx, CONSUMER))
        head, _ = await platform.database.transact(ledger.head)
        return position == head

    await until(done, within=within, what="the model having caught up")


async def case_of(platform: Platform, player_id: str) -> Any:
    rows = await platform.database.transact(
        lambda tx: tx.fetch(
            "SELECT c.source, c.verdict, c.status, c.opened_at, e.detail::text AS detail FROM review_cases c"
            " LEFT JOIN suspicion_events e ON e.case_id = c.id AND e.detail IS NOT NULL WHERE c.player_id = $1"
            " ORDER BY e.id LIMIT 1",
            UUID(player_id),
        )
    )
    return rows[0] if rows else None


async def play(player: Person, events: int, interval: float = INTERVAL) -> None:
    """A program at a fixed interval, through the API."""
    began = time.monotonic()
    for number in range(events):
        await asyncio.sleep(max(0.0, began + number * interval - time.monotonic()))
        reply = await player.post("/api/v1/scores/update", {"action_id": f"{interval}-{number}", "kind": "tap"})
        assert reply.status_code == 200, reply.text


async def play_until_flagged(running: Running, cheat: Person, interval: float) -> Any:
    """A program plays at a fixed interval until the model has brought it before the reviewers. Returns the case."""
    began = time.monotonic()
    for number in range(int(PLAYS_S / interval)):
        await asyncio.sleep(max(0.0, began + number * interval - time.monotonic()))
        reply = await cheat.post("/api/v1/scores/update", {"action_id": f"steady-{number}", "kind": "tap"})
        assert reply.status_code == 200, reply.text
        if number >= 19 and (case := await case_of(running.platform, cheat.id)):
            return case
    return await until(lambda: case_of(running.platform, cheat.id), within=PATIENCE_S, what="the case")


async def test_a_script_is_flagged_while_it_plays(running: Running, service: Service, model: str) -> None:
    cheats = [await register(running.client) for _ in INTERVALS]
    async with asyncio.timeout(PLAYS_S + 2 * PATIENCE_S):
        cases = [
            asyncio.create_task(play_until_flagged(running, cheat, interval))
            for cheat, interval in zip(cheats, INTERVALS, strict=True)
        ]
        await asyncio.wait(cases, return_when=asyncio.FIRST_COMPLETED)
    cheat, case = next((cheat, task.result()) for cheat, task in zip(cheats, cases, strict=True) if task.done())
    for task in cases:
        task.cancel()
    await asyncio.gather(*cases, return_exceptions=True)
    assert tuple(case)[:3] == ("model", "flag", "open")
    detail = json.loads(case["detail"])
    assert detail["model_id"] == model
    assert detail["window"] >= 20
    assert detail["contributions"]
    seconds = await running.platform.database.transact(
        lambda tx: tx.fetch(
            "SELECT extract(epoch FROM w.at - l.at)::float8 AS s FROM model_windows w"
            " JOIN ledger l ON l.seq = w.end_seq WHERE w.player_id = $1",
            UUID(cheat.id),
        )
    )
    assert min(row["s"] for row in seconds) < VERDICT_S
    shown = await metrics(service)
    for counted in ('scoreboard_model_verdicts_total{verdict="flag"}', "scoreboard_model_verdict_seconds_count"):
        found = re.search(rf"^{re.escape(counted)} (\S+)$", shown, re.MULTILINE)
        assert found is not None, counted
        assert float(found[1]) > 0, counted


async def test_who_is_flagged_plays_on_and_nothing_is_held(running: Running, model: str) -> None:
    cheat = await register(running.client)
    await record(running.platform, [(UUID(cheat.id), at) for at in script(60)])
    await until(lambda: case_of(running.platform, cheat.id), within=PATIENCE_S, what="the case")
    reply = await cheat.post("/api/v1/scores/update", {"action_id": "one-more", "kind": "tap"})
    assert reply.status_code == 200
    assert reply.json()["verdict"] == "allow"


async def test_kill_9_in_the_middle_loses_and_doubles_nothing(running: Running, service: Service, model: str) -> None:
    crowd = [await register(running.client) for _ in range(6)]
    ids = [UUID(player.id) for player in crowd]
    plays = sorted((at, who) for number, who in enumerate(ids) for at in person(400, seed=number))
    for first in range(0, len(plays), 200):
        await record(running.platform, [(who, at) for at, who in plays[first : first + 200]])
        if first % 600 == 200:
            service.kill()
            service.start()
    await service.ready(within=60)
    await caught_up(running.platform)
    for who in ids:
        ends = [row[0] for row in await windows_of(running.platform, who, model)]
        assert len(ends) == len(set(ends))
        assert set(ends) >= {20, *range(50, 401, 25)}


async def test_a_worker_that_was_dead_for_ten_minutes_drains_the_backlog(
    running: Running, service: Service, model: str
) -> None:
    """The play goes on meanwhile: the API answers, the ledger grows. Time is the ledger's."""
    crowd = [await register(running.client) for _ in range(10)]
    ids = [UUID(player.id) for player in crowd]
    service.kill()
    began = person(1, seed=1)[0]
    plays = sorted((at, who) for number, who in enumerate(ids) for at in person(150, seed=50 + number, began=began))
    await record(running.platform, [(who, at) for at, who in plays])
    assert (await crowd[0].post("/api/v1/scores/update", {"action_id": "meanwhile", "kind": "tap"})).status_code == 200
    health = await read_model_health(running.platform)
    assert health.position is not None
    assert health.position.behind >= len(plays)
    service.start()
    await service.ready(within=60)
    await caught_up(running.platform)
    for who in ids:
        ends = [row[0] for row in await windows_of(running.platform, who, model)]
        assert len(ends) == len(set(ends))
        assert set(ends) >= {20, *range(50, 151, 25)}


async def test_with_redis_gone_the_verdict_comes_from_the_ledger(
    running: Running, service: Service, model: str, stores: Stores
) -> None:
    cheat = await register(running.client)
    stores.valkey.stop()
    try:
        await play(cheat, 5)
        await record(running.platform, [(UUID(cheat.id), at) for at in script(60)])
        case = await until(lambda: case_of(running.platform, cheat.id), within=PATIENCE_S, what="the case")
        assert case["source"] == "model"
    finally:
        stores.valkey.start()
    await caught_up(running.platform)
    windows = await windows_of(running.platform, UUID(cheat.id), model)
    assert len({row[0] for row in windows}) == len(windows)


async def test_a_stream_that_was_lost_or_trimmed_leaves_no_gap(running: Running, service: Service, model: str) -> None:
    player = await register(running.client)
    service.kill()
    await play(player, 30, interval=0.02)
    client = Redis.from_url(running.environment["REDIS_URL"])
    await client.flushdb()
    await client.aclose()
    service.start()
    await service.ready(within=60)
    await play(player, 30, interval=0.021)
    await caught_up(running.platform)
    ends = [row[0] for row in await windows_of(running.platform, UUID(player.id), model)]
    assert {20, 50} <= set(ends)
    assert len(ends) == len(set(ends))
