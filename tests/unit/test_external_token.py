"""Tokens of an identity provider under attack, and which of its keys are believed."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.external_token import ExternalTokens, Identity, read_key_set
from tests.issuer import AUDIENCE, ISSUER, IssuerKey, claims_for
from tests.stage import make_keys, settings_from

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
BASE = {
    **make_keys(),
    "DATABASE_URL": "postgresql://x/x",
    "REDIS_URL": "redis://x",
    "SCOREBOARD_EXTERNAL_ISSUER": ISSUER,
    "SCOREBOARD_EXTERNAL_AUDIENCE": AUDIENCE,
    "SCOREBOARD_EXTERNAL_JWKS_URL": "https://id.example.org/jwks",
}
KEY = IssuerKey.make("k1", "ES256")
RSA = IssuerKey.make("r1", "RS256")


def reader(**extra: str) -> ExternalTokens:
    return ExternalTokens(settings_from({**BASE, **extra}))


READER = reader()


def key_set(*keys: dict[str, Any], algorithms: tuple[str, ...] = ALGORITHMS) -> Any:
    return read_key_set(json.dumps({"keys": keys}).encode(), algorithms)


KEYS = key_set(KEY.jwk(), RSA.jwk())


def identity(token: str, keys: Any = KEYS, tokens: ExternalTokens = READER) -> Identity:
    name = tokens.key_name(token)
    if name not in keys:
        raise Refusal(ErrorCode.INVALID_TOKEN, "no such key")
    return tokens.verify(token, name, keys[name])


def code_of(token: str, keys: Any = KEYS, tokens: ExternalTokens = READER) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        identity(token, keys, tokens)
    return caught.value.code


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_accepted_algorithm_is_read(algorithm: str) -> None:
    key = IssuerKey.make("k", algorithm)
    told = reader(SCOREBOARD_EXTERNAL_ALGORITHMS=algorithm)
    token = key.sign(claims_for("ada", preferred_username="Ada"))
    assert identity(token, key_set(key.jwk()), told) == Identity(ISSUER, "ada", "Ada", None)
    other = "ES256" if algorithm != "ES256" else "RS256"
    assert code_of(token, key_set(key.jwk()), reader(SCOREBOARD_EXTERNAL_ALGORITHMS=other)) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "", None, 5, ["ES256"], "ES256 ", "es256"])
def test_algorithms_cannot_be_chosen(algorithm: object) -> None:
    _, body, signature = KEY.sign(claims_for("ada")).split(".")
    for tail in (signature, "AA"):
        assert code_of(f"{encoded({'alg': algorithm, 'kid': 'k1'})}.{body}.{tail}") is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("setting", ["HS256", "none", "ES256,HS256", ""])
def test_shared_secrets_cannot_be_switched_on(setting: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        reader(SCOREBOARD_EXTERNAL_ALGORITHMS=setting)


def test_a_public_key_is_no_shared_secret() -> None:
    pem = RSA.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signing = f"{encoded({'alg': 'HS256', 'kid': 'r1'})}.{encoded(claims_for('ada'))}"
    forged = f"{signing}.{encoded(hmac.digest(pem, signing.encode(), 'sha256'))}"
    assert code_of(forged) is ErrorCode.INVALID_TOKEN


def test_a_key_is_used_only_for_what_it_was_made_for() -> None:
    """The token's algorithm and the key must fit: otherwise the sender of a token picks the check."""
    claims = claims_for("ada")
    as_pss = jwt.encode(claims, RSA.private, algorithm="PS256", headers={"kid": "r1"})
    assert code_of(as_pss) is ErrorCode.INVALID_TOKEN  # published for RS256
    assert identity(as_pss, key_set(RSA.jwk(alg=None))).subject == "ada"
    assert ("k1", "RS256") not in key_set(KEY.jwk(alg=None))
    header = encoded({"alg": "RS256", "kid": "k1"})
    _, body, signature = KEY.sign(claims).split(".")
    assert code_of(f"{header}.{body}.{signature}") is ErrorCode.INVALID_TOKEN


def test_what_a_header_says_about_keys_is_not_looked_at() -> None:
    mine = IssuerKey.make("k1", "ES256")
    for header in (
        {"jwk": mine.jwk()},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/cert"},
        {"x5c": ["AAAA"]},
    ):
        assert code_of(mine.sign(claims_for("ada"), **header)) is ErrorCode.INVALID_TOKEN
        assert identity(KEY.sign(claims_for("ada"), **header)).subject == "ada"


@pytest.mark.parametrize(
    "headers",
    [
        {"crit": ["exp"], "exp": 1},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": "secevent+jwt"},
        {"kid": ""},
        {"kid": "k" * 257},
        {"kid": "another"},
    ],
    ids=str,
)
def test_headers_that_are_refused(headers: dict[str, Any]) -> None:
    assert code_of(KEY.sign(claims_for("ada"), **headers)) is ErrorCode.INVALID_TOKEN


def signed_as_is(header: bytes, claims: bytes) -> str:
    """Signed with the provider's key, though no library would write it so."""
    signing = f"{encoded(header)}.{encoded(claims)}"
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signing.encode(), KEY.private)
    return f"{signing}.{encoded(signature)}"


