"""Who comes from an identity provider has no password here, and is heard all the same once the account is closed."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from scoreboard.domain.player import PlayerStatus
from scoreboard.telemetry import utc_now
from scoreboard.usecases.change_status import change_status
from tests.conftest import Api, open_api
from tests.issuer import Issuer, IssuerKey, claims_for
from tests.refusals import check
from tests.stage import Stores

APPEALS = "/api/v1/appeals"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    opened = Issuer([IssuerKey.make("first", "ES256")])
    yield opened
    opened.close()


@pytest_asyncio.fixture(scope="module")
async def joined(stores: Stores, issuer: Issuer) -> AsyncIterator[Api]:
    async with open_api(stores, **issuer.settings()) as opened:
        yield opened


async def appeal(api: Api, token: str, **headers: str) -> httpx.Response:
    body = {"words": "Please look again.", "provider_token": token}
    return await api.client.post(APPEALS, json=body, headers=headers)


async def count(api: Api, table: str) -> int:
    [row] = await api.sql(f"SELECT count(*) FROM {table}")
    return int(row[0])


async def player_of(api: Api, token: str) -> dict[str, Any]:
    reply = await api.client.post("/api/v1/auth/session", json={"token": token})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


@pytest.mark.parametrize("status", [PlayerStatus.SUSPENDED, PlayerStatus.BANNED])
async def test_a_closed_account_is_appealed_with_the_providers_token(
    joined: Api, issuer: Issuer, status: PlayerStatus
) -> None:
    token = issuer.token(f"ada-{status}")
    session = await player_of(joined, token)
    until = utc_now() + timedelta(hours=1) if status is PlayerStatus.SUSPENDED else None
    await change_status(joined.platform, session["player"]["username"], status, until=until, by="test")
    ours = {"Authorization": f"Bearer {session['access_token']}"}
    closed = "ACCOUNT_SUSPENDED" if status is PlayerStatus.SUSPENDED else "ACCOUNT_BANNED"
    check(await joined.client.post(APPEALS, json={"words": "x"}, headers=ours), closed)
    sessions = await count(joined, "sessions")
    reply = await appeal(joined, token)
    assert reply.status_code == 202, reply.text
    player = session["player"]["id"]
    cases = await joined.sql("SELECT source FROM review_cases WHERE player_id = :player", player=player)
    assert [row[0] for row in cases] == ["appeal"]
    assert await count(joined, "sessions") == sessions, "an appeal opens no session"
    check(await appeal(joined, token), "CONFLICT")


async def test_only_a_good_token_of_a_known_person_is_heard(joined: Api, issuer: Issuer) -> None:
    players = await count(joined, "players")
    check(await appeal(joined, issuer.token("nobody-yet")), "NOT_FOUND")
    assert await count(joined, "players") == players, "an appeal makes no player"
    stranger = IssuerKey.make("stranger", "ES256")
    check(await appeal(joined, stranger.sign(claims_for("ada-banned"))), "INVALID_TOKEN")
    check(await appeal(joined, issuer.keys[0].sign(claims_for("ada-banned", aud="another"))), "INVALID_TOKEN")
    check(await appeal(joined, issuer.keys[0].sign(claims_for("ada-banned", exp=1, iat=0))), "TOKEN_EXPIRED")
    session = await player_of(joined, issuer.token("bob"))
    check(await appeal(joined, session["access_token"]), "INVALID_TOKEN")
    check(await appeal(joined, issuer.token("bob")), "NOT_FOUND")


async def test_without_a_provider_there_is_nobody_to_vouch(api: Api, issuer: Issuer) -> None:
    check(await appeal(api, issuer.token("ada")), "NOT_FOUND")
