"""Which username somebody gets who comes from an external provider: near what they are called there, by our rules."""

import unicodedata
from collections.abc import Iterator

from scoreboard.domain.player import USERNAME_MAX, username_fault

_FALLBACK = "player"
_DIGITS = (4, 8, 12, 16)


def usernames_for(wished: str | None, number: int) -> Iterator[str]:
    """Usernames to try, in order, until one is free; all of them are valid.

    Args:
        wished: What the provider calls them. Of an e-mail address only the part before the @ is used: addresses are
            never public.
        number: Random, 16 digits or more, so that nobody can take all the names beforehand.
    """
    name = " ".join(unicodedata.normalize("NFC", wished or "").split("@", 1)[0].split())
    if username_fault(name) is None:
        yield name
    base = name[:USERNAME_MAX].rstrip()
    if username_fault(base) is not None:
        base = _FALLBACK
    for digits in _DIGITS:
        # Digits belong to no alphabet: a letter here could make a good name one that mixes two.
        suffix = f"-{number % 10**digits:0{digits}}"
        yield base[: USERNAME_MAX - len(suffix)].rstrip() + suffix
