"""Layer 3 over HTTP: what is signed gets in once, everything else gets its code and changes nothing."""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from scoreboard.domain.action import ActionKind, Signature
from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import Role
from scoreboard.storage import players
from scoreboard.usecases.configure import configure
from tests.conftest import Api, beside, open_api
from tests.refusals import check, refused
from tests.security.conftest import Count
from tests.security.signing_client import COMPONENTS, SigningClient
from tests.stage import PASSWORD, Person, Stores, register
from tests.unit.test_request_signing import agree

CREATE, UPDATE, EXECUTE = "/api/v1/actions", "/api/v1/scores/update", "/api/v1/actions/execute"
KINDS = (
    ActionKind("signed-quiz", "Signed quiz", points=10, signature=Signature.REQUIRED, boards=("main",)),
    ActionKind("signed-tap", "Signed tap", points=1, direct=True, signature=Signature.REQUIRED, boards=("main",)),
)


@pytest_asyncio.fixture(scope="module")
async def signing(stores: Stores) -> AsyncIterator[Api]:
    async with open_api(stores) as api:
        await configure(api.platform, [], KINDS, managed_by="test")
        yield api


async def player(api: Api) -> tuple[Person, SigningClient]:
    person = await register(api.client)
    return person, SigningClient(api.client, person.session)


def tap() -> dict[str, Any]:
    return {"action_id": secrets.token_hex(8), "kind": "signed-tap"}


async def test_signed_requests_get_in(signing: Api) -> None:
    _, signer = await player(signing)
    begun = await signer.post(CREATE, {"kind": "signed-quiz"}, key="k-1")
    assert begun.status_code == 201, begun.text
    path = f"{CREATE}/{begun.json()['action_id']}/complete"
    done = await signer.post(path, {"action_token": begun.json()["action_token"]}, key="k-2")
    assert (done.status_code, done.json()["points"]) == (200, 10)
    again = await signer.post(path, {"action_token": begun.json()["action_token"]}, key="k-2")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (await signer.post(UPDATE, tap())).status_code == 200
    assert (await signer.post("/api/scores/update", tap())).status_code == 200
    queued = await signer.post(EXECUTE, tap())
    assert queued.status_code == 202, queued.text
    [row] = await signing.sql("SELECT payload->>'signed' FROM jobs WHERE id = :id", id=queued.json()["job_id"])
    assert row[0] == "true"


async def test_what_must_be_signed_is_refused_without(signing: Api) -> None:
    ada, signer = await player(signing)
    begun = (await signer.post(CREATE, {"kind": "signed-quiz"})).json()
    token = {"action_token": begun["action_token"]}
    for path, body in (
        (CREATE, {"kind": "signed-quiz"}),
        (f"{CREATE}/{begun['action_id']}/complete", token),
        (UPDATE, token),
        (UPDATE, tap()),
        (EXECUTE, tap()),
    ):
        await refused(signing, lambda p=path, b=body: ada.post(p, b), "INVALID_SIGNATURE")  # type: ignore[misc]
    assert (await signer.post(f"{CREATE}/{begun['action_id']}/complete", token)).status_code == 200


async def test_a_queued_action_without_its_signature_does_not_count(signing: Api) -> None:
    """The token of a signed kind does not say its kind, so the worker finds out."""
    from scoreboard.usecases.execute_action import run_due_jobs

    ada, signer = await player(signing)
    begun = (await signer.post(CREATE, {"kind": "signed-quiz"})).json()
    queued = await ada.post(EXECUTE, {"action_token": begun["action_token"]})
    assert queued.status_code == 202
    while await run_due_jobs(signing.platform, signing.wiring.marker):
        pass
    job = (await ada.get(f"/api/v1/jobs/{queued.json()['job_id']}")).json()
    assert (job["status"], job["problem"]["code"]) == ("failed", "INVALID_SIGNATURE")


@pytest.mark.parametrize("path", ["hot", "framework"])
async def test_a_signature_that_is_there_must_be_good(signing: Api, path: str) -> None:
    """Also where none is required."""
    _, signer = await player(signing)
    route, body = (UPDATE, {"action_id": "x", "kind": "tap"}) if path == "hot" else (EXECUTE, tap() | {"kind": "tap"})
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    for changes in (
        {"secret": secrets.token_bytes(32)},
        {"keyid": "019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b"},
        {"digest": f"sha-256=:{other}:"},
        {"digest": "sha-256=:x:"},
        {"covered": COMPONENTS[:3]},
        {"covered": [*COMPONENTS, "@method"]},
        {"covered": COMPONENTS, "key": "not-covered"},
        {"without": ["nonce"]},
        {"without": ["created"]},
        {"tag": "other"},
        {"alg": "none"},
        {"nonce": "short"},
    ):
        await refused(signing, lambda c=changes: signer.post(route, body, **c), "INVALID_SIGNATURE")  # type: ignore[misc]


