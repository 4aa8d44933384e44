"""The keys with which the platform itself signs: elliptic-curve keys on P-256, named by their thumbprints.

Access tokens and the audit log's seals are signed with the current one; the previous one still verifies. The worker
signs seals too, and its image is without PyJWT.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scoreboard.settings import Settings


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """A key pair and the ``kid`` by which tokens, seals and the key set name it."""

    id: str
    private: EllipticCurvePrivateKey
    public: EllipticCurvePublicKey

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature with SHA-256 (DER)."""
        return self.private.sign(message, ECDSA(SHA256()))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message is this key's."""
        try:
            self.public.verify(signature, message, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def load_platform_key(pem: str) -> PlatformKey:
    """A key from its PEM. Raises ValueError when it is not an unencrypted private key on P-256."""
    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise ValueError("SCOREBOARD_SIGNING_KEY must be an unencrypted PEM private key") from error
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ValueError("SCOREBOARD_SIGNING_KEY must be an elliptic-curve key on P-256")
    public = private.public_key()
    x, y = (_coordinate(number) for number in (public.public_numbers().x, public.public_numbers().y))
    # RFC 7638: the members that make the key, in alphabetical order, without spaces.
    thumbprint = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    return PlatformKey(hashlib.sha256(thumbprint.encode()).hexdigest()[:16], private, public)


def _coordinate(number: int) -> str:
    """As a JSON Web Key has it (RFC 7518 §6.2.1.2): 32 bytes, base64url without padding."""
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")


def platform_keys(settings: Settings) -> list[PlatformKey]:
    """The current key, which signs, then the previous one where there is one. Raises ValueError for unusable ones."""
    pems = [settings.signing_key, settings.previous_signing_key]
    return [load_platform_key(pem.get_secret_value()) for pem in pems if pem is not None]
