"""The leaderboard of a board season in Redis: projected by version, read in one step, rebuilt beside the old one.

Nothing here raises when a board season is merely missing: readers get None and turn to Postgres.

``frozen`` is the moment as of which the public sees a board season during a freeze. What is frozen lies beside the real
one, nothing is projected into it, and its run names the moment too: another freeze's is not believed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from scoreboard.domain.board import Board, RankStyle, TieRule, reached_at_of, sort_score, tie_key
from scoreboard.domain.clock import microseconds
from scoreboard.domain.events import Ranks, StandingChange
from scoreboard.domain.standing import Entry, Page, Standing, Standings
from scoreboard.live import keys, read_scripts, scripts
from scoreboard.live.redis_link import Live, LiveUnavailable

_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class SeasonProjection:
    """What projecting did to one board season. ``ready`` False: there is no leaderboard to rank in."""

    ready: bool
    epoch: str
    seq: int
    top_changed: bool
    ranks: tuple[Ranks, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """The answer of one projection call; ``seasons`` runs parallel to the groups given."""

    stream_epoch: str
    first_number: int
    seasons: tuple[SeasonProjection, ...]


def _item(board: Board, change: StandingChange) -> list[str | int]:
    score = "" if change.score is None else str(sort_score(board, change.score))
    return [str(change.player_id), change.version, score, tie_key(board, change.reached_at), change.username]


def _stamp(frozen: datetime | None) -> str:
    return "" if frozen is None else f"@{microseconds(frozen)}"


async def run_here(
    live: Live, script: scripts.Script, names: list[str], arguments: list[Any], frozen: datetime | None = None
) -> Any:
    """Run a script that compares the server's identity; an answer across a reconnect counts as none."""
    if not live.run_id:
        await live.ping()
    run = live.run_id
    answer = await live.run(script, names, [run + _stamp(frozen), *arguments])
    if live.run_id != run:
        raise LiveUnavailable("Redis restarted during the call")
    return answer


async def project(
    live: Live,
    groups: Sequence[tuple[int, Board, Sequence[StandingChange]]],
    *,
    event: bytes,
    numbers: int,
    stream_length: int,
    fresh_epoch: str,
) -> Projection:
    """Place every change where its version is newer, and append the event, in one call.

    Args:
        live: the connection.
        groups: for each season its id, its board and the changes in commit order.
        event: the encoded event for the stream; empty for none.
        numbers: how many stream numbers the event takes (one for each of its items).
        stream_length: roughly how many events the stream keeps.
        fresh_epoch: the stream's epoch, should Redis have lost the old one.

    Raises:
        LiveUnavailable: nothing can be said about what was projected; projecting again is safe.
    """
    arguments: list[Any] = [stream_length, fresh_epoch, len(groups)]
    for _, board, changes in groups:
        arguments += [board.size, str(board.rank_style), len(changes)]
        for change in changes:
            arguments += _item(board, change)
    arguments += [event, numbers]
    names = [keys.STREAM, keys.STREAM_META, *(keys.leaderboard(season) for season, _, _ in groups)]
    epoch, first, seasons = await run_here(live, scripts.PROJECT, names, arguments)
    return Projection(epoch.decode(), first, tuple(decode_season(season) for season in seasons))


def decode_season(raw: Sequence[Any]) -> SeasonProjection:
    """One season of the script's answer; the same shape travels in the stream's ``r`` field."""
    ready, epoch, seq, changed, flat = raw
    ranks = tuple(Ranks(flat[i] or None, flat[i + 1] or None, bool(flat[i + 2])) for i in range(0, len(flat), 3))
    return SeasonProjection(
        bool(ready), epoch.decode() if isinstance(epoch, bytes) else epoch, int(seq), bool(changed), ranks
    )


def entry_of(board: Board, player: bytes, score: bytes, tie: bytes, name: bytes, rank: int) -> Entry:
    """A line of a board as the scripts return it."""
    value = int(float(score))
    return Entry(
        rank, UUID(player.decode()), name.decode(), sort_score(board, value), reached_at_of(board, tie.decode())
    )


