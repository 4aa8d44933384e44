"""Announce what a crash, or Redis being away, left unannounced. Run by every worker, twice a second."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog

from scoreboard import telemetry
from scoreboard.domain.board import Board
from scoreboard.domain.events import EntryType, LedgerEntry, StandingChange
from scoreboard.domain.season import Season
from scoreboard.live import leaderboard
from scoreboard.live.bus import Control, SessionsRevoked
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.storage import ledger, outbox, players, scores
from scoreboard.storage.database import Transaction
from scoreboard.storage.outbox import OutboxRow
from scoreboard.usecases.announce import Announcement, announce, announce_control
from scoreboard.usecases.announce_amendments import announce_amendments
from scoreboard.usecases.change_status import project_standings
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.revocation import spread_revocation

_ROWS = 50
_log = structlog.get_logger("scoreboard.sweep")


async def sweep_outbox(platform: Platform, *, older_than: float | None = None, amended: bool = True) -> int:
    """Announce due rows and delete them.

    Args:
        platform: stores.
        older_than: seconds that a row must be old, so that the process that wrote it comes first.
        amended: whether to announce amendments too. A rebuild does not: one may be what it is for.

    Returns:
        How many rows were announced; 0 when nothing is due.

    Raises:
        LiveUnavailable: Redis is away; the rows stay.
        StoreUnavailable: Postgres is away.
    """
    age = platform.settings.sweep_after if older_than is None else older_than
    boards = await platform.catalog.boards()

    async def drop(_: Board, season: Season) -> None:
        # Not rebuilt here, because a rebuild sweeps. Postgres answers until the worker has brought it back.
        await leaderboard.drop(platform.live, season.id)

    async def work(tx: Transaction) -> int:
        rows = await outbox.take_due(tx, age, _ROWS, amended=amended)
        for row in rows:
            if row.kind == outbox.CONTROL:
                await _control(platform, row)
            elif row.kind == outbox.STANDINGS and row.payload is not None:
                await project_standings(platform, UUID(row.payload["player_id"]))
            elif row.kind == outbox.AMENDED and row.first_seq is not None and row.last_seq is not None:
                await announce_amendments(platform, row.first_seq, row.last_seq, drop)
            else:
                announcements = [
                    a for a in await _announcements(tx, row) if all(c.board_key in boards for c in a.changes)
                ]
                if announcements:
                    with telemetry.carried_span("sweep outbox", [each.entry.trace_id for each in announcements]):
                        await announce(platform, boards, announcements)
        if rows:
            await outbox.mark(tx, [row.id for row in rows])
        return len(rows)

    await _tell_backlog(platform)  # first: what fails every time has to be seen to grow old
    done = await platform.database.transact(work)
    if done:
        _log.info("announced what was left", rows=done)
        await _tell_backlog(platform)
    return done


async def _tell_backlog(platform: Platform) -> None:
    pending, oldest = await platform.database.transact(outbox.backlog)
    telemetry.OUTBOX_PENDING.set(pending)
    telemetry.OUTBOX_AGE.set(oldest)


async def _control(platform: Platform, row: OutboxRow) -> None:
    message: Control = msgspec.convert(row.payload, Control)
    if isinstance(message, SessionsRevoked):
        done = await spread_revocation(platform, message)
    else:
        done = await announce_control(platform, message)
    if not done:
        raise LiveUnavailable("Redis is away")


async def _announcements(tx: Transaction, row: OutboxRow) -> list[Announcement]:
    """The entries of a row with the totals as they are now: newer than then is right, older is never written."""
    if row.first_seq is None or row.last_seq is None:
        return []
    entries = await ledger.between(tx, row.first_seq, row.last_seq)
    names = await players.find_many(tx, {entry.player_id for _, entry in entries})
    pairs = {(season, entry.player_id) for _, entry in entries for season in _moved(entry)}
    now = await scores.changes(tx, pairs)
    return [
        Announcement(
            seq, entry, names[entry.player_id].username if entry.player_id in names else "", _present(entry, now)
        )
        for seq, entry in entries
        if all((season, entry.player_id) in now for season in _moved(entry))
    ]


def _moved(entry: LedgerEntry) -> tuple[int, ...]:
    """The seasons in which an entry changed something; a held one did not yet."""
    return () if entry.entry_type is EntryType.HELD else entry.season_ids


def _present(entry: LedgerEntry, now: dict[tuple[int, UUID], StandingChange]) -> tuple[StandingChange, ...]:
    changes: Sequence[StandingChange] = [now[season, entry.player_id] for season in _moved(entry)]
    return tuple(changes)
