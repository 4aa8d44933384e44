"""A spectator who reads the board over HTTP all the time and compares each page with what is possible.

A page must be ranked as its own entries demand, hold nobody's score below what was answered a sweep ago, nor above what
was asked for when the read ended, and nobody who is concealed: no wrong rank, whatever store it comes from.
"""

import asyncio
import time
from collections import Counter
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx2 as httpx

from scoreboard.domain.board import Board
from tests.chaos.ground import Ground
from tests.chaos.load import Load
from tests.ranking_model import Row, rank
from tests.stage import until

_MAIN = Board("main", "All players")
_LIMIT = 500
_UNAVAILABLE = (503, 504)
SWEPT_S = 5.0
"""Within what every page shows what was answered: the sweep announces what others left after 2 s, every half second."""


class Spectator:
    """Use it as a context, around the load; it raises what it saw at the end.

    Args:
        ground: where to read.
        load: who plays; players who do not are not judged.
        before: scores of the load's players before it began.
        forgiving: a 503 is no fault, as with Postgres and Redis both away; otherwise every read has to succeed.
        addresses: of API processes to read from; all when None.
        lag_s: seconds that a page may lag behind an answer.
        pause: seconds between two reads.
    """

    def __init__(
        self,
        ground: Ground,
        load: Load,
        before: dict[str, int],
        *,
        forgiving: bool = False,
        addresses: list[str] | None = None,
        lag_s: float = SWEPT_S,
        pause: float = 0.02,
    ) -> None:
        self._ground, self._load, self._before, self._forgiving = ground, load, before, forgiving
        self._lag_s, self._pause = lag_s, pause
        self._addresses = addresses if addresses is not None else ground.apis
        self.reads = 0
        self.refused = 0
        self.stale_s = 0.0
        """The longest that a page did not show what had been answered."""
        self.epochs: Counter[str] = Counter()
        """How many pages came of each generation; the empty one is Postgres."""
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def _look(self) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            answered = len(self._load.floor)
            began = time.monotonic()
            url = self._addresses[n % len(self._addresses)]
            try:
                reply = await self._ground.client.get(f"{url}/api/v1/boards/main/entries", params={"limit": _LIMIT})
            except httpx.TransportError:
                await asyncio.sleep(self._pause)  # a process that was killed; the next read goes to the other
                continue
            if reply.status_code in _UNAVAILABLE and self._forgiving:
                self.refused += 1
                await asyncio.sleep(self._pause)
                continue
            assert reply.status_code == 200, reply.text
            page = reply.json()
            if page["stale_since"] is None:
                self._judge(page, answered, began)
            self.reads += 1
            self.epochs[page["epoch"]] += 1
            await asyncio.sleep(self._pause)

    def _judge(self, page: dict[str, Any], answered: int, began: float) -> None:
        rows = [Row(UUID(e["player_id"]), e["username"], e["score"], e["reached_at"]) for e in page["entries"]]
        shown = [(e["rank"], e["player_id"], e["score"]) for e in page["entries"]]
        assert shown == [(e.rank, str(e.player_id), e.score) for e in rank(_MAIN, rows)], "a wrong rank"
        scores = {str(row.player_id): row.score for row in rows}
        assert not self._ground.concealed & set(scores), "a concealed player is shown"
        least = min(scores.values(), default=0)
        whole = page["total"] <= _LIMIT
        for at, player, score in self._load.floor[:answered]:
            if scores.get(player, 0 if whole else least) < score and (whole or player in scores):
                self.stale_s = max(self.stale_s, began - at)
        assert self.stale_s < self._lag_s, f"a page of generation {page['epoch']!r} lags behind by {self.stale_s:.1f} s"
        for player, asked in self._load.begun.items():
            most = self._before.get(player, 0) + asked
            assert scores.get(player, 0) <= most, f"{scores.get(player)} is shown, at most {most} can be"

    async def more(self, reads: int = 3) -> None:
        """Wait until so many more pages were judged. Raises what was seen."""
        goal = self.reads + reads

        def reached() -> bool:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            return self.reads >= goal

        await until(reached, what="more reads")

    async def __aenter__(self) -> "Spectator":
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._task is not None
        if kind is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            return
        await self._task


async def scores_of(ground: Ground, load_people: list[str]) -> dict[str, int]:
    """What these players have on the main board, from Postgres."""
    rows = await ground.sql(
        "SELECT s.player_id, s.score FROM scores s JOIN seasons ON seasons.id = s.season_id"
        " WHERE seasons.board_key = 'main' AND seasons.status = 'open' AND s.player_id = ANY($1::uuid[])",
        load_people,
    )
    return {str(row["player_id"]): int(row["score"]) for row in rows}


async def generation(ground: Ground) -> str:
    """Of which generation the board is read; empty while it comes from Postgres, or when nobody answers."""
    try:
        reply = await ground.client.get(f"{ground.apis[0]}/api/v1/boards/main/entries", params={"limit": 1})
    except httpx.TransportError:
        return ""
    return str(reply.json()["epoch"]) if reply.status_code == 200 else ""
