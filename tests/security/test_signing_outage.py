"""Nonces while Redis is away: Postgres keeps them, also for the time right after. Apart, because it disturbs."""

import json

from scoreboard.usecases.revocation import restore_revocations
from tests.conftest import open_api
from tests.refusals import check
from tests.security.signing_client import SigningClient
from tests.stage import Stores, register, until

UPDATE = "/api/v1/scores/update"


async def test_nonces_outlive_an_outage_of_redis(stores: Stores) -> None:
    async with open_api(stores) as api:
        person = await register(api.client)
        signer = SigningClient(api.client, person.session)
        await restore_revocations(api.platform)

        async def send(name: str, headers: dict[str, str]) -> str:
            body = json.dumps({"action_id": name, "kind": "tap"}).encode()
            reply = await api.client.post(UPDATE, content=body, headers=headers)
            if reply.status_code == 200:
                return "done"
            return str(check(reply, reply.json()["code"])["code"])

        def signed(name: str) -> dict[str, str]:
            return signer.headers("POST", UPDATE, json.dumps({"action_id": name, "kind": "tap"}).encode())

        stores.valkey.kill()
        try:
            during = signed("during")
            assert await send("during", during) == "done"
            assert await send("during", during) == "REPLAY_ATTACK"
        finally:
            stores.valkey.start()

        async def back() -> bool:
            return not api.platform.live.down() and await restore_revocations(api.platform)

        await until(back, within=10)
        assert await send("during", during) == "REPLAY_ATTACK"  # Redis has never seen it
        after = signed("after")
        assert await send("after", after) == "done"
        assert await send("after", after) == "REPLAY_ATTACK"
        [row] = await api.sql("SELECT count(*) FROM nonces")
        assert row[0] == 2