async def test_tampering_is_seen(signing: Api) -> None:
    _, signer = await player(signing)
    body = json.dumps(tap()).encode()
    headers = signer.headers("POST", UPDATE, body)

    def send(content: bytes = body, path: str = UPDATE, **more: str) -> Any:
        return lambda: signing.client.post(path, content=content, headers={**headers, **more})

    await refused(signing, send(json.dumps(tap()).encode()), "INVALID_SIGNATURE")
    await refused(signing, send(path=UPDATE + "?season=1"), "INVALID_SIGNATURE")
    await refused(signing, send(path="/api/scores/update"), "INVALID_SIGNATURE")
    await refused(signing, send(**{"Idempotency-Key": "smuggled"}), "INVALID_SIGNATURE")
    without = {name: value for name, value in headers.items() if name != "Signature"}
    await refused(signing, lambda: signing.client.post(UPDATE, content=body, headers=without), "INVALID_SIGNATURE")
    twice = [*headers.items(), ("Signature-Input", headers["Signature-Input"])]
    await refused(signing, lambda: signing.client.post(UPDATE, content=body, headers=twice), "INVALID_SIGNATURE")
    assert (await signing.client.post(UPDATE, content=body, headers=headers)).status_code == 200


@pytest.mark.parametrize("age", [-30, -6.5, 62, 3600])
async def test_a_stale_request_is_told_the_time_and_then_succeeds(signing: Api, age: float) -> None:
    _, signer = await player(signing)
    signer.clock_skew = -age
    reply = await refused(signing, lambda: signer.post(UPDATE, tap()), "STALE_REQUEST")
    server_time = datetime.fromisoformat(reply.json()["server_time"]).timestamp()
    assert abs(server_time - time.time()) < 5
    signer.clock_skew = server_time - time.time()
    assert (await signer.post(UPDATE, tap())).status_code == 200


async def test_a_stale_request_with_a_wrong_signature_is_stale(signing: Api) -> None:
    """Timestamp, then signature, then nonce."""
    _, signer = await player(signing)
    old = {"created": int(time.time()) - 100, "secret": secrets.token_bytes(32)}
    check(await signer.post(UPDATE, tap(), **old), "STALE_REQUEST")


async def test_a_replay_is_refused_and_changes_nothing(signing: Api) -> None:
    _, signer = await player(signing)
    body = json.dumps(tap()).encode()
    headers = signer.headers("POST", UPDATE, body, key="once")

    def send() -> Any:
        return signing.client.post(UPDATE, content=body, headers=headers)

    assert (await send()).status_code == 200
    for _ in range(3):
        await refused(signing, send, "REPLAY_ATTACK")
    nonce = base64.b64encode(bytes(16)).decode()
    assert (await signer.post(UPDATE, tap(), nonce=nonce)).status_code == 200
    await refused(signing, lambda: signer.post(UPDATE, tap(), nonce=nonce), "REPLAY_ATTACK")
    _, other = await player(signing)
    assert (await other.post(UPDATE, tap(), nonce=nonce)).status_code == 200  # nonces belong to a session


async def test_outsiders_cannot_use_up_a_nonce(signing: Api) -> None:
    """A nonce that was seen on the way is sent first, by somebody without the key."""
    _, signer = await player(signing)
    nonce = base64.b64encode(secrets.token_bytes(16)).decode()
    check(await signer.post(UPDATE, tap(), nonce=nonce, secret=secrets.token_bytes(32)), "INVALID_SIGNATURE")
    assert (await signer.post(UPDATE, tap(), nonce=nonce)).status_code == 200


async def test_fifty_parallel_replays_succeed_once(signing: Api, count: Count) -> None:
    """Sent to two API processes at the same moment, over and over."""
    async with beside(signing) as second:
        for _ in range(5):
            ada, signer = await player(signing)
            body = json.dumps(tap()).encode()
            headers = signer.headers("POST", UPDATE, body, key="same")
            clients = [signing.client, second.client] * 25
            replies = await asyncio.gather(*(client.post(UPDATE, content=body, headers=headers) for client in clients))
            codes = sorted(reply.json().get("code", "done") for reply in replies)
            assert codes == ["REPLAY_ATTACK"] * 49 + ["done"]
            standing = await ada.get("/api/v1/boards/main/me")
            assert standing.json()["score"] == 1
            count("parallel replays", len(replies))


