"""Tokens of all three kinds under attack, keys, and the chain of the ledger."""

import base64
import hmac
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from scoreboard.domain.clock import EPOCH
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security import action_token, refresh_token
from scoreboard.security.access_token import AccessTokens
from tests.stage import make_keys, settings_from

STORES = {"DATABASE_URL": "postgresql://x/x", "REDIS_URL": "redis://x"}
KEYS = make_keys()
ADA, SESSION = UUID(int=1), UUID(int=2)


def tokens(**extra: str) -> AccessTokens:
    return AccessTokens(settings_from({**STORES, **KEYS, **extra}))


ISSUER = tokens()


def issued() -> str:
    return ISSUER.issue(ADA, SESSION, "ada", Role.PLAYER)[0]


def payload() -> dict[str, Any]:
    return dict(jwt.decode(issued(), options={"verify_signature": False}))


def signed(claims: dict[str, Any], **headers: Any) -> str:
    good = jwt.get_unverified_header(issued())
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        ISSUER._signing.private,
        algorithm="ES256",
        headers={**good, **headers},
    )


def code_of(verifier: AccessTokens, token: str) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        verifier.verify(token)
    return caught.value.code


def test_an_issued_token_says_who_it_is() -> None:
    claims = tokens().verify(issued())
    assert (claims.player_id, claims.session_id, claims.username, claims.role) == (ADA, SESSION, "ada", Role.PLAYER)
    assert claims.expires_at - claims.issued_at == timedelta(seconds=600)


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_algorithms_cannot_be_chosen() -> None:
    _, body, signature = issued().split(".")
    good = jwt.get_unverified_header(issued())
    for algorithm in ("none", "None", "NONE", "HS256", "RS256", "ES384", "ES512", "EdDSA", "", None):
        swapped = encoded({**good, "alg": algorithm})
        for tail in (signature, ""):
            assert code_of(tokens(), f"{swapped}.{body}.{tail}") is ErrorCode.INVALID_TOKEN
    public = json.dumps(ISSUER.key_set()["keys"][0]).encode()
    signing = f"{encoded({**good, 'alg': 'HS256'})}.{body}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, signing.encode(), "sha256")).decode().rstrip("=")
    assert code_of(tokens(), f"{signing}.{mac}") is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "AT+JWT"},
        {"kid": "unknown"},
        {"kid": "../../dev/null"},
        {"crit": ["b64"], "b64": True},
    ],
    ids=str,
)
def test_headers_that_are_not_ours(headers: dict[str, Any]) -> None:
    assert code_of(tokens(), signed(payload(), **headers)) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "exp", "nbf", "iat", "ver", "name", "role"])
def test_every_claim_is_needed(name: str) -> None:
    assert code_of(tokens(), signed({**payload(), name: None})) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"sub": "no id"},
        {"sub": 5},
        {"sid": ["x"]},
        {"role": "god"},
        {"ver": 2},
        {"exp": "soon"},
        {"exp": 10**15},
        {"iat": 10**11},
        {"nbf": 10**11},
        {"exp": [1]},
        {"exp": True},
        {"exp": 10**30},
        {"exp": -1},
        {"iat": True},
        {"iat": 0},
        {"iat": "5"},
        {"nbf": False},
        {"nbf": "0"},
        {"ver": True},
        {"ver": 1.0},
        {"ver": "1"},
        {"aud": ["scoreboard"]},
        {"aud": ["scoreboard", "another"]},
        {"jti": 5},
        {"sub": f"{{{ADA}}}"},
        {"sub": f"urn:uuid:{ADA}"},
        {"sid": "00000000000000000000000000000002"},
        {"sid": str(UUID(int=10)).upper()},
        {"name": ["ada"]},
        {"role": ["admin"]},
    ],
    ids=str,
)
def test_claims_that_cannot_be(changes: dict[str, Any]) -> None:
    assert code_of(tokens(), signed({**payload(), **changes})) is ErrorCode.INVALID_TOKEN


def signed_as_is(header: str, body: str) -> str:
    """Signed with our own key, though nobody here would write it so."""
    signing = f"{encoded_text(header)}.{encoded_text(body)}"
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(signing.encode(), ISSUER._signing.private)
    return f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def encoded_text(part: str) -> str:
    return base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")


def test_what_two_readers_could_read_differently_is_refused() -> None:
    header, claims = json.dumps(jwt.get_unverified_header(issued())), payload()
    body = json.dumps(claims)
    assert tokens().verify(signed_as_is(header, body)).player_id == ADA
    for twisted in (
        body[:-1] + f', "sub": "{SESSION}"}}',
        f'{{"role": "admin", {body[1:]}',
        body.replace(str(claims["exp"]), f"{claims['exp']}.0"),
        body.replace(str(claims["exp"]), "NaN"),
        body.replace(str(claims["exp"]), "Infinity"),
        body.replace(str(claims["exp"]), "1e400"),
        f"[{body}]",
    ):
        assert code_of(tokens(), signed_as_is(header, twisted)) is ErrorCode.INVALID_TOKEN, twisted
    for twisted in (header[:-1] + ', "alg": "ES256"}', f'{{"typ": "x", {header[1:]}'):
        assert code_of(tokens(), signed_as_is(twisted, body)) is ErrorCode.INVALID_TOKEN, twisted


