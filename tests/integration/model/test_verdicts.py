"""What the model's findings lead to: no more than stage, switch and policy allow, and told once."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from scoreboard.domain.model import ModelStage
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import ReviewDecision
from scoreboard.storage import models, players
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.decide_case import decide_case
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.read_model_health import read_model_health
from scoreboard.usecases.roll_back_model import roll_back_model
from scoreboard.usecases.switch_models import switch_models
from tests.model_play import (
    BEGAN,
    QUICK,
    Process,
    cases,
    default_artefact,
    install,
    loaded,
    new_player,
    opened_platform,
    other_artefact,
    person,
    record,
    script,
    windows_of,
)
from tests.stage import Stores, patient, until

SCHEDULE = [20, 50, 75, 100, 125, 150, 175, 200, 225]


async def test_a_script_is_flagged_and_a_person_is_not(platform: Platform, start: Callable[[], Process]) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.CANARY)
    cheat, honest = await new_player(platform, "cheat"), await new_player(platform, "honest")
    await record(platform, [(cheat, at) for at in script(60)])
    await record(platform, [(honest, at) for at in person(230, seed=4)])
    process = start()
    await process.catch_up()

    first = (await windows_of(platform, cheat, model_id))[0]
    assert first[0] == 20
    assert first[3] in ("flag", "hold", "suspend")
    assert await cases(platform, cheat) == [("model", "flag", "open")], "a canary flags and does no more"
    assert [row[0] for row in await windows_of(platform, honest) if row[0] in SCHEDULE] == SCHEDULE
    assert await cases(platform, honest) == []

    events = await platform.database.transact(
        lambda tx: tx.fetch(
            "SELECT signal, value, reference, verdict, detail::text AS detail FROM suspicion_events"
            " WHERE player_id = $1 ORDER BY id",
            cheat,
        )
    )
    assert events
    assert all(event["reference"] for event in events)
    detail = json.loads(next(event["detail"] for event in events if event["detail"]))
    assert detail["model_id"] == model_id
    assert detail["schema_hash"]
    assert detail["threshold_id"]
    assert len(detail["histogram"]["player"]) == len(detail["histogram"]["humans"])
    assert len(detail["histogram"]["edges"]) == len(detail["histogram"]["player"]) + 1
    assert {"feature", "words", "value", "human_median", "percentile", "contribution"} == set(
        detail["contributions"][0]
    )


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [(ModelStage.CANARY, "flag"), (ModelStage.HOLD, "hold"), (ModelStage.SUSPEND, "suspend")],
)
async def test_what_a_model_does_is_limited_by_its_stage(
    platform: Platform, start: Callable[[], Process], stage: ModelStage, verdict: str
) -> None:
    await install(platform, default_artefact(), stage)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(300, interval=8.0)], kind="quiz", points=10, lasted=2.0)
    await start().catch_up()
    assert await cases(platform, cheat) == [("model", verdict, "open")]
    player = await platform.database.transact(lambda tx: players.find(tx, cheat))
    assert player is not None
    assert (player.status is PlayerStatus.SUSPENDED) == (stage is ModelStage.SUSPEND)
    holding = await platform.database.transact(
        lambda tx: tx.fetch("SELECT holding FROM player_suspicion WHERE player_id = $1", cheat)
    )
    assert bool(holding and holding[0][0]) == (stage is not ModelStage.CANARY)


async def test_whom_a_reviewer_released_is_not_suspended_again_for_the_same(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.SUSPEND)
    cheat = await new_player(platform, "cheat")
    moments = script(600, interval=8.0)
    process = start()
    await record(platform, [(cheat, at) for at in moments[:300]], kind="quiz", points=10, lasted=2.0)
    await process.catch_up()
    assert await cases(platform, cheat) == [("model", "suspend", "open")]
    [row] = await platform.database.transact(
        lambda tx: tx.fetch("SELECT id FROM review_cases WHERE player_id = $1", cheat)
    )
    reviewer = Actor(await new_player(platform, "reviewer"), Role.MODERATOR)
    await decide_case(platform, row[0], ReviewDecision.RELEASE, "a person after all", reviewer)
    await record(platform, [(cheat, at) for at in moments[300:]], kind="quiz", points=10, lasted=2.0)
    await process.catch_up()
    later = [row for row in await windows_of(platform, cheat) if row[0] > 300]
    assert any(row[3] == "suspend" and row[4] for row in later), "the model found and told the same again"
    player = await platform.database.transact(lambda tx: players.find(tx, cheat))
    assert player is not None
    assert player.status is PlayerStatus.ACTIVE
    assert await cases(platform, cheat) == [("model", "suspend", "decided")]


async def test_a_model_in_shadow_only_writes_down_what_it_finds(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.SHADOW)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(300, interval=8.0)], kind="quiz", points=10, lasted=2.0)
    before = await counts(platform)
    await start().catch_up()
    rows = await windows_of(platform, cheat)
    assert rows
    assert any(row[3] == "suspend" for row in rows)
    assert not any(row[4] for row in rows), "nothing was applied"
    assert await counts(platform) == before


async def counts(platform: Platform) -> dict[str, int]:
    """Rows of every table that a verdict could touch."""
    tables = ("review_cases", "suspicion_events", "player_suspicion", "audit_log", "outbox", "ledger", "sessions")
    found = {}
    for table in tables:
        rows = await platform.database.transact(lambda tx, t=table: tx.fetch(f"SELECT count(*) FROM {t}"))
        found[table] = rows[0][0]
    return found


async def test_with_the_switch_off_nothing_is_judged_and_nothing_is_made_up_for(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    early, late = await new_player(platform, "early"), await new_player(platform, "late")
    process = start()
    await record(platform, [(early, at) for at in script(15)])
    await process.catch_up()
    await switch_models(platform, on=False, by="test")
    await record(platform, [(early, at) for at in script(10, began=BEGAN + timedelta(seconds=30))])
    await record(platform, [(late, at) for at in script(60)])
    await process.catch_up()
    assert await windows_of(platform, early) == []
    assert await windows_of(platform, late) == []
    await switch_models(platform, on=True, by="test")
    await record(platform, [(early, at) for at in script(25, began=BEGAN + timedelta(seconds=50))])
    await process.catch_up()
    assert [row[0] for row in await windows_of(platform, early)][-1:] == [50], "what passed by was counted"
    assert await cases(platform, late) == []


async def test_rolling_back_takes_effect_with_the_next_batch(platform: Platform, start: Callable[[], Process]) -> None:
    old = await install(platform, default_artefact(), ModelStage.CANARY)
    new = await install(platform, other_artefact(), ModelStage.CANARY)
    process = start()
    one, two = await new_player(platform, "one"), await new_player(platform, "two")
    await record(platform, [(one, at) for at in script(25)])
    await process.catch_up()
    await until(lambda: loaded(process, 2), what="both models being loaded")
    assert {row[0] for row in await models_of(platform, one)} == {new}
    began = asyncio.get_running_loop().time()
    retired, after = await roll_back_model(platform, by="test")
    await record(platform, [(two, at) for at in script(25)])
    await process.catch_up(within=1.0)
    taken = asyncio.get_running_loop().time() - began
    assert (retired, after.current.id if after.current else None) == (new, old)
    assert {row[0] for row in await models_of(platform, two)} == {old}
    assert taken < 1.0


async def models_of(platform: Platform, player_id: UUID) -> list[tuple[str]]:
    rows = await platform.database.transact(
        lambda tx: tx.fetch("SELECT model_id FROM model_windows WHERE player_id = $1", player_id)
    )
    return [tuple(row) for row in rows]


async def test_a_candidate_in_shadow_is_asked_beside_the_model_in_use(
    platform: Platform, start: Callable[[], Process]
) -> None:
    used = await install(platform, default_artefact(), ModelStage.CANARY)
    beside = await install(platform, other_artefact(), ModelStage.SHADOW)
    process = start()
    await until(lambda: loaded(process, 2), what="both models being loaded")
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    await process.catch_up()
    assert {row[0] for row in await models_of(platform, cheat)} == {used, beside}
    ends = [[row[1] for row in await windows_of(platform, cheat, model)] for model in (used, beside)]
    assert ends[0] == ends[1]
    await process.reporter.report()
    health = await read_model_health(platform)
    assert health.current is not None
    assert health.candidate is not None
    assert (health.current.id, health.candidate.id) == (used, beside)
    assert health.disagreement is not None
    assert health.canaries is not None
    assert health.canaries["equal"] is True
    reported = await platform.database.transact(lambda tx: models.health(tx, beside))
    assert reported is not None, "the gate asks for the candidate's canaries"
    assert reported.report["canaries"]["equal"] is True
    assert health.flag_rate == 1.0
    assert health.position is not None
    assert health.position.behind == 0
    assert len(await cases(platform, cheat)) == 1


async def test_a_tampered_model_is_refused_and_the_one_before_goes_on(
    platform: Platform, start: Callable[[], Process]
) -> None:
    good = await install(platform, default_artefact(), ModelStage.CANARY)
    process = start()
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(25)])
    await process.catch_up()
    bad = await install(platform, other_artefact(), ModelStage.CANDIDATE)
    await platform.database.transact(
        lambda tx: tx.fetch(
            "UPDATE models SET artefact = set_byte(artefact, 5000, 255 - get_byte(artefact, 5000)) WHERE id = $1", bad
        )
    )
    await platform.database.transact(lambda tx: models.set_stage(tx, bad, ModelStage.HOLD))
    other = await new_player(platform, "other")
    await record(platform, [(other, at) for at in script(60)])
    await process.catch_up()
    await until(lambda: refused(process, bad), what="the model being refused")
    assert {row[0] for row in await models_of(platform, other)} == {good}
    assert await cases(platform, other) == [("model", "flag", "open")]


async def refused(process: Process, model_id: str) -> bool:
    await process.worker.round()
    return model_id in process.opened._refused


async def test_without_redis_the_ledger_is_looked_at_and_nobody_is_suspended(stores: Stores) -> None:
    async with opened_platform(stores) as furnished:
        environment = {
            "DATABASE_URL": furnished.settings.database_url.get_secret_value(),
            "REDIS_URL": "redis://127.0.0.1:1/0",
        }
        await install(furnished, default_artefact(), ModelStage.SUSPEND)
        cheat = await new_player(furnished, "cheat")
        await record(furnished, [(cheat, at) for at in script(300, interval=8.0)], kind="quiz", points=10, lasted=2.0)
        platform = open_platform(patient({**stores.keys, **QUICK, **environment}), application="test")
        process = Process(platform)
        await process.catch_up()
        assert await cases(furnished, cheat) == [("model", "hold", "open")], (
            "whether the hour's suspensions are used up is not known"
        )
        player = await furnished.database.transact(lambda tx: players.find(tx, cheat))
        assert player is not None
        assert player.status is PlayerStatus.ACTIVE
        await process.kill()
        await platform.close()
