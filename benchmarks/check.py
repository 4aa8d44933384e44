"""How long `scoreboard check` and `scoreboard ledger verify` take, and how much memory: ``python -m benchmarks.check``.

A ledger of a million entries of a hundred thousand players is written in bulk, as the API would have written it; the
commands then run as an operator runs them, each in a process of its own.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks import report
from benchmarks.ground import ROOT, prepared_ground, settings_of
from benchmarks.seeding import BOARD, KIND
from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.security.identifiers import new_id
from scoreboard.security.ledger_chain import GENESIS, entry_hash
from scoreboard.settings import Settings
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from scoreboard.usecases.sign_seasons import sign_seasons

_BATCH = 20_000
_MIB = 1024
_HELD_MS = timedelta(milliseconds=3)


@dataclass
class _History:
    """What has been made up so far: players who take turns, their totals, the chain."""

    players: list[UUID]
    season: int
    moment: datetime
    totals: list[int]
    reached: list[datetime]
    last: list[UUID]
    versions: list[int]
    seq: int = 0
    hash: bytes = GENESIS

    def batch(self, count: int) -> Iterator[tuple[int, LedgerEntry, bytes, bytes]]:
        """The next entries: number, entry, hash before, hash."""
        for _ in range(count):
            who = self.seq % len(self.players)
            self.seq += 1
            self.moment += _HELD_MS
            points, before = 1 + self.seq % 100, self.totals[who]
            self.totals[who] = before + points
            self.reached[who], self.last[who] = self.moment, new_id()
            self.versions[who] += 1
            entry = LedgerEntry(
                *(EntryType.APPLIED, self.moment, self.last[who], self.players[who], KIND.key, 1, points),
                *((self.season,), (before or None,), (self.totals[who],)),
            )
            previous, self.hash = self.hash, entry_hash(self.hash, self.seq, entry)
            yield self.seq, entry, previous, self.hash


async def fill(settings: Settings, players: int, entries: int) -> None:
    """Write the history, the leaderboard and the signed roots."""
    platform = open_platform(settings, application="benchmark-seed")
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await configure(platform, (BOARD,), (KIND,), managed_by="benchmark")
        season = await platform.catalog.season(BOARD.key, None)
        moment = await connection.fetchval("SELECT clock_timestamp()")
        ids = [new_id() for _ in range(players)]
        names = [(each, f"player-{number:07}", f"player-{number:07}") for number, each in enumerate(ids)]
        await connection.copy_records_to_table("players", columns=["id", "username", "username_key"], records=names)
        history = _History(ids, season.id, moment, [0] * players, [moment] * players, list(ids), [0] * players)
        while history.seq < entries:
            await _write(connection, list(history.batch(min(_BATCH, entries - history.seq))))
            print(f"\r{history.seq:,} of {entries:,} entries written", end="", flush=True)
        await connection.execute("UPDATE ledger_head SET seq = $1, hash = $2", history.seq, history.hash)
        await _write_totals(connection, history)
        await connection.execute("VACUUM ANALYZE")
        print("\nbuilding the leaderboard, signing the roots", flush=True)
        await rebuild_leaderboards(platform, None, lambda done, total: None)
        while await sign_seasons(platform):
            pass
    finally:
        await connection.close()
        await platform.close()


_ENTRY = [
    "seq",
    "at",
    "entry_type",
    "action_id",
    "player_id",
    "kind_key",
    "kind_version",
    "points",
    "season_ids",
    "previous",
    "current",
    "verdict",
    "prev_hash",
    "hash",
]
_ACTION = [
    "id",
    "player_id",
    "kind_key",
    "kind_version",
    "status",
    "created_at",
    "expires_at",
    "client_id",
    "completed_at",
    "points",
    "request_hash",
    "ledger_seq",
]


async def _write(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: list[tuple[int, LedgerEntry, bytes, bytes]]
) -> None:
    await connection.copy_records_to_table(
        "ledger",
        columns=_ENTRY,
        records=[
            (
                *(seq, one.at, str(one.entry_type), one.action_id, one.player_id, one.kind_key, one.kind_version),
                *(one.points, one.season_ids, one.previous, one.current, str(one.verdict), previous, own),
            )
            for seq, one, previous, own in rows
        ],
    )
    await connection.copy_records_to_table(
        "ledger_keys",
        columns=["action_id", "entry_type", "seq"],
        records=[(one.action_id, str(one.entry_type), seq) for seq, one, _, _ in rows],
    )
    await connection.copy_records_to_table(
        "actions",
        columns=_ACTION,
        records=[
            (
                *(one.action_id, one.player_id, one.kind_key, one.kind_version, "completed", one.at, one.at),
                *(one.action_id.hex, one.at, one.points, one.action_id.bytes, seq),
            )
            for seq, one, _, _ in rows
        ],
    )


async def _write_totals(connection: "asyncpg.Connection[asyncpg.Record]", history: _History) -> None:
    rows = list(zip(history.players, history.totals, history.reached, history.versions, history.last, strict=True))
    await connection.copy_records_to_table(
        "scores",
        columns=["season_id", "player_id", "score", "reached_at", "version", "last_action_id"],
        records=[(history.season, *row) for row in rows],
    )
    await connection.copy_records_to_table(
        "player_kinds",
        columns=["player_id", "kind_key", "completed"],
        records=[(player, KIND.key, version) for player, _, _, version, _ in rows],
    )


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took. ``processor_s`` is its own, not Postgres's."""

    seconds: float
    processor_s: float
    memory_mib: float


def run(environment: dict[str, str], *arguments: str) -> Run:
    """Run a command. Raises RuntimeError where it finds something, with what it said."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "scoreboard_cli", *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"scoreboard {' '.join(arguments)} found something:\n{said[-3000:]}")
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MIB)


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    facts = report.tell_machine()
    with prepared_ground() as ground:
        environment = ground.environment("checked")
        asyncio.run(fill(settings_of(environment), asked.players, asked.entries))
        ground.place_stores(ground.cores.every)
        runs = {
            "check --full": run(environment, "check", "--full"),
            "check": run(environment, "check"),
            "ledger verify": run(environment, "ledger", "verify"),
        }
    rows = [
        [name, f"{one.seconds:.1f}", f"{one.processor_s:.1f}", f"{one.memory_mib:.0f}"] for name, one in runs.items()
    ]
    report.table(
        f"{asked.entries:,} entries of {asked.players:,} players",
        ["command", "seconds", "its processor s", "MiB"],
        rows,
    )
    measured = {
        "full_s": runs["check --full"].seconds,
        "sampled_s": runs["check"].seconds,
        "verify_s": runs["ledger verify"].seconds,
        "memory_mib": max(one.memory_mib for one in runs.values()),
    }
    passed = report.judge("check", measured)
    figures: dict[str, Any] = {name: [one.seconds, one.processor_s, one.memory_mib] for name, one in runs.items()}
    report.write_json(asked.json, {"machine": facts, "runs": figures, "measured": measured})
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
