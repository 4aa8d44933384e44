"""The worker's loops, each supervised on its own: one that fails leaves the others alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from scoreboard.settings import Settings
from scoreboard.storage import idempotency, incidents, nonces, sessions
from scoreboard.storage.database import Transaction
from scoreboard.supervision import end_tasks, supervise
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.audit_leaderboards import audit_leaderboards
from scoreboard.usecases.change_status import lift_suspensions
from scoreboard.usecases.execute_action import run_due_jobs
from scoreboard.usecases.forget_abandoned_actions import AbandonedActions
from scoreboard.usecases.freeze_boards import freeze_boards
from scoreboard.usecases.keep_snapshots import keep_snapshots
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from scoreboard.usecases.revocation import restore_revocations
from scoreboard.usecases.roll_up_activity import ActivityRollUp
from scoreboard.usecases.run_seasons import run_seasons
from scoreboard.usecases.seal_audit import seal_audit
from scoreboard.usecases.sign_seasons import RootSigner
from scoreboard.usecases.sweep_outbox import sweep_outbox
from scoreboard.usecases.watch_process import process_rounds
from scoreboard.usecases.watch_reviews import ReviewWatch

_CLEAN_EVERY = 300.0
_JOBS_EVERY = 0.05
_SUSPENSIONS_EVERY = 5.0
_RESTORE_EVERY = 0.25
_ENDED_SESSIONS_KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Loop:
    """A round of work and the seconds between two of them."""

    name: str
    round_: Callable[[], Awaitable[object]]
    every: float


def worker_loops(platform: Platform, marker: OutboxMarker) -> list[Loop]:
    """Every loop of the worker."""
    settings = platform.settings
    roll_up = ActivityRollUp(platform)

    async def clean() -> None:
        await platform.database.transact(lambda tx: _forget(tx, settings))

    return [
        Loop("sweep", _until_none_is_left(partial(sweep_outbox, platform)), settings.sweep_every),
        Loop("jobs", _until_none_is_left(partial(run_due_jobs, platform, marker)), _JOBS_EVERY),
        Loop("seasons", partial(run_seasons, platform), settings.season_check_every),
        Loop("leaderboards", partial(restore_missing, platform), _RESTORE_EVERY),
        Loop("revocations", partial(restore_revocations, platform), _RESTORE_EVERY),
        Loop("freezes", partial(freeze_boards, platform), settings.freeze_check_every),
        Loop("snapshots", partial(keep_snapshots, platform), settings.snapshot_check_every),
        Loop("audit", partial(audit_leaderboards, platform, {}), settings.audit_every),
        Loop("activity", roll_up.run, settings.rollup_every),
        Loop("seal", _until_none_is_left(partial(seal_audit, platform)), settings.seal_every),
        Loop("roots", _until_none_is_left(RootSigner(platform).round), settings.season_root_look_every),
        Loop("reviews", ReviewWatch(platform).run, settings.review_look_every),
        Loop("suspensions", partial(lift_suspensions, platform), _SUSPENSIONS_EVERY),
        Loop("abandoned", AbandonedActions(platform).run, _CLEAN_EVERY),
        Loop("clean", clean, _CLEAN_EVERY),
        *(Loop(*each) for each in process_rounds(platform, "worker")),
    ]


def _until_none_is_left(step: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def all_steps() -> None:
        while await step():
            pass

    return all_steps


async def _forget(tx: Transaction, settings: Settings) -> None:
    await idempotency.forget(tx, settings.idempotency_ttl)
    await incidents.truncate_addresses(tx, settings.addresses_kept_days)
    await nonces.forget(tx)
    await sessions.forget_spent(tx, _ENDED_SESSIONS_KEPT_DAYS)


async def run_loops(loops: list[Loop], stop: asyncio.Event) -> None:
    """Run every loop until ``stop`` is set; work under way is cancelled between its transactions' commits."""
    tasks = [asyncio.create_task(supervise(loop.name, loop.round_, every=loop.every), name=loop.name) for loop in loops]
    await stop.wait()
    await end_tasks(tasks)
