"""The encoded top of a board season in Redis (L2): one look-up, no walk; dropped in the step that changes it."""

from dataclasses import replace
from datetime import datetime

import msgspec

from scoreboard.domain.standing import Page
from scoreboard.live import keys, read_scripts
from scoreboard.live.leaderboard import run_here
from scoreboard.live.redis_link import Live

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


async def read_top(live: Live, season_id: int, size: int, frozen: datetime | None = None) -> Page | None:
    """The kept top with the number of ranked players as it is now; None when there is none.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    answer = await run_here(live, read_scripts.READ_TOP, _names(season_id, size, frozen), [], frozen)
    if answer is None:
        return None
    return replace(_decode(answer[0]), total=answer[1])


async def keep_top(live: Live, season_id: int, size: int, page: Page, ttl: int, frozen: datetime | None = None) -> bool:
    """Keep a top for ``ttl`` seconds, unless the board moved on since it was read. Raises LiveUnavailable."""
    names = _names(season_id, size, frozen)
    return bool(await live.run(read_scripts.KEEP_TOP, names, [page.epoch, page.seq, ttl, _encode(page)]))


def _names(season_id: int, size: int, frozen: datetime | None) -> list[str]:
    apart = frozen is not None
    return [keys.leaderboard(season_id, frozen=apart), keys.leaderboard_top(season_id, size, frozen=apart)]
