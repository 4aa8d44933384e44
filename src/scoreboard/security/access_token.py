"""Access tokens: short JSON Web Tokens signed with ES256, read by one strict wrapper.

PyJWT accepts missing claims and any ``typ`` unless told otherwise, so nobody else in the project calls it.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.identifiers import new_id
from scoreboard.settings import Settings
from scoreboard.telemetry import utc_now

ALGORITHM = "ES256"
TYPE = "at+jwt"
VERSION = 1
_LONGEST = 4096
_REQUIRED = ["iss", "aud", "sub", "sid", "jti", "exp", "nbf", "iat", "ver"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says."""

    player_id: UUID
    session_id: UUID
    username: str
    role: Role
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    private: EllipticCurvePrivateKey
    public: EllipticCurvePublicKey


def _load_key(pem: str) -> _Key:
    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise ValueError("SCOREBOARD_SIGNING_KEY must be an unencrypted PEM private key") from error
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ValueError("SCOREBOARD_SIGNING_KEY must be an elliptic-curve key on P-256")
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    # RFC 7638: the members that make the key, in alphabetical order, without spaces.
    thumbprint = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return _Key(hashlib.sha256(thumbprint.encode()).hexdigest()[:16], private, private.public_key())


def _invalid(reason: str) -> Refusal:
    return Refusal(ErrorCode.INVALID_TOKEN, reason)


class AccessTokens:
    """Issues and verifies. Verified tokens are remembered until they expire; revocation is asked for elsewhere."""

    def __init__(self, settings: Settings) -> None:
        keys = [_load_key(settings.signing_key.get_secret_value())]
        if settings.previous_signing_key is not None:
            keys.append(_load_key(settings.previous_signing_key.get_secret_value()))
        self._signing = keys[0]
        self._keys = {key.id: key for key in keys}
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._ttl = settings.access_token_ttl
        self._leeway = settings.clock_leeway
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()
        self._remembered = settings.token_cache_size

    def issue(self, player_id: UUID, session_id: UUID, username: str, role: Role) -> tuple[str, int]:
        """A token and the seconds it lives."""
        now = int(utc_now().timestamp())
        payload = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(player_id),
            "sid": str(session_id),
            "jti": str(new_id()),
            "iat": now,
            "nbf": now,
            "exp": now + self._ttl,
            "ver": VERSION,
            "name": username,
            "role": str(role),
        }
        headers = {"kid": self._signing.id, "typ": TYPE}
        return jwt.encode(payload, self._signing.private, algorithm=ALGORITHM, headers=headers), self._ttl

    def verify(self, token: str) -> Claims:
        """What the token says.

        Raises:
            Refusal: TOKEN_EXPIRED, or INVALID_TOKEN for everything else that is wrong with it.
        """
        if len(token) > _LONGEST:
            raise _invalid("This access token is too long.")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None:
            if known.expires_at.timestamp() + self._leeway > utc_now().timestamp():
                return known
            del self._verified[digest]
        claims = self._decode(token)
        if self._remembered:
            self._verified[digest] = claims
            if len(self._verified) > self._remembered:
                self._verified.popitem(last=False)
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _invalid("This is not an access token.") from error
        key = self._keys.get(str(header.get("kid")))
        if key is None or header.get("typ") != TYPE or header.get("alg") != ALGORITHM or "crit" in header:
            raise _invalid("This access token was not issued here.")
        try:
            payload: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            raise Refusal(ErrorCode.TOKEN_EXPIRED, "This access token has expired; refresh the session.") from error
        except jwt.PyJWTError as error:
            raise _invalid("This access token is not valid.") from error
        return self._claims(payload)

    def _claims(self, payload: dict[str, Any]) -> Claims:
        try:
            if payload["ver"] != VERSION or payload["exp"] - payload["iat"] > self._ttl_ceiling:
                raise _invalid("This access token is not valid.")
            return Claims(
                player_id=UUID(payload["sub"]),
                session_id=UUID(payload["sid"]),
                username=str(payload["name"]),
                role=Role(payload["role"]),
                issued_at=datetime.fromtimestamp(payload["iat"], UTC),
                expires_at=datetime.fromtimestamp(payload["exp"], UTC),
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _invalid("This access token is not valid.") from error

    @property
    def _ttl_ceiling(self) -> int:
        return 600

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        rows = []
        for key in self._keys.values():
            jwk = ECAlgorithm.to_jwk(key.public, as_dict=True)
            rows.append({**jwk, "kid": key.id, "use": "sig", "alg": ALGORITHM})
        return {"keys": rows}
