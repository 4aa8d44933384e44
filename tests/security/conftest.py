"""Fixtures of the security tests: what they count, the stage of the live protocol, a browser."""

from collections.abc import Callable

import pytest

from tests.browser import browser
from tests.contract.conftest import realtime, stage, start_realtime
from tests.security.counts import PREFIX

__all__ = ["browser", "realtime", "stage", "start_realtime"]

Count = Callable[[str, int], None]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Note how often something was done; ``make test-full`` adds it up (see ``counts``)."""

    def note(name: str, number: int) -> None:
        record_property(PREFIX + name, number)

    return note
