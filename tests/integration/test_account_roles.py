"""Accounts: other roles, accounts made by command, keys that rotate, who may repeat a refresh."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.create_account import create_account
from scoreboard_api.app import create_app
from tests.conftest import Api
from tests.integration.test_accounts import NEW, REFRESH, code, events, is_dead, log_in
from tests.stage import Person, make_keys, register, settings_from


async def test_another_role_ends_the_sessions(api: Api) -> None:
    ada = await register(api.client)
    player, changed = await change_role(api.platform, ada.username.upper(), Role.SERVICE)
    assert (player.role, changed) == (Role.SERVICE, True)
    assert await is_dead(api, ada.session)
    server = Person(api.client, ada.id, ada.username, (await log_in(api, ada.username)).json())
    batch = await server.post("/api/v1/actions/complete-batch", {"items": []}, Idempotency_Key="first")
    assert batch.status_code != 403
    noted = await events(api, ada.id)
    assert [row.event for row in noted] == ["player.registered", "player.role_changed"]
    assert noted[-1].detail == {"from": "player", "to": "service", "by": "command line"}
    again, changed = await change_role(api.platform, ada.username, Role.SERVICE)
    assert (again.role, changed) == (Role.SERVICE, False)
    assert not await is_dead(api, server.session)
    assert len(await events(api, ada.id)) == 2


async def test_nobody_has_this_name(api: Api) -> None:
    with pytest.raises(Refusal) as caught:
        await change_role(api.platform, "nobody at all", Role.ADMIN)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_an_account_that_is_made_over_loses_its_sessions(api: Api) -> None:
    ada = await register(api.client)
    made = await create_account(api.platform, ada.username, NEW, Role.ADMIN)
    assert str(made.id) == ada.id
    assert await is_dead(api, ada.session)
    assert code(await log_in(api, ada.username)) == (401, "INVALID_CREDENTIALS")
    assert (await log_in(api, ada.username, NEW)).json()["player"]["role"] == "admin"
    with pytest.raises(Refusal) as caught:
        await create_account(api.platform, "game server", "password", Role.SERVICE)
    assert caught.value.code is ErrorCode.VALIDATION_ERROR


def command(api: Api, folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scoreboard_cli", *words, "--data", str(folder)],
        env={**os.environ, **api.environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_command_line_makes_game_servers_and_gives_roles(api: Api, tmp_path: Path) -> None:
    ada = await register(api.client)

    async def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(command, api, tmp_path, *words, text=text)

    made = await run("create-service", "game server 1", "--password-stdin", text=f"{NEW}\n")
    assert (made.returncode, made.stdout.strip()) == (0, "game server 1 is a trusted game server."), made.stderr
    assert (await log_in(api, "game server 1", NEW)).json()["player"]["role"] == "service"
    given = await run("role", ada.username, "moderator")
    said = f"{ada.username} has the role moderator now; its sessions were ended."
    assert (given.returncode, given.stdout.strip()) == (0, said), given.stderr
    assert await is_dead(api, ada.session)
    again = await run("role", ada.username, "moderator")
    assert again.stdout.strip() == f"{ada.username} has the role moderator already."
    nobody = await run("role", "nobody at all", "admin")
    assert (nobody.returncode, nobody.stderr.strip()) == (1, "There is no player with this name.")
    wrong = await run("role", ada.username, "god")
    assert wrong.returncode == 2


@asynccontextmanager
async def beside(api: Api, **changes: str) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process of the same platform, with other settings."""
    app, wiring = create_app(settings_from({**api.environment, **changes}))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=30) as client:
        yield client
    await wiring.close()


async def me(client: httpx.AsyncClient, session: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    return (await client.get("/api/v1/players/me", headers=headers)).status_code


async def test_signing_keys_rotate_without_anybody_logging_in_again(api: Api) -> None:
    """First every pod learns the new key, then it signs with it, then the old one goes."""
    old, new = api.environment["SCOREBOARD_SIGNING_KEY"], make_keys()["SCOREBOARD_SIGNING_KEY"]
    both = {"SCOREBOARD_SIGNING_KEY": new, "SCOREBOARD_PREVIOUS_SIGNING_KEY": old}
    before = (await register(api.client)).session
    async with beside(api, SCOREBOARD_PREVIOUS_SIGNING_KEY=new) as told, beside(api, **both) as rotated:
        kids = [
            {key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}
            for client in (api.client, told, rotated)
        ]
        assert kids[0] < kids[1] == kids[2]
        after = (await register(rotated)).session
        assert [await me(client, before) for client in (api.client, told, rotated)] == [200, 200, 200]
        assert [await me(client, after) for client in (api.client, told, rotated)] == [401, 200, 200]
        async with beside(api, SCOREBOARD_SIGNING_KEY=new) as finished:
            assert [await me(finished, each) for each in (before, after)] == [401, 200]
            token = {"refresh_token": before["refresh_token"]}
            renewed = await finished.post(REFRESH, json=token)  # sessions outlive keys
            assert await me(finished, renewed.json()) == 200


@pytest.mark.parametrize(
    ("first", "second"),
    [({"User-Agent": "game/1"}, {"User-Agent": "game/2"}), ({"User-Agent": "game/1"}, {"User-Agent": ""})],
    ids=str,
)
async def test_a_refresh_is_repeated_for_the_same_client_only(
    api: Api, first: dict[str, str], second: dict[str, str]
) -> None:
    ada = await register(api.client)
    token = {"refresh_token": ada.session["refresh_token"]}
    replies = [await api.client.post(REFRESH, json=token, headers=first) for _ in range(2)]
    assert len({reply.json()["refresh_token"] for reply in replies}) == 1
    assert code(await api.client.post(REFRESH, json=token, headers=second)) == (401, "REFRESH_REUSED")
    successor = {"refresh_token": replies[0].json()["refresh_token"]}
    assert code(await api.client.post(REFRESH, json=successor, headers=first)) == (401, "TOKEN_REVOKED")


async def test_a_cookie_that_turns_up_in_a_body_was_copied(api: Api) -> None:
    ada = await register(api.client)
    token = ada.session["refresh_token"]
    jar = {"Cookie": f"scoreboard_refresh={token}"}
    assert (await api.client.post(REFRESH, headers=jar)).status_code == 200
    api.client.cookies.clear()
    assert (await api.client.post(REFRESH, headers=jar)).status_code == 200
    api.client.cookies.clear()
    assert code(await api.client.post(REFRESH, json={"refresh_token": token})) == (401, "REFRESH_REUSED")


async def test_a_token_spent_before_clients_were_noted_may_be_repeated(api: Api) -> None:
    ada = await register(api.client)
    token = {"refresh_token": ada.session["refresh_token"]}
    assert (await api.client.post(REFRESH, json=token)).status_code == 200
    await api.sql("UPDATE refresh_tokens SET used_by = NULL WHERE used_at IS NOT NULL")
    assert (await api.client.post(REFRESH, json=token, headers={"User-Agent": "x"})).status_code == 200
