"""A completion and a sanction at the same moment: the one that comes second sees what the first did."""

import asyncio
from uuid import UUID

import pytest

from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import ReviewDecision
from scoreboard.domain.review_decision import Reviewer, decide
from scoreboard.storage import players, suspicion
from scoreboard.storage.database import Transaction
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.change_status import change_status, record_status, set_status, spread_status
from scoreboard.usecases.conclude_case import conclude, lock_case, record_conclusion, spread_conclusion
from tests.conftest import Api
from tests.integration.reviewing import moderator, total_of, with_held_points
from tests.refusals import check
from tests.stage import Person, register, until

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def waiting_transactions(tx: Transaction) -> int:
    """How many transactions of this database wait for a lock now."""
    await tx.fetch("SELECT pg_stat_clear_snapshot()")
    waiting: int = (await tx.fetch(_WAITING))[0][0]
    return waiting


async def somebody_waits(tx: Transaction) -> None:
    """Go on as soon as another transaction waits for a lock of this one."""

    async def waits() -> bool:
        return await waiting_transactions(tx) > 0

    await until(waits, within=20, what="a transaction that waits")


async def shown(api: Api, player: Person) -> bool:
    entries = (await api.client.get("/api/v1/boards/main/entries", params={"limit": 500})).json()["entries"]
    return player.username in [entry["username"] for entry in entries]


async def counted(api: Api, player: Person) -> list[str]:
    rows = await api.sql("SELECT entry_type FROM ledger WHERE player_id = CAST(:id AS uuid) ORDER BY seq", id=player.id)
    return [row[0] for row in rows]


async def test_a_ban_by_a_case_is_not_overtaken_by_the_completion_that_waited_for_it(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api, times=1)
    begun = await ada.begin("quiz")
    boards = await api.platform.catalog.boards()
    waiting: list[asyncio.Task[object]] = []

    async def work(tx: Transaction) -> object:
        locked = await lock_case(tx, UUID(case))
        waiting.append(asyncio.create_task(ada.complete(begun)))
        await somebody_waits(tx)
        step = decide(
            locked.case, locked.accused, ReviewDecision.BAN, "seen", Reviewer(UUID(mia.id), Role.MODERATOR), locked.now
        )
        concluded = await conclude(tx, api.platform, boards, locked, step)
        await record_conclusion(tx, concluded, Actor(UUID(mia.id), Role.MODERATOR))
        return concluded

    await spread_conclusion(api.platform, await api.platform.database.transact(work))  # type: ignore[arg-type]
    check(await waiting[0], "ACCOUNT_BANNED")  # type: ignore[arg-type]
    assert await counted(api, ada) == ["applied", "held", "rejected"]
    assert await total_of(api, ada) == (10, False)
    assert not await shown(api, ada)


@pytest.mark.parametrize("status", [PlayerStatus.BANNED, PlayerStatus.HIDDEN])
async def test_a_sanction_sees_the_first_total_of_a_batch_under_way(api: Api, status: PlayerStatus) -> None:
    """The batch holds the suspicion; what it inserts is hidden with the rest."""
    ada = await register(api.client)
    sanctions: list[asyncio.Task[object]] = []

    async def work(tx: Transaction) -> None:
        await suspicion.lock(tx, [UUID(ada.id)])
        sanctions.append(asyncio.create_task(change_status(api.platform, UUID(ada.id), status, by="test")))
        await somebody_waits(tx)
        await tx.fetch(
            "INSERT INTO scores (season_id, player_id, score, reached_at, version, last_action_id, visible)"
            " SELECT id, $1, 10, now(), 1, gen_random_uuid(), true FROM seasons WHERE board_key = 'main'",
            UUID(ada.id),
        )

    await api.platform.database.transact(work)
    await sanctions[0]
    assert await total_of(api, ada) == (10, False)


async def test_the_first_completion_of_all_waits_for_a_ban(api: Api) -> None:
    ada = await register(api.client)
    begun = await ada.begin("quiz")
    waiting: list[asyncio.Task[object]] = []

    async def work(tx: Transaction) -> object:
        player = await players.lock(tx, UUID(ada.id))
        assert player is not None
        change = await set_status(api.platform, tx, player, PlayerStatus.BANNED, None)
        waiting.append(asyncio.create_task(ada.complete(begun)))
        await somebody_waits(tx)
        await record_status(tx, change, by="test")
        return change

    await spread_status(api.platform, await api.platform.database.transact(work))  # type: ignore[arg-type]
    check(await waiting[0], "ACCOUNT_BANNED")  # type: ignore[arg-type]
    assert await counted(api, ada) == []
