"""The worker's loops, each supervised on its own: one that fails leaves the others alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scoreboard.storage import idempotency, sessions
from scoreboard.storage.database import Transaction
from scoreboard.supervision import end_tasks, supervise
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.audit_leaderboards import audit_leaderboards
from scoreboard.usecases.execute_action import run_due_jobs
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard.usecases.revocation import restore_revocations
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from scoreboard.usecases.run_seasons import run_seasons
from scoreboard.usecases.sweep_outbox import sweep_outbox

_CLEAN_EVERY = 300.0
_JOBS_EVERY = 0.05
_RESTORE_EVERY = 0.5
_ENDED_SESSIONS_KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Loop:
    """A round of work and the seconds between two of them."""

    name: str
    round_: Callable[[], Awaitable[None]]
    every: float


def worker_loops(platform: Platform, marker: OutboxMarker) -> list[Loop]:
    """Every loop of the worker."""
    settings = platform.settings
    roll_up = ActivityRollUp(platform)

    async def sweep() -> None:
        while await sweep_outbox(platform):
            pass

    async def jobs() -> None:
        while await run_due_jobs(platform, marker):
            pass

    async def seasons() -> None:
        await run_seasons(platform)

    async def restore() -> None:
        await restore_missing(platform)

    async def revocations() -> None:
        await restore_revocations(platform)

    async def audit() -> None:
        await audit_leaderboards(platform)

    async def clean() -> None:
        await platform.database.transact(lambda tx: _forget(tx, settings.idempotency_ttl))

    return [
        Loop("sweep", sweep, settings.sweep_every),
        Loop("jobs", jobs, _JOBS_EVERY),
        Loop("seasons", seasons, settings.season_check_every),
        Loop("leaderboards", restore, _RESTORE_EVERY),
        Loop("revocations", revocations, _RESTORE_EVERY),
        Loop("audit", audit, settings.audit_every),
        Loop("activity", roll_up.run, settings.rollup_every),
        Loop("clean", clean, _CLEAN_EVERY),
    ]


async def _forget(tx: Transaction, idempotency_ttl: int) -> None:
    await idempotency.forget(tx, idempotency_ttl)
    await sessions.forget_spent(tx, _ENDED_SESSIONS_KEPT_DAYS)


async def run_loops(loops: list[Loop], stop: asyncio.Event) -> None:
    """Run every loop until ``stop`` is set; work under way is cancelled between its transactions' commits."""
    tasks = [asyncio.create_task(supervise(loop.name, loop.round_, every=loop.every), name=loop.name) for loop in loops]
    await stop.wait()
    await end_tasks(tasks)
