"""The encoded top of each board in this process (L1): one read of the leaderboard for everybody who asks in 250 ms."""

import asyncio
from dataclasses import dataclass, field
from hashlib import blake2b

from scoreboard import telemetry
from scoreboard.domain.freeze import Look
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_board import read_top
from scoreboard_api.schemas.boards import encode_page

_ENTRIES = 1000
Key = tuple[str, int, int | None, Look]
"""Board, entries, season, and who looks as of when: what moderators see of a frozen board is kept apart."""


@dataclass(slots=True)
class KeptTop:
    """Encoded bytes and the ETag by which a cache asks whether they still hold."""

    body: bytes
    etag: str
    visibility: str
    read_at: float
    frozen: bool = False


@dataclass(slots=True)
class TopCache:
    """Single-flight: while one request reads a board, the others wait for its answer."""

    platform: Platform
    _kept: dict[Key, KeptTop] = field(default_factory=dict)
    _reading: dict[Key, asyncio.Task[KeptTop]] = field(default_factory=dict)

    async def read(self, board_key: str, limit: int, season_id: int | None, look: Look) -> KeptTop:
        """The encoded top of a board.

        Raises:
            Refusal: NOT_FOUND, VALIDATION_ERROR or DEPENDENCY_UNAVAILABLE.
        """
        key = (board_key, limit, season_id, look)
        kept = self._kept.get(key)
        now = asyncio.get_running_loop().time()
        if kept is not None and now - kept.read_at < self.platform.settings.l1_ttl:
            telemetry.CACHE_READS.labels("l1").inc()
            return kept
        task = self._reading.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(key))
            self._reading[key] = task
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, key: Key) -> KeptTop:
        board_key, limit, season_id, look = key
        began = asyncio.get_running_loop().time()
        view = await read_top(self.platform, board_key, limit, season_id, look)
        body = encode_page(view)
        # The published sequence only covers the board's own size, so the tag is taken from what is sent.
        etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
        kept = KeptTop(body, etag, str(view.board.visibility), began, view.freeze is not None)
        if len(self._kept) >= _ENTRIES:
            self._kept.clear()
        self._kept[key] = kept
        return kept
