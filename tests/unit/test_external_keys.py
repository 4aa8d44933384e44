"""Which keys of an identity provider are believed, and which of its addresses."""

from typing import Any

import pytest

from scoreboard.security.external_token import UnusableKeySetError, read_key_set
from tests.issuer import IssuerKey
from tests.unit.test_external_token import ALGORITHMS, KEY, RSA, key_set, reader


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"alg": "ES384"},
        {"kty": "RSA"},
        {"kty": "oct", "k": "AAAA"},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"kid": None},
        {"kid": 5},
        {"d": "AAAA"},
        {"x": "AAAA"},
        {"x": 5},
        {"y": None},
    ],
    ids=str,
)
def test_keys_that_are_passed_over(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeySetError):
        key_set(KEY.jwk(**changes))
    assert list(key_set(KEY.jwk(**changes), RSA.jwk())) == [("r1", "RS256")]


@pytest.mark.parametrize("key", [KEY, RSA, IssuerKey.make("e1", "EdDSA")], ids=lambda key: str(key.algorithm))
def test_private_keys_are_passed_over(key: IssuerKey) -> None:
    """Whoever publishes one has told everybody how to sign."""
    key_set(key.jwk())
    private = key.jwk(**key.private_members())
    assert "d" in private
    with pytest.raises(UnusableKeySetError):
        key_set(private)


def test_short_rsa_keys_are_passed_over() -> None:
    with pytest.raises(UnusableKeySetError):
        key_set(IssuerKey.make("r", "RS256", bits=1024).jwk())


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b'{"keys": {}}', b'{"keys": [5]}', b"\xff", b"[" * 10_000])
def test_what_is_no_key_set(raw: bytes) -> None:
    with pytest.raises(UnusableKeySetError):
        read_key_set(raw, ALGORITHMS)


@pytest.mark.parametrize(
    "changes",
    [
        {"SCOREBOARD_EXTERNAL_JWKS_URL": ""},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "http://id.example.org/jwks"},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "http://10.0.0.1/jwks"},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "http://localhost.example.org/jwks"},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "https://user:secret@id.example.org/jwks"},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "file:///etc/passwd"},
        {"SCOREBOARD_EXTERNAL_JWKS_URL": "http://[::1/jwks"},
        {"SCOREBOARD_EXTERNAL_AUDIENCE": ""},
        {"SCOREBOARD_EXTERNAL_ISSUER": "", "SCOREBOARD_LOCAL_ACCOUNTS": "false"},
        {"SCOREBOARD_EXTERNAL_ROLES": '{"x": "service"}'},
        {"SCOREBOARD_EXTERNAL_ROLES": '{"x": "platform-config"}'},
        {"SCOREBOARD_EXTERNAL_TIMEOUT": "60"},
    ],
    ids=str,
)
def test_settings_that_would_be_unsafe_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        reader(**changes)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/jwks", "http://localhost:9/jwks", "http://[::1]:9/jwks"])
def test_plain_http_stays_on_this_machine(url: str) -> None:
    reader(SCOREBOARD_EXTERNAL_JWKS_URL=url)