def test_a_token_has_one_spelling() -> None:
    """Otherwise one good token would fill the memory of verified ones under many names."""
    token = issued()
    signature = token.rpartition(".")[2]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = last[last.index(signature[-1]) ^ 1]  # differs in bits that are not used
    for other in (token + "=", token + "==", token + "!", f" {token}", f"{token}\n", token[:-1] + twin, token + "é"):
        assert code_of(tokens(), other) is ErrorCode.INVALID_TOKEN, other
    assert code_of(tokens(), "\ud800" + token) is ErrorCode.INVALID_TOKEN


def test_a_longer_life_than_ours_is_not_believed() -> None:
    claims = payload()
    assert code_of(tokens(), signed({**claims, "exp": claims["iat"] + 601})) is ErrorCode.INVALID_TOKEN


def test_an_expired_token_says_so_beyond_the_leeway() -> None:
    def aged(seconds: int) -> str:
        claims = payload()
        times = {name: claims[name] - seconds for name in ("iat", "nbf", "exp")}
        return signed({**claims, **times})

    assert tokens().verify(aged(603)).player_id == ADA
    assert code_of(tokens(), aged(607)) is ErrorCode.TOKEN_EXPIRED


def test_what_is_remembered_expires_too(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = tokens(), issued()
    verifier.verify(token)
    later = datetime.now(UTC) + timedelta(seconds=606)
    monkeypatch.setattr("scoreboard.security.access_token.utc_now", lambda: later)
    monkeypatch.setattr(verifier, "_decode", _decoded_again)
    with pytest.raises(AssertionError, match="decoded again"):
        verifier.verify(token)


def _decoded_again(_: str) -> None:
    raise AssertionError("decoded again")


def test_one_flipped_bit_anywhere_is_noticed() -> None:
    token, rng = issued(), random.Random(1)
    verifier = tokens()
    header, body, signature = token.split(".")
    parts = [base64.urlsafe_b64decode(part + "==") for part in (header, body, signature)]
    for _ in range(150):
        which = rng.randrange(3)
        raw = bytearray(parts[which])
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        changed = [*parts]
        changed[which] = bytes(raw)
        text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in changed)
        assert code_of(verifier, text) is ErrorCode.INVALID_TOKEN


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_noise_is_no_token(noise: str) -> None:
    assert code_of(ISSUER, noise) is ErrorCode.INVALID_TOKEN
    assert code_of(ISSUER, f"{noise}.{noise}.{noise}") is ErrorCode.INVALID_TOKEN
    for reader in (lambda: action_token.read(b"k" * 32, noise), lambda: refresh_token.decode(noise)):
        with pytest.raises(Refusal) as caught:
            reader()
        assert caught.value.code in (ErrorCode.INVALID_TOKEN, ErrorCode.INVALID_SIGNATURE)


@pytest.mark.parametrize("part", ["[" * 2900, "{" * 2900, '{"a":' * 500, "\ud800", "null", "5", '"x"', '{"kid": {}}'])
def test_headers_that_hurt_a_parser(part: str) -> None:
    header = base64.urlsafe_b64encode(part.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    assert code_of(tokens(), f"{header}.e30.x") is ErrorCode.INVALID_TOKEN


def test_a_token_too_long_is_not_even_parsed() -> None:
    assert code_of(tokens(), "x" * 4097) is ErrorCode.INVALID_TOKEN


def test_another_platforms_key_is_unknown_and_the_previous_one_is_not() -> None:
    token = issued()
    other = make_keys()["SCOREBOARD_SIGNING_KEY"]
    assert code_of(tokens(SCOREBOARD_SIGNING_KEY=other), token) is ErrorCode.INVALID_TOKEN
    rotated = tokens(SCOREBOARD_SIGNING_KEY=other, SCOREBOARD_PREVIOUS_SIGNING_KEY=KEYS["SCOREBOARD_SIGNING_KEY"])
    assert rotated.verify(token).player_id == ADA
    assert len(rotated.key_set()["keys"]) == 2


def test_an_attacker_signs_with_a_known_kid() -> None:
    good = jwt.get_unverified_header(issued())
    forged = jwt.encode(payload(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers=good)
    assert code_of(tokens(), forged) is ErrorCode.INVALID_TOKEN


def test_the_memory_of_verified_tokens_is_bounded() -> None:
    verifier = tokens(SCOREBOARD_TOKEN_CACHE_SIZE="3")
    for _ in range(6):
        verifier.verify(issued())
    assert len(verifier._verified) == 3


KEY = b"k" * 32
MILLIS = st.integers(0, 7 * 10**12).map(lambda millis: EPOCH + timedelta(milliseconds=millis))
