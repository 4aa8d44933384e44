"""Reports of other players and appeals for oneself: who is heard, how often, and what reviewers see of it."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2 as httpx

from scoreboard.domain.events import Verdict
from scoreboard.domain.player import PlayerStatus
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import change_status
from tests.conftest import Api, beside
from tests.integration.reviewing import (
    CASES,
    audited,
    decided,
    moderator,
    raised,
    send,
    suspect,
    total_of,
    with_held_points,
)
from tests.ledger_check import check_ledger
from tests.refusals import check
from tests.stage import PASSWORD, Person, register


async def report(by: Person, about: str, reason: str = "cheating", **headers: str) -> httpx.Response:
    return await by.post("/api/v1/reports", {"player_id": about, "reason": reason, "note": "too quick"}, **headers)


async def open_cases(api: Api, player: str) -> list[str]:
    rows = await api.sql(
        "SELECT id::text FROM review_cases WHERE player_id = CAST(:id AS uuid) AND status = 'open'", id=player
    )
    return [row[0] for row in rows]


async def test_a_report_opens_a_case_that_shows_who_said_what(api: Api) -> None:
    mia, ada, bob, eve = await moderator(api), *[await register(api.client) for _ in range(3)]
    assert (await report(ada, eve.id)).status_code == 202
    assert (await report(bob, eve.id, "name")).status_code == 202
    [case] = await open_cases(api, eve.id)
    seen = (await mia.get(f"{CASES}/{case}")).json()
    assert (seen["source"], seen["verdict"]) == ("report", "flag")
    assert [(one["by"]["username"], one["reason"], one["note"]) for one in seen["evidence"]["reports"]] == [
        (ada.username, "cheating", "too quick"),
        (bob.username, "name", "too quick"),
    ]
    assert [signal["signal"] for signal in seen["signals"]] == ["reported_cheating", "reported_name"]


async def test_one_voice_a_day_about_each(api: Api) -> None:
    ada, eve = await register(api.client), await register(api.client)
    replies = await asyncio.gather(*(report(ada, eve.id) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [202, 409, 409, 409]
    rows = await api.sql("SELECT count(*) FROM reports WHERE player_id = CAST(:id AS uuid)", id=eve.id)
    assert rows[0][0] == 1
    await api.sql("UPDATE reports SET created_at = created_at - interval '25 hours'")
    assert (await report(ada, eve.id)).status_code == 202


async def test_a_repeated_report_with_the_same_key_is_the_same_report(api: Api) -> None:
    ada, eve = await register(api.client), await register(api.client)
    key = secrets.token_hex(8)
    first = await report(ada, eve.id, Idempotency_Key=key)
    second = await report(ada, eve.id, Idempotency_Key=key)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["idempotency-replayed"] == "true"


async def test_so_many_a_day_in_all(api: Api) -> None:
    async with beside(api, SCOREBOARD_REPORTS_PER_DAY="2") as strict:
        ada = await register(strict.client)
        others = [await register(strict.client) for _ in range(3)]
        assert [(await report(ada, one.id)).status_code for one in others[:2]] == [202, 202]
        refused = check(await report(ada, others[2].id), "USER_RATE_LIMIT")
        assert 86000 < refused["retry_after"] <= 86400


async def test_whom_one_cannot_see_one_cannot_report(api: Api) -> None:
    ada, eve = await register(api.client), await register(api.client)
    await change_status(api.platform, eve.username, PlayerStatus.HIDDEN, by="test")
    for nobody in (eve.id, "x", "00000000-0000-7000-8000-000000000000"):
        check(await report(ada, nobody), "NOT_FOUND")
    check(await report(ada, ada.id), "CONFLICT")
    check(await report(ada, eve.id, "boredom"), "VALIDATION_ERROR")


async def test_what_was_dismissed_is_noted_but_opens_nothing(api: Api) -> None:
    mia, ada, bob, eve = await moderator(api), *[await register(api.client) for _ in range(3)]
    await report(ada, eve.id)
    [case] = await open_cases(api, eve.id)
    assert (await decided(mia, case, "dismiss")).status_code == 200
    assert (await report(bob, eve.id)).status_code == 202
    assert await open_cases(api, eve.id) == []
    assert (await report(mia, eve.id, "name")).status_code == 202
    assert len(await open_cases(api, eve.id)) == 1


# --- Appeals --------------------------------------------------------------------------------------------------------


async def appeal(by: Person, **body: Any) -> httpx.Response:
    return await by.post("/api/v1/appeals", {"words": "I practise with a metronome.", **body})


async def from_outside(api: Api, username: str, password: str = PASSWORD) -> httpx.Response:
    body = {"words": "Please look again.", "username": username, "password": password}
    return await api.client.post("/api/v1/appeals", json=body)


async def test_who_was_banned_appeals_with_name_and_password_and_is_let_in_again(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    assert (await decided(mia, case, "ban")).status_code == 200
    told = check(await ada.get("/api/v1/players/me"), "ACCOUNT_BANNED")
    assert "appeal" in told["detail"]
    reply = await from_outside(api, ada.username.upper())
    assert reply.status_code == 202, reply.text
    check(await from_outside(api, ada.username), "CONFLICT")
    [opened] = await open_cases(api, ada.id)
    seen = (await mia.get(f"{CASES}/{opened}")).json()
    assert (seen["source"], seen["appeal_of"]) == ("appeal", case)
    assert seen["evidence"]["appeal"]["words"] == "Please look again."
    assert seen["may"]["decide"] == ["release", "reject"]
    frozen = (await mia.get(f"{CASES}/{case}")).json()["evidence"]
    assert frozen["frozen_at"] is not None
    assert len(frozen["held"]) == 2
    assert (await decided(mia, opened, "release")).json()["player"]["status"] == "active"
    login = {"username": ada.username, "password": PASSWORD}
    assert (await api.client.post("/api/v1/auth/login", json=login)).status_code == 200
    assert await total_of(api, ada) == (30, True)  # what the ban had rejected is back
    assert "review_case.appealed" in await audited(api, ada.id)


async def test_an_appeal_that_is_turned_down_stays_so(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    await decided(mia, case, "ban")
    await from_outside(api, ada.username)
    [opened] = await open_cases(api, ada.id)
    assert (await decided(mia, opened, "reject")).json()["player"]["status"] == "banned"
    check(await ada.get("/api/v1/players/me"), "ACCOUNT_BANNED")
    check(await from_outside(api, ada.username), "CONFLICT")


async def test_an_unknown_name_and_a_wrong_password_are_answered_the_same(api: Api) -> None:
    ada = await register(api.client)
    await change_status(api.platform, ada.username, PlayerStatus.BANNED, by="test")
    replies = [
        await from_outside(api, f"nobody-{secrets.token_hex(4)}"),
        await from_outside(api, ada.username, "not the password"),
    ]
    bodies = [check(reply, "INVALID_CREDENTIALS") for reply in replies]
    assert {body["detail"] for body in bodies} == {"The name or the password is wrong."}
    check(await api.client.post("/api/v1/appeals", json={"words": "x"}), "UNAUTHENTICATED")


async def test_appeals_from_outside_share_the_limits_of_log_ins(api: Api) -> None:
    async with beside(api, SCOREBOARD_LOGIN_ACCOUNT_PER_MINUTE="3") as strict:
        name = f"nobody-{secrets.token_hex(4)}"
        codes = [(await from_outside(strict, name)).json()["code"] for _ in range(4)]
    assert codes == ["INVALID_CREDENTIALS"] * 3 + ["USER_RATE_LIMIT"]


async def test_who_plays_on_appeals_against_rejected_points(api: Api) -> None:
    mia = await moderator(api)
    ada, case = await with_held_points(api)
    number = (await mia.get(f"{CASES}/{case}")).json()["number"]
    await decided(mia, case, "reject")
    check(await appeal(ada, case_number=number + 10_000), "NOT_FOUND")
    assert (await appeal(ada, case_number=number)).status_code == 202
    check(await appeal(ada), "CONFLICT")
    again = (await raised(api, suspect(ada.id, Verdict.HOLD, "repeated_pattern")))[UUID(ada.id)]
    assert (await ada.complete(await ada.begin("quiz"))).status_code == 202
    await decided(mia, str(again), "release")
    assert await total_of(api, ada) == (40, True)
    assert (await check_ledger(api.platform, hidden=True)).of(ada.id)[-1].entry_type in ("restored", "released")


async def test_an_account_that_was_suspended_without_a_case_is_heard_too(api: Api) -> None:
    mia, ada = await moderator(api), await register(api.client)
    await send(mia, f"/api/v1/moderation/players/{ada.id}/status", {"status": "suspended", "reason": "insults"})
    assert (await from_outside(api, ada.username)).status_code == 202
    [opened] = await open_cases(api, ada.id)
    assert (await mia.get(f"{CASES}/{opened}")).json()["source"] == "appeal"
    check(await from_outside(api, ada.username), "CONFLICT")


async def test_an_automatic_suspension_is_appealed_in_its_own_case(api: Api) -> None:
    ada = await register(api.client)
    case = (await raised(api, suspect(ada.id, Verdict.SUSPEND, "impossibly_fast")))[UUID(ada.id)]
    until = utc_now() + timedelta(hours=1)
    await change_status(api.platform, ada.username, PlayerStatus.SUSPENDED, until=until, by="anti-cheat: test")
    assert (await from_outside(api, ada.username)).status_code == 202
    assert await open_cases(api, ada.id) == [str(case)]
    check(await from_outside(api, ada.username), "CONFLICT")


async def test_there_has_to_be_something_to_appeal_against(api: Api) -> None:
    mia, ada = await moderator(api), await register(api.client)
    check(await appeal(ada), "NOT_FOUND")
    case = (await raised(api, suspect(ada.id, Verdict.FLAG, "frequency")))[UUID(ada.id)]
    number = (await mia.get(f"{CASES}/{case}")).json()["number"]
    await decided(mia, str(case), "dismiss")
    check(await appeal(ada, case_number=number), "CONFLICT")