@pytest.mark.parametrize("critical", ['["b64"], "b64": true', "[]", "null", '["exp"]'])
def test_what_a_header_calls_critical_is_not_passed_over(critical: str) -> None:
    claims = json.dumps(claims_for("ada")).encode()
    assert identity(signed_as_is(b'{"alg": "ES256", "kid": "k1"}', claims)).subject == "ada"
    header = f'{{"alg": "ES256", "kid": "k1", "crit": {critical}}}'
    assert code_of(signed_as_is(header.encode(), claims)) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_id_tokens_and_access_tokens_are_taken(kind: str | None) -> None:
    assert identity(KEY.sign(claims_for("ada"), typ=kind)).subject == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": ISSUER.upper()},
        {"aud": None},
        {"aud": "another"},
        {"aud": [AUDIENCE + "x"]},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "s" * 256},
        {"sub": "a\x00"},
        {"sub": "a\nb"},
        {"exp": None},
        {"exp": True},
        {"exp": "9999999999"},
        {"exp": 10**30},
        {"exp": -1},
        {"iat": None},
        {"iat": True},
        {"iat": 10**11},
        {"nbf": 10**11},
        {"nbf": "0"},
        {"nbf": []},
        {"cnf": {"jkt": "x"}},
    ],
    ids=str,
)
def test_claims_that_are_refused(changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**claims_for("ada"), **changes}.items() if value is not None}
    token = signed_as_is(b'{"alg": "ES256", "kid": "k1"}', json.dumps(claims).encode())
    assert code_of(token) is ErrorCode.INVALID_TOKEN


def test_times_have_a_leeway_and_an_end() -> None:
    late = reader(SCOREBOARD_EXTERNAL_CLOCK_LEEWAY="30")
    assert identity(KEY.sign(claims_for("ada", exp=time.time() - 20)), tokens=late).subject == "ada"
    assert identity(KEY.sign(claims_for("ada", iat=time.time() + 20.5)), tokens=late).subject == "ada"
    assert code_of(KEY.sign(claims_for("ada", exp=time.time() - 40)), tokens=late) is ErrorCode.TOKEN_EXPIRED


def test_a_claim_that_comes_twice_is_refused() -> None:
    claims = json.dumps(claims_for("eve"))[:-1] + ', "sub": "ada"}'
    token = signed_as_is(b'{"alg": "ES256", "kid": "k1"}', claims.encode())
    assert code_of(token) is ErrorCode.INVALID_TOKEN


def test_one_changed_character_anywhere_is_noticed() -> None:
    token = KEY.sign(claims_for("ada"))
    for place in range(0, len(token), 3):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert code_of(changed) is ErrorCode.INVALID_TOKEN, place
    for changed in (token + "=", token + "A", token + ".", token + "\n", " " + token, token.replace(".", "..", 1)):
        assert code_of(changed) is ErrorCode.INVALID_TOKEN


@given(st.text(max_size=200))
def test_noise_is_no_token(noise: str) -> None:
    assert code_of(noise) is ErrorCode.INVALID_TOKEN
    assert code_of(f"{encoded(noise.encode())}.{encoded(b'{}')}.AA") is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("text", ["x" * 8193, "a.b.c", "\ud800.\ud800.\ud800", "W10.W10.AA", "MQ.MQ.AA", "e30.e30.AA"])
def test_what_is_no_token(text: str) -> None:
    assert code_of(text) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        ("", {"role": "board-admins"}, None),
        ("role", {}, Role.PLAYER),
        ("role", {"role": "board-admins"}, Role.ADMIN),
        ("role", {"role": ["x", "board-mods", 5, None]}, Role.MODERATOR),
        ("role", {"role": ["board-mods", "board-admins"]}, Role.ADMIN),
        ("role", {"role": "Board-Admins"}, Role.PLAYER),
        ("role", {"role": {"board-admins": True}}, Role.PLAYER),
        ("realm_access.roles", {"realm_access": {"roles": ["board-mods"]}}, Role.MODERATOR),
        ("realm_access.roles", {"realm_access": ["board-mods"]}, Role.PLAYER),
        ("https://example.org/role", {"https://example.org/role": "board-mods"}, Role.MODERATOR),
    ],
    ids=str,
)
def test_roles_come_from_the_claim(claim: str, claims: dict[str, Any], role: Role | None) -> None:
    told = reader(
        SCOREBOARD_EXTERNAL_ROLE_CLAIM=claim,
        SCOREBOARD_EXTERNAL_ROLES='{"board-mods": "moderator", "board-admins": "admin"}',
    )
    assert identity(KEY.sign(claims_for("ada", **claims)), tokens=told).role is role


def test_a_name_that_is_no_text_is_none() -> None:
    assert identity(KEY.sign(claims_for("ada", preferred_username=["x"]))).username is None
    told = reader(SCOREBOARD_EXTERNAL_USERNAME_CLAIM="nickname")
    assert identity(KEY.sign(claims_for("ada", nickname="Ada")), tokens=told).username == "Ada"
