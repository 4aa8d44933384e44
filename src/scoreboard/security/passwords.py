"""Password hashing with argon2id in its own small thread pool.

One hash costs about 18 ms of CPU and releases the interpreter lock: on the event loop's default pool a few log-ins
would starve everything else. Parameters: OWASP Password Storage Cheat Sheet (m=19 MiB, t=2, p=1).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from scoreboard.domain.errors import ErrorCode, Refusal

PASSWORD_MIN = 8
PASSWORD_MAX = 128
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash of nothing in particular: verifying against it takes as long as against a real one.
_DECOY = _HASHER.hash("no player has this password")
T = TypeVar("T")


class Passwords:
    """A bounded pool for hashing and verifying. More waiting log-ins than ``queue`` are refused early."""

    def __init__(self, *, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._busy = 0

    async def hash(self, password: str) -> str:
        """The encoded hash. Raises Refusal OVERLOADED when too many are waiting."""
        return await self._run(lambda: _HASHER.hash(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right. None takes as long as a real hash, so unknown players cannot be told apart.

        Raises:
            Refusal: OVERLOADED when too many are waiting.
        """
        return await self._run(lambda: _matches(encoded, password))

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
        return _HASHER.verify(encoded or _DECOY, password) and encoded is not None
    except (VerificationError, InvalidHashError):
        return False
