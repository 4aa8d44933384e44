"""What reviewers are told of the model's findings, and whom the model leaves alone."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

from scoreboard.domain.events import Verdict
from scoreboard.domain.model import ModelStage
from scoreboard.domain.player import Role
from scoreboard.domain.policy import AntiCheatPolicy
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_case import read_case
from scoreboard.usecases.read_model_health import read_model_health
from scoreboard_anticheat_ml.memory import Memory
from tests.model_play import (
    BEGAN,
    Process,
    cases,
    default_artefact,
    install,
    new_player,
    opened_platform,
    person,
    record,
    script,
    windows_of,
)
from tests.stage import Stores


async def test_reviewers_are_not_told_the_same_again_and_again(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(150, interval=1.0)])
    await start().catch_up()
    applied = [row for row in await windows_of(platform, cheat) if row[4]]
    windows = await windows_of(platform, cheat)
    assert len(windows) > 8, "who is watched is scored every ten"
    assert 1 <= len(applied) <= 3
    assert Verdict.FLAG in {case[1] for case in await cases(platform, cheat)}


async def test_a_restart_forgets_none_of_what_reviewers_were_told(
    platform: Platform, start: Callable[[], Process]
) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.CANARY)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    process = start()
    await process.catch_up()
    turns = (
        "UPDATE model_windows SET applied = true, detectors = ARRAY[CASE WHEN events % 20 = 0 THEN 'a' ELSE 'b' END]"
    )
    await platform.database.transact(lambda tx: tx.fetch(turns))
    memory = Memory(platform.settings.model_repeat)
    await platform.database.transact(lambda tx: memory.read(tx, model_id, [cheat], 60))
    told = memory.of(model_id, cheat).told
    assert told is not None
    assert told.detectors == {"a", "b"}


async def test_a_policy_limits_the_model_for_its_kinds_only(platform: Platform, start: Callable[[], Process]) -> None:
    await configure(
        platform,
        (),
        (),
        policies=(AntiCheatPolicy("gentle", kinds=("quiz",), model=Verdict.FLAG),),
        managed_by="test",
    )
    platform.catalog.invalidate()
    await install(platform, default_artefact(), ModelStage.SUSPEND)
    spared, other = await new_player(platform, "spared"), await new_player(platform, "other")
    await record(platform, [(spared, at) for at in script(300, interval=8.0)], kind="quiz", points=10, lasted=2.0)
    await record(platform, [(other, at) for at in script(300, interval=8.0)], kind="secret", lasted=2.0)
    await start().catch_up()
    assert await cases(platform, spared) == [("model", "flag", "open")]
    assert await cases(platform, other) == [("model", "suspend", "open")]


async def test_what_a_trusted_server_sends_tells_nothing_about_the_player(
    platform: Platform, start: Callable[[], Process]
) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.CANARY)
    hosted, mixed = await new_player(platform, "hosted"), await new_player(platform, "mixed")
    await record(platform, [(who, at) for who in (hosted, mixed) for at in script(100)], timed=False)
    process = start()
    await process.catch_up()
    await record(platform, [(mixed, at) for at in person(60, seed=4, began=BEGAN + timedelta(hours=1))])
    await process.catch_up()
    await process.kill()
    again = start()  # reads the past of whom it does not know
    await record(platform, [(mixed, at) for at in person(20, seed=5, began=BEGAN + timedelta(hours=2))])
    await again.catch_up()
    assert await windows_of(platform, hosted) == []
    assert [row[0] for row in await windows_of(platform, mixed, model_id)] == [20, 50, 75]
    assert await cases(platform, mixed) == []


async def test_a_process_that_is_told_to_ask_no_model_asks_none(stores: Stores) -> None:
    async with opened_platform(stores, SCOREBOARD_MODEL_ENABLED="false") as platform:
        await install(platform, default_artefact(), ModelStage.CANARY)
        cheat = await new_player(platform, "cheat")
        await record(platform, [(cheat, at) for at in script(60)])
        process = Process(platform)
        await process.catch_up()
        await process.kill()
        assert await windows_of(platform, cheat) == []
        assert (await read_model_health(platform)).on is False


async def test_reviewers_read_who_acts_together(platform: Platform, start: Callable[[], Process]) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    names = ["anna", "bert", "cleo"]
    ring = {await new_player(platform, name): name for name in names}
    stranger = await new_player(platform, "dora")
    moments, rng = person(150, seed=9), Random(9)
    play = [(who, at + timedelta(seconds=rng.uniform(0, 0.2))) for who in ring for at in moments]
    play += [(stranger, at) for at in person(150, seed=10)]
    await record(platform, sorted(play, key=lambda each: each[1]))
    await start().catch_up()
    for who, name in ring.items():
        [case_id] = await platform.database.transact(
            lambda tx, who=who: tx.fetch("SELECT id FROM review_cases WHERE player_id = $1", who)
        )
        detail = await read_case(platform, case_id[0], Actor(new_id(), Role.MODERATOR))
        assert detail.evidence.model is not None
        told = {each["username"]: each["moments"] for each in detail.evidence.model["together"]}
        assert set(told) == set(names) - {name}
        assert min(told.values()) >= 10
    assert await cases(platform, stranger) == []
