"""Tokens of an external OpenID provider: who somebody is there. The API exchanges them for sessions of ours.

Both an ID token (OpenID Connect Core §3.1.3.7) and a JWT access token (RFC 9068) will do. Keys are given, not fetched:
this module knows no network.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.token_parts import MalformedTokenError, is_moment, read_parts
from scoreboard.settings import Settings

LONGEST = 8192
"""Characters. Providers put groups into their tokens; ours stay below half of this."""

_LONGEST_SUBJECT = 255  # OpenID Connect Core §2
_LONGEST_KEY_ID = 256
_RSA_BITS = range(2048, 8193)  # RFC 7518 §3.3 demands 2048; above 8192 a check costs more than a log-in should
_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_REQUIRED = ["iss", "aud", "sub", "exp", "iat"]
_FITTING = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
}
_BY_WEIGHT = (Role.ADMIN, Role.MODERATOR, Role.PLAYER)

KeyName = tuple[str, str]
"""Key id and algorithm. Looked up together, so that a token cannot use a key for what it was not made for."""

KeySet = dict[KeyName, jwt.PyJWK]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to the provider.

    Attributes:
        issuer: The provider.
        subject: The person there; never given to another one. Names may be.
        username: The name that the provider has for them, as it is.
        role: What they may do here; None where the provider does not decide that.
    """

    issuer: str
    subject: str
    username: str | None
    role: Role | None


class UnusableKeySetError(ValueError):
    """What the provider published is no key set, or holds no key for an accepted algorithm."""


def read_key_set(raw: bytes, algorithms: Iterable[str]) -> KeySet:
    """The keys of a JSON Web Key Set (RFC 7517) that may verify tokens. Others in it are passed over.

    Raises:
        UnusableKeySetError: there are none.
    """
    try:
        listed = json.loads(raw)["keys"]
        candidates = [key for key in listed if isinstance(key, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnusableKeySetError("not a JSON Web Key Set") from error
    found: KeySet = {}
    for algorithm in algorithms:
        for candidate in candidates:
            key = _key_for(algorithm, candidate)
            if key is not None:
                found.setdefault((candidate["kid"], algorithm), key)
    if not found:
        raise UnusableKeySetError("no key for an accepted algorithm")
    return found


def _key_for(algorithm: str, candidate: Mapping[str, Any]) -> jwt.PyJWK | None:
    kind, curve = _FITTING[algorithm]
    operations = candidate.get("key_ops", ["verify"])
    if (
        not isinstance(candidate.get("kid"), str)
        or candidate.get("kty") != kind
        or (curve is not None and candidate.get("crv") != curve)
        or candidate.get("use", "sig") != "sig"
        or candidate.get("alg", algorithm) != algorithm
        or not (isinstance(operations, list) and "verify" in operations)
        or "d" in candidate  # a private key that everybody can read proves nothing
    ):
        return None
    try:
        key = jwt.PyJWK(dict(candidate), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in _RSA_BITS:
        return None
    return key


class ExternalTokens:
    """Reads the tokens of the one provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.external_issuer
        self._audience = settings.external_audience
        self._algorithms = frozenset(settings.external_algorithms)
        self._leeway = settings.external_clock_leeway
        self._username_claim = settings.external_username_claim
        self._role_claim = settings.external_role_claim
        self._roles = {value: Role(role) for value, role in settings.external_roles.items()}

    def key_name(self, token: str) -> KeyName:
        """Which key the token says it is signed with, once all is checked that needs no key.

        So a token that could not be accepted anyway never makes us ask the provider for keys.

        Raises:
            Refusal: INVALID_TOKEN.
        """
        if len(token) > LONGEST:
            raise _invalid("This token is too long.")
        try:
            header, claims = read_parts(token)
        except MalformedTokenError as error:
            raise _invalid("This is not a token of the identity provider.") from error
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
        # Where a header says that keys are to be found (jku, x5u) or what they are (jwk, x5c) is never looked at.
        if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KEY_ID:
            raise _invalid("This token does not name its key.")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms or "crit" in header:
            raise _invalid("This token is signed in a way that is not accepted here.")
        if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
            raise _invalid("This is neither an ID token nor an access token.")
        self._check(claims)
        return kid, algorithm

    def verify(self, token: str, name: KeyName, key: jwt.PyJWK) -> Identity:
        """Who the token speaks of. ``name`` is what :meth:`key_name` said about this token, ``key`` is the key for it.

        Raises:
            Refusal: TOKEN_EXPIRED, or INVALID_TOKEN for everything else that is wrong with it.
        """
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[name[1]],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            words = "This token of the identity provider has expired; get a new one there."
            raise Refusal(ErrorCode.TOKEN_EXPIRED, words) from error
        except jwt.PyJWTError as error:
            raise _invalid("This token of the identity provider is not valid.") from error
        username = _at(claims, self._username_claim)
        return Identity(
            issuer=self._issuer,
            subject=claims["sub"],
            username=username if isinstance(username, str) else None,
            role=self._role(_at(claims, self._role_claim)) if self._role_claim else None,
        )

    def _check(self, claims: Mapping[str, Any]) -> None:
        audience, subject = claims.get("aud"), claims.get("sub")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer or self._audience not in audiences:
            raise _invalid("This token is not meant for this platform.")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise _invalid("This token does not say whom it is about.")
        moments = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
        if not all(is_moment(moment, whole=False) for moment in moments):
            raise _invalid("This token does not say when it is valid.")
        if "cnf" in claims:
            # RFC 7800: it is good only together with a proof that its sender holds a key. We could not check that.
            raise _invalid("This token is bound to a key; use one that is not.")

    def _role(self, value: object) -> Role:
        named = value if isinstance(value, list) else [value]
        given = {self._roles[each] for each in named if isinstance(each, str) and each in self._roles}
        return next((role for role in _BY_WEIGHT if role in given), Role.PLAYER)


def _at(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, otherwise by its path: ``realm_access.roles``. Names may hold dots: they are addresses."""
    if name in claims:
        return claims[name]
    value: object = claims
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _invalid(reason: str) -> Refusal:
    return Refusal(ErrorCode.INVALID_TOKEN, reason)
