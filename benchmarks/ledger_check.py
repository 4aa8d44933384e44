"""Afterwards: was everything that was answered with 200 recorded, once, in order, and does it add up?"""

from uuid import UUID

import asyncpg

from benchmarks.seeding import BOARD, Seeded
from scoreboard.domain.score import Total, advance
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.storage import ledger
from scoreboard.usecases.platform import open_platform

_CHUNK = 20_000


class Unsound(Exception):
    """A server was fast because it was wrong."""


async def check_ledger(seeded: Seeded, answered: int) -> None:
    """Numbers without a gap, an unbroken chain, totals that are the fold of the entries, as many as were answered.

    Raises:
        Unsound: naming the first thing that is not so.
    """
    totals = await _fold(seeded, answered)
    connection = await asyncpg.connect(seeded.settings.database_url.get_secret_value())
    try:
        playing = [person.id for person in seeded.people]
        rows = await connection.fetch(
            "SELECT player_id, score, version FROM scores WHERE version > 1 OR player_id = ANY($1)", playing
        )
        stored = {row["player_id"]: (row["score"], row["version"]) for row in rows}
        expected = {person.id: (person.opening, 1) for person in seeded.people}
        expected |= {player: (total.score, total.version) for player, total in totals.items()}
        _require(stored == expected, "the scores are not the fold of the ledger")
        standing = await connection.fetchval("SELECT count(*) FROM scores")
        _require(standing == len(playing) + seeded.crowd, f"{standing} players have a score")
        completed = await connection.fetchval("SELECT count(*) FROM actions WHERE status = 'completed'")
        _require(completed == answered, f"{completed} actions are completed, {answered} were answered")
        used = await connection.fetchval("SELECT sum(completed) FROM player_kinds")
        _require(used == answered, f"{used} completions are counted, {answered} were answered")
        left = await connection.fetchval("SELECT count(*) FROM outbox WHERE kind = 'scores'")
        _require(left == 0, f"{left} outbox rows are left")
    finally:
        await connection.close()


async def _fold(seeded: Seeded, answered: int) -> dict[UUID, Total]:
    platform = open_platform(seeded.settings, application="benchmark-check")
    totals: dict[UUID, Total] = {}
    openings = {person.id: person.opening for person in seeded.people}
    previous, last, actions = GENESIS, 0, set()
    try:
        while rows := await platform.database.transact(
            lambda tx, after=last: ledger.chain_rows(tx, after, _CHUNK)  # type: ignore[misc]
        ):
            for seq, prev_hash, hash_, entry in rows:
                _require(seq == last + 1, f"number {last + 1} is missing")
                _require(prev_hash == previous and hash_ == entry_hash(previous, seq, entry), f"broken at {seq}")
                player = entry.player_id
                known = totals.get(player) or Total(player, seeded.season_id, openings[player], entry.at, 1)
                _require(entry.previous == (known.score,), f"an update before {seq} was lost")
                totals[player] = advance(
                    BOARD, seeded.season_id, player, known, entry.points, entry.at, entry.action_id
                )
                _require(entry.current == (totals[player].score,), f"entry {seq} is summed up wrongly")
                actions.add(entry.action_id)
                previous, last = hash_, seq
        _require(await platform.database.transact(ledger.head) == (last, previous), "the head is not the last entry")
    finally:
        await platform.close()
    _require(len(actions) == last == answered, f"{last} entries for {answered} answers")
    return totals


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unsound(otherwise)
