"""Which passwords are taken, how they are kept, and that an unknown player costs as much as a known one."""

import asyncio
import unicodedata
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security import passwords as module
from scoreboard.security.passwords import Passwords, password_fault

LENGTH = "A password has 8 to 128 characters."
COMMON = "This password is one of the first that anybody would try. Please choose another one."


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    opened = Passwords(threads=2, queue=8)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("password", "username", "fault"),
    [
        ("correct horse battery", "ada", None),
        ("long enough", "ada", None),
        ("x" * 7, "ada", LENGTH),
        ("xkcdqzvw", "ada", None),
        ("xq" * 64, "ada", None),
        ("xq" * 64 + "x", "ada", LENGTH),
        ("e\u0301" * 7, "ada", LENGTH),  # seven letters, in fourteen parts
        ("e\u0301q" * 64, "ada", None),
        ("", "ada", LENGTH),
        ("password", "ada", COMMON),
        ("PassWord", "ada", COMMON),
        ("12345678", "ada", COMMON),
        ("qwertyuiop", "ada", COMMON),
        ("q1w2e3r4t5y6", "ada", COMMON),
        ("Ada Lovelace", "Ada Lovelace", "The password cannot be the username."),
        ("ADA LOVELACE", "Ada Lovelace", "The password cannot be the username."),
        ("Ada Lovelace!", "Ada Lovelace", None),
        ("        ", "ada", None),
        ("пароль длинный", "ada", None),
    ],
)
def test_which_passwords_are_taken(password: str, username: str, fault: str | None) -> None:
    assert password_fault(password, username) == fault


async def test_a_password_is_the_same_from_every_keyboard(passwords: Passwords) -> None:
    composed = unicodedata.normalize("NFC", "é è ü ç ñ å")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    assert await passwords.verify(await passwords.hash(apart), composed)
    assert await passwords.verify(await passwords.hash(composed), apart)
    assert not await passwords.verify(await passwords.hash(composed), "e e u c n a")
    full_width = "ｐａｓｓ ｗｏｒｄ"
    assert not await passwords.verify(await passwords.hash(full_width), "pass word")  # NFC, not NFKC


async def test_the_parameters_are_those_that_are_recommended(passwords: Passwords) -> None:
    encoded = await passwords.hash("correct horse battery")
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.is_outdated(encoded)
    assert passwords.is_outdated(PasswordHasher(1, 8192, 1).hash("correct horse battery"))
    assert passwords.is_outdated(PasswordHasher(2, 19_456, 1, type=Type.I).hash("correct horse battery"))


class Counting(PasswordHasher):
    """Counts what costs time."""

    verified: list[str]

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - its name
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were checked."""
    hasher = Counting(2, 19_456, 1)
    hasher.verified = []
    monkeypatch.setattr(module, "_HASHER", hasher)
    return hasher.verified


async def test_an_unknown_player_costs_as_much_as_a_known_one(passwords: Passwords, verified: list[str]) -> None:
    real = await passwords.hash("correct horse battery")
    for encoded in (real, None):
        verified.clear()
        assert not await passwords.verify(encoded, "not this one")
        assert len(verified) == 1
        assert verified[0].split("$")[:4] == real.split("$")[:4]  # with the same parameters


@pytest.mark.parametrize("encoded", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA", None])
async def test_what_is_no_hash_matches_nothing(passwords: Passwords, encoded: str | None) -> None:
    assert not await passwords.verify(encoded, "no player has this password")


async def test_more_than_fit_are_turned_away() -> None:
    small = Passwords(threads=1, queue=1)
    try:
        tried = await asyncio.gather(*(small.hash("correct horse battery") for _ in range(5)), return_exceptions=True)
        refused = [each for each in tried if isinstance(each, Refusal)]
        assert len(refused) == 3
        assert {each.code for each in refused} == {ErrorCode.OVERLOADED}
        assert isinstance(await small.hash("correct horse battery"), str)
    finally:
        small.close()
