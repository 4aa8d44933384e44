"""Nobody gets in with an access token that we did not issue, or did not issue like this."""

import base64
import hashlib
import json
from collections import Counter

import pytest

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens
from scoreboard.settings import Settings
from tests.conftest import Api
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.token_mutations import PLAYER, SESSION, Forge
from tests.stage import make_keys, settings_from

REFUSED = {ErrorCode.INVALID_TOKEN, ErrorCode.TOKEN_EXPIRED}


def settings() -> Settings:
    stores = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/d", "REDIS_URL": "redis://127.0.0.1:1"}
    return settings_from({**make_keys(), **stores})


def refusal(tokens: AccessTokens, token: str) -> ErrorCode | None:
    try:
        tokens.verify(token)
    except Refusal as refused:
        return refused.code
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [600, pytest.param(10_000, marks=pytest.mark.full)])
def test_no_mutated_token_is_believed(number: int, count: Count) -> None:
    made = settings()
    tokens = AccessTokens(made)
    forge = Forge(tokens, made.signing_key.get_secret_value(), seed=number)
    assert tokens.verify(forge.good()).player_id == PLAYER
    outcomes: Counter[ErrorCode] = Counter()
    wrong = [*forge.named(), *forge.many(number)]
    for each in wrong:
        code = refusal(tokens, each.token)
        assert code in REFUSED, f"{each.what}: {code}\n{each.token[:600]}"
        outcomes[code] += 1
    assert outcomes[ErrorCode.TOKEN_EXPIRED] >= 2
    assert outcomes[ErrorCode.INVALID_TOKEN] > number * 0.9
    assert tokens.verify(forge.good()).session_id == SESSION
    count("mutated access tokens", len(wrong))


async def test_no_trick_gets_in_over_http(api: Api, count: Count) -> None:
    forge = Forge(api.wiring.tokens, api.environment["SCOREBOARD_SIGNING_KEY"], seed=1)
    number = 0
    for each in forge.named():
        if not each.token.strip() or len(each.token) > 60_000 or not each.token.isprintable():
            continue  # no header can carry it
        for method, path in (("GET", "/api/v1/players/me"), ("POST", "/api/v1/actions")):
            body = {"json": {"kind": "quiz"}} if method == "POST" else {}
            header = {"Authorization": f"Bearer {each.token}"}
            reply = await api.client.request(method, path, headers=header, **body)  # type: ignore[arg-type]
            assert reply.status_code == 401, f"{each.what}: {reply.status_code} {reply.text}"
            assert reply.json()["code"] in REFUSED, each.what
            assert reply.headers["WWW-Authenticate"].startswith("Bearer"), each.what
        number += 1
    assert number >= 40
    count("wrong tokens over HTTP", number)
    created = await api.sql("SELECT count(*) AS n FROM actions WHERE player_id = :id", id=PLAYER)
    assert created[0].n == 0


def test_a_token_has_exactly_one_spelling() -> None:
    """Base64 has bits to spare in its last character, and lenient decoders skip what they do not know."""
    made = settings()
    tokens = AccessTokens(made)
    token, _ = tokens.issue(PLAYER, SESSION, "ada", Role.PLAYER)
    last = token[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [other for other in alphabet if alphabet.index(other) // 16 == alphabet.index(last) // 16 and other != last]
    assert len(same) == 15
    for spelling in [*(token[:-1] + other for other in same), f"{token}=", f"{token}==", f" {token}", f"{token}\n"]:
        assert refusal(tokens, spelling) is ErrorCode.INVALID_TOKEN, spelling[-5:]


async def test_the_twin_of_a_signature_dies_with_its_session(api: Api) -> None:
    """ECDSA lets anybody turn (r, s) into (r, n - s). That is the same token in other words, and no new life."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    caller = await open_caller(api.platform, api.wiring.tokens)
    text, _, signature = caller.access_token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    twin = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    spelled = base64.urlsafe_b64encode(twin).decode().rstrip("=")
    tokens = [caller.access_token, f"{text}.{spelled}"]

    async def answers() -> list[int]:
        replies = [
            await api.client.get("/api/v1/players/me", headers={"Authorization": f"Bearer {token}"}) for token in tokens
        ]
        return [reply.status_code for reply in replies]

    assert (await answers())[0] == 200
    assert (await api.client.post("/api/v1/auth/logout", headers=caller.headers)).status_code == 204
    assert await answers() == [401, 401]


async def test_the_role_of_a_token_cannot_be_raised(api: Api) -> None:
    caller = await open_caller(api.platform, api.wiring.tokens)
    header, claims, signature = caller.access_token.split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    raised = base64.urlsafe_b64encode(json.dumps({**content, "role": "admin"}).encode()).decode().rstrip("=")
    for tail in (signature, "", hashlib.sha256(b"x").hexdigest()):
        reply = await api.client.get(
            "/api/v1/analytics/activity", headers={"Authorization": f"Bearer {header}.{raised}.{tail}"}
        )
        assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
