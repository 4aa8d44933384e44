"""The passwords that are tried first: thirty thousand that were found most often in leaked collections.

They come with zxcvbn, whose list is kept and published (MIT); its guess of a password's strength is not used, as the
rule should be one that can be told in a sentence.
"""

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])


def is_common(password: str) -> bool:
    """Whether a password is on the list, whatever the case of its letters."""
    return password.casefold() in _COMMON
