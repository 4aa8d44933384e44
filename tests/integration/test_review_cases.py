"""Cases over HTTP: the queue, who has one, how it ends, and that points, accounts and the audit log follow."""

import asyncio
import secrets
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.review import ReviewDecision
from scoreboard.telemetry import utc_now
from scoreboard.usecases.actor import Actor
from scoreboard.usecases.change_status import change_status
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
from tests.stage import PASSWORD, Person, register


async def test_release_gives_held_points_back_with_their_original_time(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    assert await total_of(api, ada) == (10, True)
    seen = await read(mia, case)
    assert seen["held"] == {"actions": 2, "points": 20}
    assert seen["player"] == {"id": ada.id, "username": ada.username, "status": "active", "protected": False}
    assert seen["signals"] == [{"signal": "regular_intervals", "words": "The pauses between actions hardly differ"}]
    assert {(event["signal"], event["value"], event["unit"]) for event in seen["evidence"]["events"]} == {
        ("regular_intervals", 0.01, "of their mean")
    }
    choices = ["release", "reject", "ban"]
    assert seen["may"] == {"claim": True, "decide": choices, "second_needed": False, "lifts": False}
    assert [item["status"] for item in seen["evidence"]["timeline"]] == ["completed", "held", "held"]
    assert [item["points"] for item in seen["evidence"]["held"]] == [10, 10]
    [place] = [place for place in seen["evidence"]["standings"] if place["board"] == "main"]
    assert (place["score"], place["provisional_score"]) == (10, 30)
    assert place["provisional_rank"] <= place["rank"]
    body = check_case(await decided(mia, case, "release"))
    assert body["decision"]["decision"] == "release"
    assert body["decision"]["by"]["id"] == mia.id
    assert body["held"] == {"actions": 2, "points": 20}
    assert await total_of(api, ada) == (30, True)
    moments = await api.sql(
        "SELECT s.reached_at = max(a.completed_at) FROM scores s JOIN seasons e ON e.id = s.season_id"
        " AND e.board_key = 'main' JOIN actions a ON a.player_id = s.player_id"
        " WHERE s.player_id = CAST(:id AS uuid) GROUP BY s.reached_at",
        id=ada.id,
    )
    assert [row[0] for row in moments] == [True]
    assert not await is_holding(api, ada.id)
    assert (await ada.score("quiz"))["score"]["current"] == 40
    assert await audited(api, case) == ["review_case.decided"]
    after = await read(mia, case)
    assert after["evidence"]["frozen_at"] is not None
    assert [item["status"] for item in after["evidence"]["timeline"]] == ["completed", "held", "held"]
    assert after["may"] == {"claim": False, "decide": [], "second_needed": False, "lifts": False}


async def test_reject_voids_and_the_board_stays(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    check_case(await decided(mia, case, "reject"))
    assert await total_of(api, ada) == (10, True)
    statuses = await api.sql(
        "SELECT status FROM actions WHERE player_id = CAST(:id AS uuid) ORDER BY completed_at", id=ada.id
    )
    assert [row[0] for row in statuses] == ["completed", "rejected", "rejected"]
    assert not await is_holding(api, ada.id)


async def test_a_ban_rejects_closes_the_account_and_hides_the_player(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    check_case(await decided(mia, case, "ban"))
    check(await ada.get("/api/v1/players/me"), "ACCOUNT_BANNED")
    assert await total_of(api, ada) == (10, False)
    top = (await api.client.get("/api/v1/boards/main/entries", params={"limit": 500})).json()
    assert ada.username not in [entry["username"] for entry in top["entries"]]
    assert await audited(api, ada.id) == ["player.registered", "player.status_changed"]
    assert await audited(api, case) == ["review_case.decided"]


@pytest.mark.parametrize(
    ("verdict", "by", "after"),
    [(Verdict.HOLD, "moderator", "suspended"), (Verdict.SUSPEND, "anti-cheat: frequency", "active")],
)
async def test_a_release_lifts_the_suspension_of_its_case_and_no_other(
    api: Api, verdict: Verdict, by: str, after: str
) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    await raised(api, suspect(ada.id, verdict, "frequency"))
    await change_status(api.platform, UUID(ada.id), PlayerStatus.SUSPENDED, by=by)
    assert (await read(mia, case))["may"]["lifts"] == (after == "active")
    check_case(await decided(mia, case, "release"))
    [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
    assert row[0] == after
    assert await total_of(api, ada) == (30, after == "active")


async def test_a_flag_is_dismissed_and_the_same_signals_do_not_come_back(api: Api) -> None:
    mia = await moderator(api)
    ada = (await register(api.client)).id
    case = (await raised(api, suspect(ada, Verdict.FLAG, "frequency")))[UUID(ada)]
    seen = await read(mia, str(case))
    assert seen["may"]["decide"] == ["dismiss", "reject", "ban"]
    check(await decided(mia, str(case), "release"), "CONFLICT")
    check_case(await decided(mia, str(case), "dismiss"))
    assert await raised(api, suspect(ada, Verdict.FLAG, "frequency")) == {}
    after = utc_now() + timedelta(days=api.platform.settings.review_cleared_days, hours=1)
    assert await raised(api, suspect(ada, Verdict.FLAG, "frequency"), now=after) != {}


async def test_new_evidence_and_a_graver_verdict_open_another_case(api: Api) -> None:
    mia = await moderator(api)
    for second in (suspect_of("frequency", Verdict.HOLD), suspect_of("repeated_pattern", Verdict.FLAG)):
        ada = (await register(api.client)).id
        case = (await raised(api, suspect(ada, Verdict.FLAG, "frequency")))[UUID(ada)]
        check_case(await decided(mia, str(case), "dismiss"))
        opened = await raised(api, suspect(ada, second[1], second[0]))
        assert opened[UUID(ada)] != case
        earlier = (await read(mia, str(opened[UUID(ada)])))["evidence"]["earlier"]
        assert [(one["id"], one["decision"]) for one in earlier] == [(str(case), "dismiss")]


def suspect_of(signal: str, verdict: Verdict) -> tuple[str, Verdict]:
    return signal, verdict


async def test_a_release_lifts_the_suspension(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    await change_status(
        api.platform, ada.username, PlayerStatus.SUSPENDED, until=utc_now() + timedelta(days=1), by="anti-cheat: test"
    )
    await raised(api, suspect(ada.id, Verdict.SUSPEND, "impossibly_fast"))
    check(await ada.get("/api/v1/players/me"), "ACCOUNT_SUSPENDED")
    assert check_case(await decided(mia, case, "release"))["player"]["status"] == "active"
    assert await total_of(api, ada) == (30, True)
    credentials = {"username": ada.username, "password": PASSWORD}
    assert (await api.client.post("/api/v1/auth/login", json=credentials)).status_code == 200


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
