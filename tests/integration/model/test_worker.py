"""Every window is scored once, whatever is lost: processes, memory, the race with another one, old rows."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate
from random import Random

import pytest

from scoreboard.domain.model import ModelStage
from scoreboard.storage import model_windows, models, positions
from scoreboard.storage.database import StoreUnavailable
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_model_health import CONSUMER
from scoreboard_anticheat_ml.buffers import Buffers
from tests.model_play import (
    BEGAN,
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
from tests.stage import Stores, until


async def test_kill_9_anywhere_neither_loses_nor_repeats_a_window(stores: Stores) -> None:
    """The same play, once in one go and once with a new process every few entries: the same windows to the digit."""
    seen = []
    for batch, restarts in (("2000", False), ("97", True)):
        async with opened_platform(stores, SCOREBOARD_MODEL_BATCH=batch) as platform:
            await install(platform, default_artefact(), ModelStage.CANARY)
            crowd = [await new_player(platform, f"player-{number}") for number in range(4)]
            play = sorted(
                [(at, 0) for at in script(260, interval=3.1)]
                + [(at, 1) for at in person(260, seed=1)]
                + [(at, 2) for at in person(140, seed=2)]
                + [(at, 3) for at in script(90, interval=7.7)]
            )
            await record(platform, [(crowd[who], at) for at, who in play])
            if restarts:
                while True:
                    process = Process(platform)
                    await until(lambda p=process: one_round(p), what="a model being loaded")
                    position = await platform.database.transact(lambda tx: positions.read(tx, CONSUMER))
                    await process.kill()
                    if position == len(play):
                        break
            else:
                process = Process(platform)
                await process.catch_up()
                await process.kill()
            rows = [[tuple(row[:4]) for row in await windows_of(platform, player_id)] for player_id in crowd]
            seen.append(rows)
    assert seen[0] == seen[1]
    for rows, total in zip(seen[0], (260, 260, 140, 90), strict=True):
        ends = [row[0] for row in rows]
        assert len(set(ends)) == len(ends)
        assert set(ends) >= {end for end in (20, *range(50, total + 1, 25)) if end <= total}


async def one_round(process: Process) -> bool:
    """One batch, and a process that is gone after it."""
    step = process.worker._step
    done = await step()
    return bool(done)


async def test_a_memory_that_is_too_small_for_everybody_changes_no_verdict(stores: Stores) -> None:
    """Twelve players take turns in ten places: each is read in again and again."""
    seen = []
    for places in (10, 2000):
        async with opened_platform(stores, SCOREBOARD_MODEL_BATCH="10") as platform:
            await install(platform, default_artefact(), ModelStage.CANARY)
            crowd = [await new_player(platform, f"player-{number}") for number in range(12)]
            moments = [script(60, interval=4.0 + n) if n % 4 == 0 else person(60, seed=n) for n in range(12)]
            play = [(who, moments[number][turn]) for turn in range(60) for number, who in enumerate(crowd)]
            await record(platform, play)
            process = Process(platform)
            process.worker._buffers = Buffers(places)
            await process.catch_up()
            await process.kill()
            seen.append([[tuple(row) for row in await windows_of(platform, player_id)] for player_id in crowd])
    assert seen[0] == seen[1]
    assert all({20, 50} <= {row[0] for row in rows} for rows in seen[0])


async def test_a_failure_before_the_commit_leaves_nothing_behind(
    platform: Platform, start: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    process = start()

    async def fails(*_: object) -> None:
        raise OSError("the process dies here")

    with monkeypatch.context() as patched:
        patched.setattr(model_windows, "add", fails)
        with pytest.raises(StoreUnavailable):
            await process.catch_up()
    assert await cases(platform, cheat) == []
    assert await platform.database.transact(lambda tx: positions.read(tx, CONSUMER)) == 0
    await process.catch_up()
    assert [row[0] for row in await windows_of(platform, cheat)][:1] == [20]
    assert len(await cases(platform, cheat)) == 1


async def test_of_two_processes_one_deals_with_a_batch(platform: Platform, start: Callable[[], Process]) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    one, two = start(), start()
    await until(lambda: loaded(one, 1), what="the model being loaded")
    await until(lambda: loaded(two, 1), what="the model being loaded")
    crowd = [await new_player(platform, f"player-{number}") for number in range(3)]
    await record(platform, [(who, at) for who in crowd for at in script(60)])
    assert sorted(await asyncio.gather(one.worker._step(), two.worker._step())) == [False, True]
    for part in range(1, 4):
        began = BEGAN + timedelta(hours=part)
        await record(platform, [(who, at) for who in crowd for at in script(25, began=began)])
        await asyncio.gather(one.worker.round(), two.worker.round())
    await asyncio.gather(one.catch_up(), two.worker.round())
    for who in crowd:
        windows = await windows_of(platform, who)
        assert len({row[1] for row in windows}) == len(windows)
        assert {row[0] for row in windows} >= {20, 50, 75, 100, 125}
        told = await platform.database.transact(
            lambda tx, who=who: tx.fetch("SELECT count(*) FROM suspicion_events WHERE player_id = $1", who)
        )
        assert told[0][0] == sum(len(row[5]) for row in windows if row[4]), "reviewers were told once"


async def test_when_the_faster_process_is_gone_the_other_one_takes_over(
    platform: Platform, start: Callable[[], Process]
) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.CANARY)
    one, two = start(), start()
    await until(lambda: loaded(one, 1), what="the model being loaded")
    await until(lambda: loaded(two, 1), what="the model being loaded")
    player = await new_player(platform, "player")
    await record(platform, [(player, at) for at in script(30)])
    done = await asyncio.gather(one.worker._step(), two.worker._step())
    slower, faster = (one, two) if done[1] else (two, one)
    await slower.reporter.report()
    assert await platform.database.transact(lambda tx: models.health(tx, model_id)) is None, "it measures nothing"
    await faster.reporter.report()
    assert await platform.database.transact(lambda tx: models.health(tx, model_id)) is not None
    await record(platform, [(player, at) for at in script(30, began=BEGAN + timedelta(hours=1))])
    await slower.catch_up()
    assert {20, 50} <= {row[0] for row in await windows_of(platform, player)}


async def test_the_backlog_of_a_dead_worker_is_drained(platform: Platform, start: Callable[[], Process]) -> None:
    """Ten minutes of play while nobody looked; the players in memory were there before."""
    await install(platform, default_artefact(), ModelStage.CANARY)
    crowd = [await new_player(platform, f"player-{number}") for number in range(30)]
    first = start()
    await record(platform, [(who, at) for number, who in enumerate(crowd) for at in person(30, seed=number)])
    await first.catch_up()
    await first.kill()
    later = BEGAN + timedelta(hours=2)
    play = sorted((at, who) for number, who in enumerate(crowd) for at in person(200, seed=100 + number, began=later))
    await record(platform, [(who, at) for at, who in play])
    await start().catch_up()
    for who in crowd:
        ends = [row[0] for row in await windows_of(platform, who)]
        assert len(ends) == len(set(ends))
        assert set(ends) >= {20, 50, *range(75, 231, 25)}


async def test_old_windows_that_led_to_nothing_are_forgotten_and_the_count_goes_on(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    cheat, honest = await new_player(platform, "cheat"), await new_player(platform, "honest")
    await record(platform, [(cheat, at) for at in script(60)] + [(honest, at) for at in person(60, seed=4)])
    process = start()
    await process.catch_up()
    await process.reporter.forget()
    assert [row[0] for row in await windows_of(platform, honest)][-1] == 50, "nothing is old yet"
    await platform.database.transact(lambda tx: tx.fetch("UPDATE model_windows SET at = at - interval '91 days'"))
    await process.reporter.forget()
    assert await windows_of(platform, honest) == []
    assert all(row[4] for row in await windows_of(platform, cheat))
    await process.kill()
    await record(platform, [(honest, at) for at in person(20, seed=5, began=BEGAN + timedelta(days=1))])
    await start().catch_up()
    assert [row[0] for row in await windows_of(platform, honest)][:1] == [75]


async def test_while_the_model_that_should_be_asked_is_loaded_the_one_before_does_not_judge(
    platform: Platform, start: Callable[[], Process]
) -> None:
    await install(platform, default_artefact(), ModelStage.CANARY)
    process = start()
    await until(lambda: loaded(process, 1), what="the model being loaded")
    new = await install(platform, other_artefact(), ModelStage.CANARY)
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    assert await process.worker._step() is False
    assert await windows_of(platform, cheat) == []
    await process.catch_up()
    windows = await windows_of(platform, cheat)
    assert {20, 50} <= {row[0] for row in windows}
    assert len(windows) == len(await windows_of(platform, cheat, new)), "all of them are the new one's"


async def test_with_every_model_taken_back_the_position_moves_on(
    platform: Platform, start: Callable[[], Process]
) -> None:
    model_id = await install(platform, default_artefact(), ModelStage.SHADOW)
    await platform.database.transact(lambda tx: models.set_stage(tx, model_id, ModelStage.RETIRED))
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    await start().catch_up()
    assert await windows_of(platform, cheat) == []


async def test_before_the_first_model_is_registered_nothing_is_passed_over(
    platform: Platform, start: Callable[[], Process]
) -> None:
    cheat = await new_player(platform, "cheat")
    await record(platform, [(cheat, at) for at in script(60)])
    process = start()
    assert await process.worker._step() is False
    assert await platform.database.transact(lambda tx: positions.read(tx, CONSUMER)) == 0
    await install(platform, default_artefact(), ModelStage.SHADOW)
    await process.catch_up()
    assert {20, 50} <= {row[0] for row in await windows_of(platform, cheat)}


async def test_a_process_that_starts_late_knows_who_acted_together_before(stores: Stores) -> None:
    """The ledger's play is months old: what was remembered is counted back from the position, not from now."""
    async with opened_platform(stores, SCOREBOARD_MODEL_FIRST_LOOK="21") as platform:
        await install(platform, default_artefact(), ModelStage.CANARY)
        ring = [await new_player(platform, f"player-{number}") for number in range(3)]
        rng = Random(7)
        moments = list(accumulate(rng.uniform(1, 9) for _ in range(50)))
        play = [(who, BEGAN + timedelta(seconds=at + rng.uniform(0, 0.2))) for at in moments for who in ring]
        await record(platform, play)
        process = Process(platform)
        await process.catch_up()
        await process.kill()
        for who in ring:
            [window] = await windows_of(platform, who)
            assert window[0] == 50
            assert "synchrony" in window[5], "seven common moments since the start are too few by themselves"


