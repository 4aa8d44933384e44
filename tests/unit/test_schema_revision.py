"""The schema that the code needs is the newest migration, and newer ones do as well."""

import pytest

from scoreboard.storage import schema_revision
from scoreboard.storage.migrate import head_revision


def test_the_code_needs_the_newest_migration() -> None:
    assert head_revision() == schema_revision.NEEDED


@pytest.mark.parametrize(
    ("revision", "fits"),
    [
        (schema_revision.NEEDED, True),
        ("9999", True),
        ("0001", False),
        (None, False),
        ("", False),
        ("0f7a", False),
        (schema_revision.UNREADABLE, False),
    ],
)
def test_what_this_version_runs_on(revision: str | None, fits: bool) -> None:
    assert schema_revision.suffices(revision) is fits


@pytest.mark.parametrize(
    ("revision", "newer"),
    [("9999", True), (schema_revision.NEEDED, False), ("0001", False), ("", False), ("0f7a", False)],
)
def test_what_a_later_version_has_made(revision: str, newer: bool) -> None:
    assert schema_revision.is_newer(revision) is newer
