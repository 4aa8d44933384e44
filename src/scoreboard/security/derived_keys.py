"""One master key, one derived key for each purpose (HKDF-SHA256, RFC 5869), so that none can stand in for another."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def derive_key(master: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose, such as ``action-token`` or ``request:<session id>``."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"scoreboard/{purpose}".encode()).derive(master)