async def test_who_never_sleeps_is_known_after_a_restart_however_much_was_played(stores: Stores) -> None:
    """Fifty hours at one completion in forty seconds, more than one statement reads; the other one rested."""
    async with opened_platform(stores, SCOREBOARD_MODEL_FIRST_LOOK="40") as platform:
        await install(platform, default_artefact(), ModelStage.CANARY)
        awake, rested = await new_player(platform, "awake"), await new_player(platform, "rested")
        rng = Random(3)
        moments = list(accumulate(rng.uniform(20, 60) for _ in range(4500)))
        await record(platform, [(awake, BEGAN + timedelta(seconds=at)) for at in moments[:-20]])
        pause = timedelta(hours=5)
        late = [(rested, BEGAN - pause + timedelta(seconds=at)) for at in moments[:1000]]
        late += [(rested, BEGAN + timedelta(seconds=at)) for at in moments[1000:-20]]
        await record(platform, late)
        await record(
            platform, [(who, BEGAN + timedelta(seconds=at)) for at in moments[-20:] for who in (awake, rested)]
        )
        process = Process(platform)
        await process.catch_up()
        await process.kill()
        found = {who: (await windows_of(platform, who))[-1] for who in (awake, rested)}
        assert {window[0] for window in found.values()} == {4500}
        assert "sleepless" in found[awake][5]
        assert "sleepless" not in found[rested][5]