async def read_range(
    live: Live, season_id: int, board: Board, start: int, stop: int, frozen: datetime | None = None
) -> Page | None:
    """Entries from 0-based ``start`` to ``stop`` inclusive; None when the leaderboard is not there.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    names = [keys.leaderboard(season_id, frozen=frozen is not None)]
    answer = await run_here(live, read_scripts.READ_RANGE, names, [str(board.rank_style), start, stop], frozen)
    if answer is None:
        return None
    epoch, seq, total, flat = answer
    entries = tuple(entry_of(board, *flat[i : i + 5]) for i in range(0, len(flat), 5))
    return Page(epoch.decode(), int(seq), total, entries)


async def read_players(
    live: Live, season_id: int, board: Board, players: Iterable[UUID], frozen: datetime | None = None
) -> Standings | None:
    """Where these players stand; None when the leaderboard is not there.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    asked = [str(player) for player in players]
    names = [keys.leaderboard(season_id, frozen=frozen is not None)]
    answer = await run_here(live, read_scripts.READ_PLAYERS, names, [str(board.rank_style), *asked], frozen)
    if answer is None:
        return None
    epoch, seq, total, rows = answer
    standings = tuple(
        Standing(row[0], entry_of(board, player.encode(), *row[1:])) if row else None
        for player, row in zip(asked, rows, strict=True)
    )
    return Standings(epoch.decode(), int(seq), total, standings)


async def provisional_ranks(
    live: Live, wanted: Sequence[tuple[int, Board, UUID, int]], frozen: datetime | None = None
) -> list[int | None]:
    """The rank that each player would have with another score, by (season, board, player, score).

    Of equal scores this one counts as the newest. None where the leaderboard is not there.

    Raises:
        LiveUnavailable: Redis cannot be asked.
    """
    arguments: list[Any] = []
    for _, board, player, score in wanted:
        latest = "1" if board.tie_rule is TieRule.LATEST else "0"
        arguments += [str(board.rank_style), latest, str(player), str(sort_score(board, score))]
    names = [keys.leaderboard(season, frozen=frozen is not None) for season, _, _, _ in wanted]
    ranks = await run_here(live, read_scripts.PROVISIONAL_RANKS, names, arguments, frozen)
    return [rank or None for rank in ranks]


async def begin_rebuild(live: Live, season_id: int, epoch: str, *, frozen: bool = False) -> str:
    """Register the epoch that is being built, so that projections reach it too. Returns the server's run id."""
    await live.ping()
    meta = keys.leaderboard_meta(season_id, frozen=frozen)
    abandoned = await live.ask("begin_rebuild", live.redis.hget(meta, "building"))
    await live.ask("begin_rebuild", live.redis.hset(meta, "building", epoch))
    if abandoned:
        # By a builder that died: nobody else would ever free what it had loaded.
        await live.ask("begin_rebuild", live.redis.unlink(*_parts(season_id, abandoned.decode(), frozen)))
    return live.run_id


async def load(
    live: Live, season_id: int, board: Board, epoch: str, changes: Sequence[StandingChange], *, frozen: bool = False
) -> bool:
    """Put rows read from Postgres into the epoch being built. False: it is gone, start again."""
    items = [str(field) for change in changes for field in _item(board, change)]
    arguments = [epoch, "1" if board.rank_style is RankStyle.DENSE else "0", _pack(items)]
    return bool(await live.run(scripts.LOAD, [keys.leaderboard(season_id, frozen=frozen)], arguments))


def _parts(season_id: int, epoch: str, frozen: bool) -> list[str]:
    """Every key of one epoch of a board season."""
    return [keys.leaderboard_part(season_id, epoch, part, frozen=frozen) for part in "zpdc"]


async def finish_rebuild(
    live: Live, season_id: int, epoch: str, run_id: str, frozen: datetime | None = None, *, ttl: int = 0
) -> bool:
    """Make the built epoch the one that is read, in one step. False: Redis lost it meanwhile, start again.

    ``ttl``: seconds after which what is frozen is forgotten; whoever still needs it builds it again.
    """
    if live.run_id != run_id:
        return False
    prefix = keys.leaderboard(season_id, frozen=frozen is not None)
    if not await live.run(scripts.SWITCH, [prefix], [epoch, run_id + _stamp(frozen)]):
        return False
    if ttl:
        for name in (keys.leaderboard_meta(season_id, frozen=True), *_parts(season_id, epoch, frozen=True)):
            await live.ask("finish_rebuild", live.redis.expire(name, ttl))
    return True


async def is_ready(live: Live, season_id: int, frozen: datetime | None = None) -> bool:
    """Whether a leaderboard of this server's own run is there."""
    if not live.run_id:
        await live.ping()
    meta = keys.leaderboard_meta(season_id, frozen=frozen is not None)
    run = await live.ask("is_ready", live.redis.hget(meta, "run"))
    return run is not None and run.decode() == live.run_id + _stamp(frozen)


async def drop(live: Live, season_id: int, *, frozen: bool = False) -> None:
    """Forget a board season; readers turn to Postgres."""
    meta = keys.leaderboard_meta(season_id, frozen=frozen)
    epochs = await live.ask("drop", live.redis.hmget(meta, "epoch", "building"))
    parts = [part for epoch in epochs if epoch for part in _parts(season_id, epoch.decode(), frozen)]
    await live.ask("drop", live.redis.unlink(meta, *parts))