async def test_a_limited_request_keeps_its_nonce_and_a_wrong_one_costs_the_limit(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_PLAYER_WRITE_RATE="0.5", SCOREBOARD_PLAYER_WRITE_BURST="2") as api:
        _, signer = await player(api)
        body = {"action_id": "a", "kind": "tap"}
        check(await signer.post(UPDATE, body, secret=secrets.token_bytes(32)), "INVALID_SIGNATURE")
        check(await signer.post(UPDATE, body, secret=secrets.token_bytes(32)), "INVALID_SIGNATURE")
        raw = json.dumps(body).encode()
        headers = signer.headers("POST", UPDATE, raw)
        limited = await api.client.post(UPDATE, content=raw, headers=headers)
        wait = check(limited, "USER_RATE_LIMIT")["retry_after"]
        await asyncio.sleep(wait)  # the limit itself says how long
        assert (await api.client.post(UPDATE, content=raw, headers=headers)).status_code == 200


async def test_a_revoked_session_cannot_sign(signing: Api) -> None:
    ada, signer = await player(signing)
    assert (await signer.post("/api/v1/auth/logout", {"everywhere": True})).status_code == 204
    check(await signer.post(UPDATE, tap()), "TOKEN_REVOKED")
    reply = await signing.client.post("/api/v1/auth/login", json={"username": ada.username, "password": PASSWORD})
    fresh = SigningClient(signing.client, reply.json())
    assert fresh.session["signing"]["key"] != signer.session["signing"]["key"]
    mixed = SigningClient(signing.client, {**fresh.session, "signing": signer.session["signing"]})
    check(await mixed.post(UPDATE, tap()), "INVALID_SIGNATURE")
    assert (await fresh.post(UPDATE, tap())).status_code == 200


async def test_the_operator_may_demand_signatures_everywhere(stores: Stores) -> None:
    async with open_api(stores, SCOREBOARD_REQUIRE_SIGNATURES="true") as api:
        ada, signer = await player(api)
        plain = {"action_id": "a", "kind": "tap"}
        for path, body in ((CREATE, {"kind": "quiz"}), (UPDATE, plain), (EXECUTE, plain)):
            await refused(api, lambda p=path, b=body: ada.post(p, b), "INVALID_SIGNATURE")  # type: ignore[misc]
        assert (await signer.post(UPDATE, plain)).status_code == 200
        assert (await ada.get("/api/v1/boards/main/me")).status_code == 200


async def test_trusted_servers_sign_their_batches(signing: Api) -> None:
    ada, signer = await player(signing)
    begun = (await signer.post(CREATE, {"kind": "signed-quiz"})).json()
    server = await register(signing.client)
    await signing.platform.database.transact(lambda tx: players.set_role(tx, server.id, Role.SERVICE))  # type: ignore[arg-type]
    reply = await signing.client.post("/api/v1/auth/login", json={"username": server.username, "password": PASSWORD})
    trusted = SigningClient(signing.client, reply.json())
    batch = {"items": [{"player_id": ada.id, "action_token": begun["action_token"]}]}
    path = "/api/v1/actions/complete-batch"
    plain = {"Authorization": f"Bearer {trusted.session['access_token']}", "Idempotency-Key": "b1"}
    unsigned = await signing.client.post(path, json=batch, headers=plain)
    assert unsigned.json()["items"][0]["problem"]["code"] == "INVALID_SIGNATURE"
    signed = await trusted.post(path, batch, key="b2")
    assert signed.json()["items"][0]["status"] == 200, signed.text


@pytest.mark.full
def test_ten_thousand_requests_read_as_the_library_reads_them(count: Count) -> None:
    taken, turned_down = agree(10_000, seed=7)
    assert taken >= 5_000
    count("signed requests against the oracle", taken + turned_down)


def test_every_code_of_the_layer_is_covered_here() -> None:
    from scoreboard.domain.errors import Layer, layer_of

    codes = {code for code in ErrorCode if layer_of(code) is Layer.SIGNING}
    assert codes == {ErrorCode.STALE_REQUEST, ErrorCode.REPLAY_ATTACK, ErrorCode.INVALID_SIGNATURE}
