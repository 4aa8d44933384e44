"""Identifiers: ours sort by the time they were made; a caller's is taken where it can do no harm."""

import os
import re
import time
from uuid import UUID

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (millis & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return UUID(int=value)


def request_id_of(given: str) -> str:
    """The id under which a request is logged: the caller's (X-Request-ID), or a new one where that is none."""
    return given if _REQUEST_ID.fullmatch(given) else str(new_id())
