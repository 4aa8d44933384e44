"""Access tokens as an attacker would make them. Each is wrong in one way; none may be believed.

Two kinds: what anybody can make without our key, and what is signed with our key but says something that we never
say. The second kind shows that the checks behind the signature stand by themselves.
"""

import base64
import hmac
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scoreboard.domain.player import Role
from scoreboard.security.access_token import AccessTokens
from scoreboard.security.identifiers import new_id
from scoreboard.telemetry import utc_now

PLAYER, SESSION = UUID(int=1), UUID(int=2)
_ALPHABET = string.ascii_letters + string.digits + "-_"
_SPACES = [" ", "\t", "\n", "\r\n", "\x0b", "\x0c", "\x00", "\u00a0", "="]
_JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**400,
    "",
    "x",
    "x" * 3000,
    [],
    {},
    [[]],
    "\u0000",
    "\ud83d",
    float("nan"),
]


@dataclass(frozen=True)
class Wrong:
    """A token that must be refused, and what is wrong with it."""

    what: str
    token: str


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def part(value: Any) -> str:
    return b64(json.dumps(value).encode())


class Forge:
    """Makes wrong tokens: with the platform's key where it is given the PEM, and with keys of its own."""

    def __init__(self, tokens: AccessTokens, pem: str, seed: int) -> None:
        self._tokens = tokens
        self._pem = pem
        self._rng = random.Random(seed)
        self._own = ec.generate_private_key(ec.SECP256R1())
        self._jwk = tokens.key_set()["keys"][0]
        private: Any = serialization.load_pem_private_key(pem.encode(), None)
        self._public_pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def good(self) -> str:
        role = self._rng.choice(list(Role))
        return self._tokens.issue(PLAYER, SESSION, "ada", role)[0]

    def _header(self, **changes: Any) -> dict[str, Any]:
        header = {"alg": "ES256", "kid": self._jwk["kid"], "typ": "at+jwt"} | changes
        return {name: value for name, value in header.items() if value is not ...}

    def _claims(self, **changes: Any) -> dict[str, Any]:
        claims = jwt.decode(self.good(), options={"verify_signature": False}) | changes
        return {name: value for name, value in claims.items() if value is not ...}

    def signed(self, header: str, claims: str, *, key: Any = None) -> str:
        """A token whose two parts are given as text, signed with our key or another one."""
        text = f"{header}.{claims}".encode()
        loaded = key or serialization.load_pem_private_key(self._pem.encode(), None)
        return f"{text.decode()}.{b64(jwt.get_algorithm_by_name('ES256').sign(text, loaded))}"

    def ours(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        return self.signed(part(self._header(**(header or {}))), part(self._claims(**claims)))

    # --- By name: one of each trick ---------------------------------------------------------------------------------

    def named(self) -> Iterator[Wrong]:
        """Each known trick once."""
        yield from self._algorithms()
        yield from self._headers()
        yield from self._times_and_names()
        yield from self._shapes()

    def _algorithms(self) -> Iterator[Wrong]:
        _, claims, signature = self.good().split(".")
        for name in ("none", "None", "nOnE", "HS256", "HS512", "RS256", "PS256", "ES384", "ES512", "ES256K", "EdDSA"):
            yield Wrong(f"alg {name}", f"{part(self._header(alg=name))}.{claims}.{signature}")
        yield Wrong("alg none, no signature", f"{part(self._header(alg='none'))}.{claims}.")
        yield Wrong("no alg", f"{part(self._header(alg=...))}.{claims}.{signature}")
        yield Wrong("alg as a list", f"{part(self._header(alg=['ES256']))}.{claims}.{signature}")
        for name, secret in (
            ("the public key as PEM", self._public_pem),
            ("the public key as JWK", json.dumps(self._jwk).encode()),
            ("nothing", b""),
        ):
            text = f"{part(self._header(alg='HS256'))}.{claims}"
            mac = b64(hmac.digest(secret, text.encode(), "sha256"))
            yield Wrong(f"HS256 with {name}", f"{text}.{mac}")
        yield Wrong("no signature", f"{part(self._header())}.{claims}.")
        yield Wrong("a signature of zeros", f"{part(self._header())}.{claims}.{b64(bytes(64))}")
        yield Wrong("a signature in DER", f"{part(self._header())}.{claims}.{b64(bytes.fromhex('3006020101020101'))}")

    def _headers(self) -> Iterator[Wrong]:
        kids: list[Any] = [
            "unknown",
            "",
            "../../../dev/null",
            "/proc/self/environ",
            "' OR 1=1 --",
            "x' UNION SELECT 'secret'--",
            "|id",
            f"{self._jwk['kid']} ",
            str(self._jwk["kid"]).upper() + "X",
            [self._jwk["kid"]],
            {"kid": self._jwk["kid"]},
            None,
            0,
            ...,
        ]
        for kid in kids:
            yield Wrong(f"kid {kid!r}", self.ours(header={"kid": kid}))
        for typ in ("JWT", "AT+JWT", "at+jwt ", "application/at+jwt", "refresh", ["at+jwt"], None, ...):
            yield Wrong(f"typ {typ!r}", self.ours(header={"typ": typ}))
        mine = {"kty": "EC", "crv": "P-256", **jwt.algorithms.ECAlgorithm.to_jwk(self._own.public_key(), as_dict=True)}
        rsa_key = rsa.generate_private_key(65537, 2048)
        for name, value in (
            ("jwk", mine),
            ("jku", "https://evil.example/jwks.json"),
            ("x5u", "https://evil.example/cert.pem"),
            ("x5c", ["AAAA"]),
        ):
            header = part(self._header(**{name: value}))
            yield Wrong(f"{name} of the attacker", self.signed(header, part(self._claims()), key=self._own))
        yield Wrong("signed by another key", self.signed(part(self._header()), part(self._claims()), key=self._own))
        claims = self._claims()
        yield Wrong("RS256", jwt.encode(claims, rsa_key, algorithm="RS256", headers=self._header(alg="RS256")))
        yield Wrong("crit", self.ours(header={"crit": ["exp"]}))
        yield Wrong("crit and b64", self.ours(header={"crit": ["b64"], "b64": False}))
        twice = json.dumps(self._header())[:-1] + ', "alg": "none"}'
        yield Wrong("alg twice", self.signed(b64(twice.encode()), part(self._claims())))

    def _times_and_names(self) -> Iterator[Wrong]:
        now = int(utc_now().timestamp())
        yield Wrong("expired", self.ours(iat=now - 700, nbf=now - 700, exp=now - 100))
        yield Wrong("expired long ago", self.ours(iat=1, nbf=1, exp=600))
        yield Wrong("not valid yet", self.ours(iat=now, nbf=now + 300, exp=now + 500))
        yield Wrong("issued in the future", self.ours(iat=now + 300, nbf=now, exp=now + 500))
        yield Wrong("lives too long", self.ours(exp=now + 10**6))
        yield Wrong("lives too long by a second", self.ours(iat=now, exp=now + 601))
        yield Wrong("issued far in the past, still alive", self.ours(iat=0, exp=now + 600))
        yield Wrong("another issuer", self.ours(iss="https://evil.example"))
        yield Wrong("issuers as a list", self.ours(iss=["scoreboard"]))
        yield Wrong("another audience", self.ours(aud="payroll"))
        yield Wrong("no audience in a list", self.ours(aud=[]))
        yield Wrong("another version", self.ours(ver=2))
        yield Wrong("version as text", self.ours(ver="1"))
        yield Wrong("a role that is none", self.ours(role="root"))
        yield Wrong("a role in capitals", self.ours(role="ADMIN"))
        yield Wrong("a subject that is no id", self.ours(sub="admin"))
        yield Wrong("a session that is no id", self.ours(sid="' OR 1=1 --"))
        for name in ("iss", "aud", "sub", "sid", "jti", "exp", "nbf", "iat", "ver", "role", "name"):
            without: dict[str, Any] = {name: ...}
            yield Wrong(f"no {name}", self.ours(**without))
        twice = json.dumps(self._claims())[:-1] + ', "exp": 1}'
        yield Wrong("exp twice", self.signed(part(self._header()), b64(twice.encode())))

    def _shapes(self) -> Iterator[Wrong]:
        good = self.good()
        header, claims, signature = good.split(".")
        for text in ("", ".", "..", "...", "a.b.c", "null", "undefined", "Bearer", header, f"{header}.{claims}"):
            yield Wrong(f"shape {text[:12]!r}", text)
        yield Wrong("four parts", f"{good}.{signature}")
        yield Wrong("five parts, as if encrypted", f"{good}.{signature}.{signature}")
        yield Wrong("claims that are a list", self.signed(part(self._header()), part([])))
        yield Wrong("claims that are text", self.signed(part(self._header()), part("ada")))
        yield Wrong("claims that are no JSON", self.signed(part(self._header()), b64(b"{")))
        yield Wrong("a header that is a list", self.signed(part([self._header()]), part(self._claims())))
        yield Wrong("a very long name", self.ours(name="x" * 5000))
        yield Wrong("very long", good + "A" * 100_000)
        yield Wrong("claims nested deeply", f"{header}.{b64(b'[' * 2000)}.{signature}")
        yield Wrong("padding", good + "==")
        yield Wrong("a point at the end", good + ".")
        yield Wrong("noise after the signature", good + "!!")
        yield Wrong("noise in the signature", f"{header}.{claims}.{signature[:40]}*{signature[40:]}")
        yield Wrong("the ordinary alphabet", f"{header}.{claims}.{signature[:40]}+/{signature[42:]}")

    # --- By the thousand ---------------------------------------------------------------------------------------------

    def many(self, number: int) -> Iterator[Wrong]:
        """So many wrong tokens: mostly flipped bits and swapped characters, with everything else among them."""
        ways = (
            self._flipped,
            self._flipped,
            self._flipped,
            self._swapped,
            self._swapped,
            self._spaced,
            self._cut,
            self._spliced,
            self._junk_claim,
            self._junk_header,
        )
        for _ in range(number):
            yield self._rng.choice(ways)()

    def _flipped(self) -> Wrong:
        parts = [base64.urlsafe_b64decode(each + "==") for each in self.good().split(".")]
        which = self._rng.randrange(3)
        raw = bytearray(parts[which])
        bit = self._rng.randrange(len(raw) * 8)
        raw[bit // 8] ^= 1 << bit % 8
        parts[which] = bytes(raw)
        return Wrong(f"bit {bit} of part {which}", ".".join(map(b64, parts)))

    def _swapped(self) -> Wrong:
        text = self.good()
        at = self._rng.choice([place for place, character in enumerate(text) if character != "."])
        other = self._rng.choice([character for character in _ALPHABET if character != text[at]])
        return Wrong(f"character {at} became {other!r}", text[:at] + other + text[at + 1 :])

    def _spaced(self) -> Wrong:
        text = self.good()
        at = self._rng.randrange(1, len(text))
        space = self._rng.choice(_SPACES)
        return Wrong(f"{space!r} at {at}", text[:at] + space + text[at:])

    def _cut(self) -> Wrong:
        text = self.good()
        begin, end = sorted(self._rng.sample(range(len(text) + 1), 2))
        if end - begin == len(text):
            end -= 1
        return Wrong(f"only {begin}..{end}", text[begin:end])

    def _spliced(self) -> Wrong:
        """Claims of one token under the signature of another."""
        header, _, signature = self.good().split(".")
        claims = self._claims(role="admin", sub=str(new_id()))
        return Wrong("spliced", f"{header}.{part(claims)}.{signature}")

    def _junk_claim(self) -> Wrong:
        name = self._rng.choice(["iss", "aud", "sub", "sid", "exp", "nbf", "iat", "ver", "role"])
        junk = self._rng.choice([value for value in _JUNK if not (name in ("nbf", "iat") and value in (0, 1.5, True))])
        return Wrong(f"{name} is {str(junk)[:20]!r}", self.ours(**{name: junk}))

    def _junk_header(self) -> Wrong:
        name = self._rng.choice(["alg", "kid", "typ"])
        junk = self._rng.choice(_JUNK)
        return Wrong(f"header {name} is {str(junk)[:20]!r}", self.ours(header={name: junk}))
