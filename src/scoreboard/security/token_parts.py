"""The readable parts of a JSON Web Token, read more strictly than JSON and base64 allow.

For our own access tokens and for those of an external provider, before and beside the signature check: two readers of
one token must never see two different tokens.
"""

import base64
import json
import re
from typing import Any, NoReturn

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LATEST = 2**40  # the year 36812; beyond it the calendar ends before the arithmetic does


class MalformedTokenError(ValueError):
    """What was sent is no JSON Web Token, or could be read in more than one way."""


def read_parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims. Nothing of it is to be believed before the signature is verified.

    Raises:
        MalformedTokenError: not three parts of plain base64url without padding, not JSON objects, a member that comes
            twice (RFC 8725 §2.4 warns of readers that differ), or a number that is none.
    """
    if _FORM.fullmatch(token) is None:
        raise MalformedTokenError("not three parts of base64url")
    header, claims, _ = token.split(".")
    return _read(header), _read(claims)


def is_moment(value: object, *, whole: bool) -> bool:
    """Whether a claim is a NumericDate (RFC 7519 §2) that a calendar can hold; ``whole``: without a fraction."""
    kinds = (int,) if whole else (int, float)
    # A boolean is an integer to Python, not to anybody else.
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < _LATEST


def _read(part: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        read = json.loads(raw, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedTokenError("not readable") from error
    if not isinstance(read, dict):
        raise MalformedTokenError("not an object")
    return read


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(members)
    if len(read) != len(members):
        raise MalformedTokenError("a member comes twice")
    return read


def _no_number(name: str) -> NoReturn:
    raise MalformedTokenError(f"{name} is no JSON number")
