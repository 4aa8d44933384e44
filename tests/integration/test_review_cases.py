"""Cases over HTTP: the queue, who has one, how it ends, and that points, accounts and the audit log follow."""

from datetime import timedelta
from uuid import UUID

import pytest

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import change_status
from tests.conftest import Api
from tests.integration.reviewing import (
    audited,
    check_case,
    decided,
    is_holding,
    moderator,
    raised,
    read,
    suspect,
    total_of,
    with_held_points,
)
from tests.refusals import check
from tests.stage import PASSWORD, register


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
