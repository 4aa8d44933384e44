"""Suspend, ban, hide, restore: who may act, who is seen, and that a crash in between is healed."""

from datetime import timedelta

import pytest

from scoreboard.domain.errors import Refusal
from scoreboard.domain.player import PlayerStatus
from scoreboard.live import leaderboard
from scoreboard.storage import outbox
from scoreboard.telemetry import utc_now
from scoreboard.usecases.audit_leaderboards import audit_leaderboards
from scoreboard.usecases.change_status import change_status, lift_suspensions
from scoreboard.usecases.sweep_outbox import sweep_outbox
from tests.conftest import Api
from tests.refusals import check
from tests.stage import PASSWORD, Person, register, until

BANNED, SUSPENDED, HIDDEN, ACTIVE = (
    *(PlayerStatus.BANNED, PlayerStatus.SUSPENDED),
    *(PlayerStatus.HIDDEN, PlayerStatus.ACTIVE),
)


async def seen(api: Api, player: Person) -> bool:
    """Whether the public board in Redis, and the rows that Postgres would show, have the player; both must agree."""
    season = await api.platform.catalog.season("main", None)
    board = await api.platform.catalog.board("main")
    page = await leaderboard.read_range(api.platform.live, season.id, board, 0, 10_000)
    assert page is not None
    in_redis = player.username in [entry.username for entry in page.entries]
    [row] = await api.sql(
        "SELECT bool_or(visible) FROM scores WHERE player_id = CAST(:id AS uuid) AND season_id = :season",
        id=player.id,
        season=season.id,
    )
    assert row[0] == in_redis
    return in_redis


async def sanction(api: Api, player: Person, status: PlayerStatus, **more: object) -> bool:
    _, changed = await change_status(api.platform, player.username, status, by="test", **more)  # type: ignore[arg-type]
    return changed


async def test_a_ban_ends_sessions_and_takes_the_player_from_every_board(api: Api) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    assert await seen(api, ada)
    assert await sanction(api, ada, BANNED)
    assert not await seen(api, ada)
    check(await ada.get("/api/v1/players/me"), "ACCOUNT_BANNED")
    refresh = {"refresh_token": ada.session["refresh_token"]}
    check(await api.client.post("/api/v1/auth/refresh", json=refresh), "ACCOUNT_BANNED")
    credentials = {"username": ada.username, "password": PASSWORD}
    check(await api.client.post("/api/v1/auth/login", json=credentials), "ACCOUNT_BANNED")
    top = (await api.client.get("/api/v1/boards/main/entries", params={"limit": 500})).json()
    assert ada.username not in [entry["username"] for entry in top["entries"]]
    assert not await sanction(api, ada, BANNED)  # again: nothing to change
    assert await sanction(api, ada, ACTIVE)
    assert await seen(api, ada)
    check(await ada.get("/api/v1/players/me"), "TOKEN_REVOKED")  # lifted: the session stays ended, the reason does not
    assert (await api.client.post("/api/v1/auth/login", json=credentials)).status_code == 200


async def test_a_hidden_player_plays_on_unseen(api: Api) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    await sanction(api, ada, HIDDEN)
    assert not await seen(api, ada)
    await ada.score("quiz")
    assert not await seen(api, ada)
    await sanction(api, ada, ACTIVE)
    assert await seen(api, ada)
    assert (await ada.get("/api/v1/boards/main/me")).json()["score"] == 20


async def test_a_suspension_ends_by_itself(api: Api) -> None:
    ada = await register(api.client)
    await ada.score("quiz")
    await sanction(api, ada, SUSPENDED, until=utc_now() + timedelta(hours=1))
    credentials = {"username": ada.username, "password": PASSWORD}
    refused = check(await api.client.post("/api/v1/auth/login", json=credentials), "ACCOUNT_SUSPENDED")
    assert 3500 < refused["retry_after"] <= 3600
    assert await lift_suspensions(api.platform) == 0
    await sanction(api, ada, SUSPENDED, until=utc_now() + timedelta(seconds=0.05))

    async def lifted() -> bool:
        return await lift_suspensions(api.platform) == 1

    await until(lifted)
    assert await seen(api, ada)
    assert (await api.client.post("/api/v1/auth/login", json=credentials)).status_code == 200
    rows = await api.sql(
        "SELECT detail->>'to' FROM audit_log WHERE event = 'player.status_changed' AND subject = :id ORDER BY id",
        id=ada.id,
    )
    assert [row[0] for row in rows] == ["suspended", "suspended", "active"]


async def test_a_crash_before_the_boards_followed_is_healed_by_the_sweep(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(api.client)
    await ada.score("quiz")

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scoreboard.usecases.change_status.spread_status", dies)
        with pytest.raises(KeyboardInterrupt):
            await sanction(api, ada, BANNED)
    await sweep_outbox(api.platform, older_than=0)
    assert not await seen(api, ada)
    await api.wiring.marker.finish()
    assert (await api.platform.database.transact(outbox.backlog))[0] == 0
    await audit_leaderboards(api.platform)
    assert not await seen(api, ada)


async def test_nobody_of_this_name(api: Api) -> None:
    with pytest.raises(Refusal) as refused:
        await change_status(api.platform, "nobody-at-all", BANNED, by="test")
    assert refused.value.code == "NOT_FOUND"
