"""Impossible requests add up: at the threshold the account is suspended, and every later request hears so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import PlayerStatus, Role
from scoreboard.domain.suspicion import Signal, grown, signal_of, weight_of
from scoreboard.live import keys
from scoreboard.live.suspicion import clear, grow
from scoreboard.security.identifiers import new_id
from scoreboard.storage import players
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.execute_action import run_due_jobs
from scoreboard.usecases.platform import Platform
from tests.conftest import Api, open_api
from tests.refusals import check, refused
from tests.stage import PASSWORD, Person, Stores, register

UPDATE, EXECUTE = "/api/v1/scores/update", "/api/v1/actions/execute"


@asynccontextmanager
async def strict(stores: Stores, **settings: str) -> AsyncIterator[tuple[Api, Person]]:
    async with open_api(stores, SCOREBOARD_ANTICHEAT_MODE="enforce", **settings) as api:
        yield api, await register(api.client)


def impossible(number: int) -> dict[str, object]:
    return {"action_id": f"cheat-{number}", "kind": "tap", "points": 1_000_000}


@given(st.floats(0, 1), st.floats(0, 1e6), st.sampled_from(Signal), st.floats(1, 1e5))
def test_suspicion_stays_between_none_and_certainty(before: float, seconds: float, signal: Signal, half: float) -> None:
    after = grown(before, seconds, weight_of(signal), half)
    assert 0 <= after <= 1
    assert after >= weight_of(signal) - 1e-12
    assert after >= grown(before, seconds * 2, weight_of(signal), half) - 1e-12


def test_suspicion_halves_in_its_half_life() -> None:
    assert grown(0.8, 600, 0, 600) == pytest.approx(0.4)


def test_what_happens_to_honest_players_is_no_signal() -> None:
    signals = {code for code in ErrorCode if signal_of(Refusal(code, "", 5)) is not None}
    assert signals == {
        *(ErrorCode.INVALID_SCORE, ErrorCode.ACTION_TOO_EARLY, ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_ALREADY_USED)
    }
    assert signal_of(Refusal(ErrorCode.ACTION_TOO_EARLY, "", 0.2)) is None


async def test_redis_grows_it_by_the_same_formula(platform: Platform) -> None:
    player, expected = new_id(), 0.0
    for signal in [*Signal, *Signal]:
        expected = grown(expected, 0, weight_of(signal), 1e9)
        assert await grow(platform.live, player, weight_of(signal), 1e9) == pytest.approx(expected, abs=1e-6)
    await platform.live.redis.hincrbyfloat(keys.suspicion(player), "at", -600)
    assert await grow(platform.live, player, 0.3, 600) == pytest.approx(grown(expected, 600, 0.3, 600), abs=1e-3)
    await clear(platform.live, player)
    assert await grow(platform.live, player, 0.3, 600) == pytest.approx(0.3)


async def test_nine_impossible_results_suspend_the_account(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        await ada.score("quiz")
        for number in range(8):
            await refused(api, lambda n=number: ada.post(UPDATE, impossible(n)), "INVALID_SCORE")  # type: ignore[misc]
        body = check(await ada.post(UPDATE, impossible(8)), "SUSPICIOUS_ACTIVITY")
        assert body["layer"] == "anti_cheat"
        for later in (
            ada.post(UPDATE, impossible(9)),
            ada.get("/api/v1/players/me"),
            ada.post("/api/v1/actions", {"kind": "quiz"}),
        ):
            check(await later, "ACCOUNT_SUSPENDED")
        credentials = {"username": ada.username, "password": PASSWORD}
        refusal = check(await api.client.post("/api/v1/auth/login", json=credentials), "ACCOUNT_SUSPENDED")
        assert 86_000 < refusal["retry_after"] <= 86_400
        top = (await api.client.get("/api/v1/boards/main/top")).json()
        assert ada.username not in [entry["username"] for entry in top["entries"]]
        [row] = await api.sql("SELECT detail->>'by' FROM audit_log WHERE event = 'player.status_changed'")
        assert row[0] == "anti-cheat: impossible_points"
        [row] = await api.sql("SELECT score FROM scores WHERE player_id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == 10  # what was earned before is kept for the person who decides
        await change_status(api.platform, ada.username, PlayerStatus.ACTIVE, by="test")
        reply = await api.client.post("/api/v1/auth/login", json=credentials)
        back = Person(api.client, ada.id, ada.username, reply.json())
        check(await back.post(UPDATE, impossible(10)), "INVALID_SCORE")  # a person has decided: it begins anew


async def test_a_queued_action_is_weighed_as_well(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        for number in range(9):
            assert (await ada.post(EXECUTE, impossible(number))).status_code == 202
        while await run_due_jobs(api.platform, api.wiring.marker):
            pass
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "suspended"
        check(await ada.get("/api/v1/players/me"), "ACCOUNT_SUSPENDED")


@pytest.mark.parametrize(
    "settings",
    [
        {"SCOREBOARD_ANTICHEAT_MODE": "shadow"},
        {"SCOREBOARD_AUTOMATIC_SUSPENSIONS_PER_HOUR": "0"},
        {"SCOREBOARD_SUSPICION_HALF_LIFE": "0.001"},
    ],
    ids=["shadow", "the hour's share is used up", "long pauses"],
)
async def test_nobody_is_suspended(stores: Stores, settings: dict[str, str]) -> None:
    async with open_api(stores, **{"SCOREBOARD_ANTICHEAT_MODE": "enforce", **settings}) as api:
        ada = await register(api.client)
        for number in range(15):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        await ada.score("quiz")


async def test_an_honest_player_who_errs_is_left_alone(stores: Stores) -> None:
    async with strict(stores) as (api, ada):
        for number in range(2):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        begun = await ada.begin("once")
        assert (await ada.complete(begun)).status_code == 200
        for _ in range(30):
            assert (await ada.complete(begun)).json()["code"] == "ALREADY_COMPLETED"
        for _ in range(30):
            await ada.score("quiz")
        assert (await api.client.get(f"/api/v1/players/{ada.id}", headers=ada.headers)).json()["status"] == "active"


async def test_one_who_floods_is_suspended_once_and_uses_up_one_place(stores: Stores) -> None:
    async with strict(stores, SCOREBOARD_AUTOMATIC_SUSPENSIONS_PER_HOUR="2") as (api, ada):
        replies = await asyncio.gather(*(ada.post(UPDATE, impossible(number)) for number in range(40)))
        assert [reply.json()["code"] for reply in replies].count("SUSPICIOUS_ACTIVITY") == 1
        rows = await api.sql("SELECT 1 FROM audit_log WHERE event = 'player.status_changed'")
        assert len(rows) == 1
        bob = await register(api.client)
        for number in range(8):
            check(await bob.post(UPDATE, impossible(number)), "INVALID_SCORE")
        check(await bob.post(UPDATE, impossible(8)), "SUSPICIOUS_ACTIVITY")


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN, Role.SERVICE])
async def test_staff_and_game_servers_are_left_to_people(stores: Stores, role: Role) -> None:
    async with strict(stores) as (api, ada):
        await api.platform.database.transact(lambda tx: players.set_role(tx, UUID(ada.id), role))
        for number in range(12):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")


async def test_what_a_person_decided_is_not_undone(stores: Stores) -> None:
    """A suspension that ends makes active; a hidden player would then be seen again."""
    async with strict(stores) as (api, ada):
        await change_status(api.platform, ada.username, PlayerStatus.HIDDEN, by="test")
        for number in range(12):
            check(await ada.post(UPDATE, impossible(number)), "INVALID_SCORE")
        [row] = await api.sql("SELECT status FROM players WHERE id = CAST(:id AS uuid)", id=ada.id)
        assert row[0] == "hidden"
