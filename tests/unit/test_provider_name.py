"""The names of players who come from an identity provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.player import username_fault
from scoreboard.domain.provider_name import usernames_for

NUMBER = 987_654_321_098_765_432_109


@pytest.mark.parametrize(
    ("wished", "names"),
    [
        ("Ada", ["Ada", "Ada-2109", "Ada-65432109"]),
        ("  Ada   Lovelace ", ["Ada Lovelace", "Ada Lovelace-2109"]),
        ("Zoe\u0308", ["Zoë", "Zoë-2109"]),
        ("Юля", ["Юля", "Юля-2109"]),
        ("ada@example.org", ["ada", "ada-2109"]),
        ("x" * 40, ["x" * 27 + "-2109", "x" * 23 + "-65432109"]),
        ("a" * 26 + " " + "b" * 20, ["a" * 26 + "-2109"]),
        ("a", ["player-2109", "player-65432109", "player-098765432109"]),
        ("@", ["player-2109"]),
        (None, ["player-2109"]),
        ("", ["player-2109"]),
        ("ev\u202eil", ["player-2109"]),
        ("аdmin", ["player-2109"]),
        ("a\x00b", ["player-2109"]),
        ("\ud800\ud800", ["player-2109"]),
    ],
    ids=repr,
)
def test_names_are_near_what_was_wished(wished: str | None, names: list[str]) -> None:
    assert list(usernames_for(wished, NUMBER))[: len(names)] == names


@given(st.text(max_size=60), st.integers(min_value=10**16, max_value=2**128))
def test_every_name_is_valid_and_no_two_are_the_same(wished: str, number: int) -> None:
    names = list(usernames_for(wished, number))
    assert [name for name in names if username_fault(name) is not None] == []
    assert len(set(names)) == len(names) >= 4
