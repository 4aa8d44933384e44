"""Who may decide a case, what time decides, and what repetitions and outages do."""

import asyncio
import secrets
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import Role
from scoreboard.domain.review import ReviewDecision
from scoreboard.telemetry import utc_now
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.decide_case import decide_case
from scoreboard.usecases.release_overdue import release_overdue
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.conftest import Api, beside
from tests.integration.reviewing import (
    CASES,
    audited,
    check_case,
    decided,
    is_holding,
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

# --- Who may --------------------------------------------------------------------------------------------------------


async def test_protected_players_need_two_people_who_want_the_same(api: Api) -> None:
    mia, max_, root = await moderator(api), await moderator(api), await moderator(api, Role.ADMIN)
    ada, case = await with_held_points(api)
    path = f"/api/v1/moderation/players/{ada.id}/protect"
    check(await send(mia, path, {"protected": True}), "FORBIDDEN")
    assert (await send(root, path, {"protected": True})).json()["protected"] is True
    assert (await read(mia, case))["may"]["second_needed"] is True
    proposed = check_case(await decided(mia, case, "ban"))
    assert (proposed["status"], proposed["proposal"]["decision"]) == ("open", "ban")
    assert await total_of(api, ada) == (10, True)
    check(await decided(mia, case, "ban"), "CONFLICT")  # the same person is no second one
    other = check_case(await decided(max_, case, "release"))  # who wants something else proposes that
    assert (other["status"], other["proposal"]["by"]["id"]) == ("open", max_.id)
    assert (await read(mia, case))["may"]["second_needed"] is False
    final = check_case(await decided(mia, case, "release"))
    assert (final["status"], final["decision"]["by"]["id"]) == ("decided", mia.id)
    assert await total_of(api, ada) == (30, True)
    assert await audited(api, case) == ["review_case.proposed", "review_case.proposed", "review_case.decided"]


async def test_nobody_reads_or_decides_the_case_about_themselves(api: Api) -> None:
    mia = await moderator(api)
    case = (await raised(api, suspect(mia.id, Verdict.FLAG, "frequency")))[UUID(mia.id)]
    check(await mia.get(f"{CASES}/{case}"), "FORBIDDEN")
    check(await send(mia, f"{CASES}/{case}/claim"), "FORBIDDEN")
    check(await decided(mia, str(case), "dismiss"), "FORBIDDEN")


async def test_only_an_administrator_bans_staff(api: Api) -> None:
    mia, max_, root = await moderator(api), await moderator(api), await moderator(api, Role.ADMIN)
    case = (await raised(api, suspect(max_.id, Verdict.FLAG, "frequency")))[UUID(max_.id)]
    check(await decided(mia, str(case), "ban"), "FORBIDDEN")
    check_case(await decided(root, str(case), "ban"))


# --- Deadlines ------------------------------------------------------------------------------------------------------


async def test_what_nobody_decided_in_time_counts_unless_policy_keeps_it(api: Api) -> None:
    ada, case = await with_held_points(api)
    eve = await register(api.client)
    await raised(api, suspect(eve.id, Verdict.HOLD, "regular_intervals", keep=True))
    assert (await eve.complete(await eve.begin("quiz"))).status_code == 202
    zoe = (await register(api.client)).id
    await raised(api, suspect(zoe, Verdict.FLAG, "frequency"))
    due = (await api.sql("SELECT due_at FROM review_cases WHERE id = CAST(:id AS uuid)", id=case))[0][0]
    await release_overdue(api.platform, now=due - timedelta(seconds=1))
    assert await total_of(api, ada) == (10, True)
    await release_overdue(api.platform, now=due + timedelta(minutes=5))
    assert await total_of(api, ada) == (30, True)
    rows = await api.sql(
        "SELECT status, decision, decided_by FROM review_cases WHERE player_id = ANY(CAST(:ids AS uuid[]))"
        " ORDER BY opened_at",
        ids=[ada.id, eve.id, zoe],
    )
    assert [tuple(row) for row in rows] == [("decided", "release", None), ("open", None, None), ("open", None, None)]
    assert await total_of(api, eve) is None
    assert await is_holding(api, eve.id)
    # Time that ran out says nothing about the signals: they bring the player up again.
    assert await raised(api, suspect(ada.id, Verdict.FLAG, "regular_intervals")) != {}


async def test_two_workers_release_an_overdue_case_once(api: Api) -> None:
    ada, case = await with_held_points(api)
    later = utc_now() + timedelta(days=2)
    counts = await asyncio.gather(*(release_overdue(api.platform, now=later) for _ in range(4)))
    assert sum(counts) >= 1
    assert await total_of(api, ada) == (30, True)
    assert await audited(api, case) == ["review_case.decided"]


# --- Repetitions and outages ----------------------------------------------------------------------------------------


async def test_a_repeated_decision_gets_the_same_answer(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    key, path = secrets.token_hex(8), f"{CASES}/{case}/decide"
    wish = {"decision": "release", "note": "again"}
    first = await send(mia, path, wish, key)
    second = await send(mia, path, wish, key)
    assert first.json() == second.json()
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    check(await send(mia, path, {**wish, "decision": "ban"}, key), "IDEMPOTENCY_KEY_REUSED")
    check(await mia.post(path, wish), "IDEMPOTENCY_KEY_MISSING")
    assert await total_of(api, ada) == (30, True)


async def test_unknown_cases_and_players(api: Api) -> None:
    mia = await moderator(api)
    nobody = "00000000-0000-7000-8000-000000000000"
    for case in (nobody, "x"):
        check(await mia.get(f"{CASES}/{case}"), "NOT_FOUND")
        check(await send(mia, f"{CASES}/{case}/claim"), "NOT_FOUND")
        check(await decided(mia, case, "release"), "NOT_FOUND")
        check(await mia.get(f"/api/v1/moderation/players/{case}"), "NOT_FOUND")


def failed_requests() -> float | None:
    """What the API's promise to answer counts as broken."""
    return REGISTRY.get_sample_value("scoreboard_requests_failed_total", {"status": "503"})


async def test_moderation_is_closed_without_redis_and_play_goes_on(api: Api) -> None:
    mia, root = await moderator(api), await moderator(api, Role.ADMIN)
    ada, case = await with_held_points(api)
    failures = failed_requests()
    async with beside(api, REDIS_URL="redis://127.0.0.1:1") as away:
        calls = (
            away.client.get(CASES, headers=mia.headers),
            away.client.get(f"{CASES}/{case}", headers=mia.headers),
            away.client.get("/api/v1/moderation/players", params={"query": "a"}, headers=mia.headers),
            away.client.get("/api/v1/moderation/anticheat", headers=mia.headers),
            send(Person(away.client, mia.id, mia.username, mia.session), f"{CASES}/{case}/claim"),
            decided(Person(away.client, mia.id, mia.username, mia.session), case, "release"),
            send(
                Person(away.client, root.id, root.username, root.session),
                f"/api/v1/moderation/players/{ada.id}/protect",
                {"protected": True},
            ),
        )
        for call in calls:
            check(await call, "DEPENDENCY_UNAVAILABLE")
        assert failed_requests() == failures, "the alert about Redis tells it, not a second one about the API"
        elsewhere = Person(away.client, ada.id, ada.username, ada.session)
        check(await elsewhere.get(CASES), "FORBIDDEN")
        assert (await elsewhere.complete(await elsewhere.begin("quiz"))).status_code == 202
    assert await total_of(api, ada) == (10, True)


async def test_a_crash_after_the_decision_is_healed_by_the_sweep(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scoreboard.usecases.decide_case.spread_conclusion", dies)
        with pytest.raises(KeyboardInterrupt):
            await decide_case(api.platform, UUID(case), ReviewDecision.RELEASE, "", Actor(UUID(mia.id), Role.MODERATOR))
    assert await total_of(api, ada) == (30, True)
    await sweep_outbox(api.platform, older_than=0)
    mine = (await ada.get("/api/v1/boards/main/me")).json()
    assert mine["score"] == 30
