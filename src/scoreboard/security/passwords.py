"""Which passwords are good enough, and their hashing with argon2id in its own small thread pool.

One hash costs about 18 ms of CPU and releases the interpreter lock: on the event loop's default pool a few log-ins
would starve everything else. Parameters: OWASP Password Storage Cheat Sheet (m=19 MiB, t=2, p=1). Rules: NIST
SP 800-63B §3.1.1.2, with its length and list and without rules about kinds of characters.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import fold_username
from scoreboard.security.common_passwords import is_common

PASSWORD_MIN = 8
PASSWORD_MAX = 128
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash of nothing in particular: verifying against it takes as long as against a real one.
_DECOY = _HASHER.hash("no player has this password")
T = TypeVar("T")


def password_fault(password: str, username: str) -> str | None:
    """Why a password cannot be used for this account, in words for the player; None when it can."""
    if not PASSWORD_MIN <= len(_composed(password)) <= PASSWORD_MAX:
        return f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters."
    if fold_username(password) == fold_username(username):
        return "The password cannot be the username."
    if is_common(_composed(password)):
        return "This password is one of the first that anybody would try. Please choose another one."
    return None


class Passwords:
    """A bounded pool for hashing and verifying. More waiting log-ins than ``queue`` are refused early."""

    def __init__(self, *, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._busy = 0

    async def hash(self, password: str) -> str:
        """The encoded hash. Raises Refusal OVERLOADED when too many are waiting."""
        return await self._run(lambda: _HASHER.hash(_composed(password)))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right. None takes as long as a real hash, so unknown players cannot be told apart.

        Raises:
            Refusal: OVERLOADED when too many are waiting.
        """
        return await self._run(lambda: _matches(encoded, password))

    @staticmethod
    def is_outdated(encoded: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return _HASHER.check_needs_rehash(encoded)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy >= self._room:
            raise Refusal(ErrorCode.OVERLOADED, "Too many people are logging in at this moment.", 1)
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._busy -= 1

    def close(self) -> None:
        """Stop the threads; waiting work is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _matches(encoded: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(encoded or _DECOY, _composed(password)) and bool(encoded)
    except (VerificationError, InvalidHashError):
        return False


def _composed(password: str) -> str:
    """The same password whatever keyboard it was typed on: some send accented letters composed, others in two parts."""
    return unicodedata.normalize("NFC", password)
