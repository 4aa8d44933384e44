"""The queue over HTTP: who has a case, in which order cases come, and what is at stake."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.events import Verdict
from scoreboard.domain.review import CaseSource
from scoreboard.storage import review_queue
from scoreboard.storage.database import Transaction
from scoreboard.telemetry import utc_now
from scoreboard.usecases.weigh_stakes import weigh_stakes
from tests.conftest import Api
from tests.integration.reviewing import (
    CASES,
    audited,
    check_case,
    decided,
    moderator,
    raised,
    read,
    send,
    suspect,
    total_of,
    with_held_points,
)
from tests.refusals import check
from tests.stage import Person, register

# --- Claims ---------------------------------------------------------------------------------------------------------


async def test_one_claims_and_the_other_waits_until_it_is_given_back(api: Api) -> None:
    mia, max_ = await moderator(api), await moderator(api)
    _, case = await with_held_points(api)
    claimed = check_case(await send(mia, f"{CASES}/{case}/claim"))
    assert claimed["claim"]["by"]["id"] == mia.id
    check(await send(max_, f"{CASES}/{case}/claim"), "CONFLICT")
    check(await decided(max_, case, "release"), "CONFLICT")
    assert (await read(max_, case))["may"] == {"claim": False, "decide": [], "second_needed": False, "lifts": False}
    mine = (await mia.get(CASES, state="mine")).json()
    assert [item["id"] for item in mine["items"]] == [case]
    assert mine["queue"]["mine"] == 1
    assert (await mia.client.delete(f"{CASES}/{case}/claim", headers=mia.headers)).json()["claim"] is None
    check_case(await send(max_, f"{CASES}/{case}/claim"))
    check_case(await decided(max_, case, "release"))
    assert await audited(api, case) == [
        "review_case.claimed",
        "review_case.returned",
        "review_case.claimed",
        "review_case.decided",
    ]


async def test_nobody_reads_about_themselves(api: Api) -> None:
    mia, max_ = await moderator(api), await moderator(api)
    others = (await mia.get(CASES)).json()["queue"]["open"]
    case = str((await raised(api, suspect(mia.id, Verdict.HOLD, "regular_intervals")))[UUID(mia.id)])
    player = f"/api/v1/moderation/players/{mia.id}"

    async def listed(who: Person, state: str) -> bool:
        return case in [item["id"] for item in (await who.get(CASES, state=state, limit=100)).json()["items"]]

    async def told(who: Person) -> object:
        found = (await who.get("/api/v1/moderation/players", query=mia.username)).json()["items"]
        return found[0]["open_case"]

    assert (await listed(mia, "open"), await listed(max_, "open")) == (False, True)
    assert (await mia.get(CASES)).json()["queue"]["open"] == others
    assert (await max_.get(CASES)).json()["queue"]["open"] == others + 1
    assert (await told(mia), await told(max_)) == (None, case)
    check(await mia.get(player), "FORBIDDEN")
    assert (await max_.get(player)).json()["cases"][0]["id"] == case
    check_case(await decided(max_, case, "reject"))
    assert (await listed(mia, "decided"), await listed(max_, "decided")) == (False, True)


async def test_a_lease_lapses(api: Api) -> None:
    mia, max_ = await moderator(api), await moderator(api)
    _, case = await with_held_points(api)
    check_case(await send(mia, f"{CASES}/{case}/claim"))
    await api.sql(
        "UPDATE review_cases SET claimed_until = clock_timestamp() - interval '1 second' WHERE id = CAST(:id AS uuid)",
        id=case,
    )
    check_case(await send(max_, f"{CASES}/{case}/claim"))


async def test_of_many_who_claim_at_once_one_wins(api: Api) -> None:
    staff = [await moderator(api) for _ in range(6)]
    _, case = await with_held_points(api)
    replies = await asyncio.gather(*(send(one, f"{CASES}/{case}/claim") for one in staff))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 5


async def test_of_many_who_decide_at_once_one_wins_and_points_count_once(api: Api) -> None:
    staff = [await moderator(api) for _ in range(6)]
    ada, case = await with_held_points(api)
    wishes = ["release", "reject", "release", "ban", "release", "reject"]
    replies = await asyncio.gather(*(decided(one, case, wish) for one, wish in zip(staff, wishes, strict=True)))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 5
    [won] = [wish for wish, reply in zip(wishes, replies, strict=True) if reply.status_code == 200]
    assert await total_of(api, ada) == (30 if won == "release" else 10, won != "ban")
    assert await audited(api, case) == ["review_case.decided"]


async def test_points_held_while_the_case_is_decided_are_decided_with_it_or_count(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    begun = [await ada.begin("quiz") for _ in range(10)]
    replies, verdict = await asyncio.gather(
        asyncio.gather(*(ada.complete(one) for one in begun)), decided(mia, case, "release")
    )
    check_case(verdict)
    assert {reply.status_code for reply in replies} <= {200, 202}
    assert await total_of(api, ada) == (130, True)
    left = await api.sql(
        "SELECT count(*) FROM actions WHERE player_id = CAST(:id AS uuid) AND status = 'held'", id=ada.id
    )
    assert left[0][0] == 0


# --- The queue ------------------------------------------------------------------------------------------------------


async def test_the_queue_comes_by_urgency_page_by_page(api: Api) -> None:
    mia = await moderator(api)
    sources = (CaseSource.RULES, CaseSource.MODERATOR, CaseSource.MODEL, CaseSource.REPORT)
    for source in sources:
        await raised(api, suspect((await register(api.client)).id, Verdict.FLAG, "frequency", source=source))
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await mia.get(CASES, limit=2, **cursor)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == page["queue"]["open"] == len({item["id"] for item in found})
    order = [(-item["priority"], item["opened_at"], item["id"]) for item in found]
    assert order == sorted(order)
    check(await mia.get(CASES, cursor="1-2-3"), "VALIDATION_ERROR")
    check(await mia.get(CASES, state="lost"), "VALIDATION_ERROR")


async def test_decided_cases_come_newest_first(api: Api) -> None:
    mia = await moderator(api)
    wanted = []
    for _ in range(3):
        ada = (await register(api.client)).id
        case = str((await raised(api, suspect(ada, Verdict.FLAG, "frequency")))[UUID(ada)])
        check_case(await decided(mia, case, "dismiss"))
        wanted.insert(0, case)
    first = (await mia.get(CASES, state="decided", limit=2)).json()
    second = (await mia.get(CASES, state="decided", limit=1, cursor=first["next_cursor"])).json()
    assert [item["id"] for item in first["items"] + second["items"]] == wanted


async def test_who_would_lead_is_more_urgent(api: Api) -> None:
    mia, rival = await moderator(api), await register(api.client)
    await rival.score("match", points=50)
    ada, case = await with_held_points(api, times=0)
    begun = await ada.begin("match")
    before = (await read(mia, case))["priority"]
    assert (await ada.complete(begun, points=100)).status_code == 202
    await weigh_stakes(api.platform)
    after = await read(mia, case)
    assert after["priority"] > before
    assert "leads Dense ranks" in after["stakes"]
    await rival.score("match", points=60)
    await weigh_stakes(api.platform)
    assert "near the top of Dense ranks" in (await read(mia, case))["stakes"]
    await rival.score("match", points=-60)
    await weigh_stakes(api.platform)
    assert (await mia.get(CASES, limit=1)).json()["items"][0]["id"] == case


@pytest.mark.parametrize(
    ("statement", "index"),
    [(review_queue.OPENED_SINCE, "review_cases_opened"), (review_queue.SUSPENSIONS_SINCE, "audit_log_at")],
)
async def test_the_figures_of_a_time_have_an_index(api: Api, statement: str, index: str) -> None:
    """With few rows Postgres reads them all; the question is whether it has to."""

    async def plan(tx: Transaction) -> str:
        await tx.fetch("SET LOCAL enable_seqscan = off")
        return "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN {statement}", utc_now()))

    assert index in await api.platform.database.transact(plan)
