"""Access tokens: short JSON Web Tokens signed with ES256, read by one strict wrapper.

PyJWT accepts missing claims, any ``typ``, ``true`` and ``"5"`` for times and the last of two equal members unless told
otherwise, so only this module and ``external_token`` call it.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from jwt.algorithms import ECAlgorithm

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.identifiers import new_id
from scoreboard.security.platform_keys import platform_keys
from scoreboard.security.token_parts import MalformedTokenError, is_moment, read_parts
from scoreboard.settings import Settings
from scoreboard.telemetry import utc_now

ALGORITHM = "ES256"
TYPE = "at+jwt"
VERSION = 1
_LONGEST_LIFE = (
    600  # seconds; the ceiling of the setting, so that a pod with a shorter one reads its neighbours' tokens
)
_LONGEST = 4096
_REQUIRED = ["iss", "aud", "sub", "sid", "jti", "exp", "nbf", "iat", "ver"]
_TEXTS = ("iss", "aud", "sub", "sid", "jti", "name", "role")
_MOMENTS = ("exp", "nbf", "iat")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says. ``subject`` is the player's id as text: limits and logs want it each time."""

    player_id: UUID
    session_id: UUID
    username: str
    role: Role
    issued_at: datetime
    expires_at: datetime
    subject: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Verified tokens are remembered, so this is done once for many requests."""
        object.__setattr__(self, "subject", str(self.player_id))


def _invalid(reason: str) -> Refusal:
    return Refusal(ErrorCode.INVALID_TOKEN, reason)


class AccessTokens:
    """Issues and verifies. Verified tokens are remembered until they expire; revocation is asked for elsewhere."""

    def __init__(self, settings: Settings) -> None:
        keys = platform_keys(settings)
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
        if not token.isascii():
            raise _invalid("This is not an access token.")
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
            header, payload = read_parts(token)
        except MalformedTokenError as error:
            raise _invalid("This is not an access token.") from error
        # A key is one of ours or none: what a header says about where to find keys (jku, x5u, jwk) is never looked at.
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None or header.get("typ") != TYPE or header.get("alg") != ALGORITHM or "crit" in header:
            raise _invalid("This access token was not issued here.")
        if not all(isinstance(payload.get(name), str) for name in _TEXTS):
            raise _invalid("This access token is not valid.")
        if not all(is_moment(payload.get(name), whole=True) for name in _MOMENTS):
            raise _invalid("This access token is not valid.")
        try:
            payload = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": _REQUIRED, "strict_aud": True},
            )
        except jwt.ExpiredSignatureError as error:
            raise Refusal(ErrorCode.TOKEN_EXPIRED, "This access token has expired; refresh the session.") from error
        except jwt.PyJWTError as error:
            raise _invalid("This access token is not valid.") from error
        return self._claims(payload)

    def _claims(self, payload: dict[str, Any]) -> Claims:
        issued, expires, version = payload["iat"], payload["exp"], payload["ver"]
        if type(version) is not int or version != VERSION or not issued <= expires <= issued + _LONGEST_LIFE:
            raise _invalid("This access token is not valid.")
        try:
            return Claims(
                player_id=_identifier(payload["sub"]),
                session_id=_identifier(payload["sid"]),
                username=payload["name"],
                role=Role(payload["role"]),
                issued_at=datetime.fromtimestamp(issued, UTC),
                expires_at=datetime.fromtimestamp(expires, UTC),
            )
        except ValueError as error:
            raise _invalid("This access token is not valid.") from error

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        rows = []
        for key in self._keys.values():
            jwk = ECAlgorithm.to_jwk(key.public, as_dict=True)
            rows.append({**jwk, "kid": key.id, "use": "sig", "alg": ALGORITHM})
        return {"keys": rows}


def _identifier(text: str) -> UUID:
    """An id in the one form in which we write it. Raises ValueError for ``{…}``, ``urn:uuid:…`` and capitals."""
    identifier = UUID(text)
    if str(identifier) != text:
        raise ValueError("not the usual form")
    return identifier
