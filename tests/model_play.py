"""What tests of the anti-cheat's model stand on: recorded play in the ledger, models in the registry, a worker."""

import functools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from scoreboard.domain.action import Action, ActionStatus
from scoreboard.domain.events import EntryType, LedgerEntry
from scoreboard.domain.model import ModelStage
from scoreboard.domain.player import Role
from scoreboard.security.identifiers import new_id
from scoreboard.security.platform_keys import platform_keys
from scoreboard.storage import actions, ledger, models, players, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.read_model_health import CONSUMER
from scoreboard.usecases.register_model import register_model
from scoreboard_anticheat_ml.artefact import Artefact, pack
from scoreboard_anticheat_ml.drift import Drift
from scoreboard_anticheat_ml.opened_models import OpenedModels
from scoreboard_anticheat_ml.registering import vouched
from scoreboard_anticheat_ml.reporting import Reporter
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_anticheat_ml.threads import limit_this_thread
from scoreboard_anticheat_ml.worker import Worker
from tests.conftest import furnish
from tests.stage import Stores, patient, until

BEGAN = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
NO_INLINE = {"SCOREBOARD_SUSPICION_FLAG": "1", "SCOREBOARD_SUSPICION_HOLD": "1", "SCOREBOARD_SUSPICION_SUSPEND": "1"}
"""The rules in the completion path say nothing; what a test sees is the model's."""
MODEL_ACTS = {**NO_INLINE, "SCOREBOARD_ANTICHEAT_MODE": "enforce"}


def script(events: int, *, interval: float = 2.0, began: datetime = BEGAN) -> list[datetime]:
    """A program that acts at a fixed interval, to within the milliseconds that a machine takes to wake up.

    Without those the moments lie on whole seconds, and the model has to think that the clock tells no more than that.
    """
    rng = Random(events)
    return [began + timedelta(seconds=interval * number + rng.uniform(0, 0.004)) for number in range(events)]


def person(events: int, *, seed: int, began: datetime = BEGAN) -> list[datetime]:
    """Somebody who plays by hand: heavy-tailed pauses that hang together."""
    rng = Random(seed)
    moments, at, mood = [], 0.0, 0.0
    for _ in range(events):
        mood = 0.7 * mood + rng.gauss(0, 0.5)
        at += rng.lognormvariate(1.2 + mood, 0.6) + (rng.expovariate(1 / 300) if rng.random() < 0.04 else 0)
        moments.append(began + timedelta(seconds=at))
    return moments


async def new_player(platform: Platform, name: str) -> UUID:
    """An account without a password."""
    player_id = new_id()

    async def work(tx: Transaction) -> None:
        assert await players.add(tx, player_id, name, Role.PLAYER, email=None, password_hash=None)

    await platform.database.transact(work)
    return player_id


async def record(
    platform: Platform,
    play: Iterable[tuple[UUID, datetime]],
    *,
    kind: str = "tap",
    points: int = 1,
    lasted: float = 0.0,
    timed: bool = True,
) -> int:
    """Write completions into the ledger at given moments, as a batch of the write path would. Returns the last number.

    They feed no board: the model reads the ledger and nothing else.
    """
    play = list(play)
    done = [
        Action(
            new_id(),
            player_id,
            kind,
            1,
            ActionStatus.COMPLETED,
            at - timedelta(seconds=lasted),
            at,
            completed_at=at,
            points=points,
            request_hash=bytes(32),
        )
        for player_id, at in play
    ]

    async def work(tx: Transaction) -> int:
        [row] = await tx.fetch("SELECT seq, hash FROM ledger_head WHERE shard = 0 FOR UPDATE")
        numbered = [replace(action, ledger_seq=row["seq"] + 1 + place) for place, action in enumerate(done)]
        await actions.add_finished(tx, numbered)
        if not timed:
            await actions.mark_untimed(tx, [action.id for action in done])
        entries = [
            LedgerEntry(EntryType.APPLIED, at, action.id, action.player_id, kind, 1, points, (), (), ())
            for action, (_, at) in zip(done, play, strict=True)
        ]
        await ledger.append(tx, (row["seq"], row["hash"]), entries, [None] * len(entries))
        return int(row["seq"]) + len(done)

    return await platform.database.transact(work)


@functools.cache
def default_artefact() -> Artefact:
    """The shipped model."""
    limit_this_thread()
    return shipped().artefact


@functools.cache
def other_artefact() -> Artefact:
    """A different model with the same opinions: the shipped one without one of its boosters."""
    limit_this_thread()
    opened = shipped()
    model = replace(opened.model, boosters=opened.model.boosters[:-1], model_id="another")
    return pack(model, opened.canaries.sequences, trained={"seed": 0}, metrics=dict(opened.artefact.sidecar["metrics"]))


async def install(platform: Platform, artefact: Artefact, stage: ModelStage) -> str:
    """Register a model, signed by this platform, and put it into a stage without asking the gate. Returns its id."""
    model_id, stored = vouched(artefact, platform_keys(platform.settings)[0])
    await register_model(platform, model_id, stored, by="test")
    await platform.database.transact(lambda tx: models.set_stage(tx, model_id, stage))
    return model_id


async def windows_of(platform: Platform, player_id: UUID, model_id: str | None = None) -> Sequence[tuple[int, ...]]:
    """(events, end_seq, level) of a player's stored windows, in order, and what was found as the last element."""
    statement = (
        "SELECT events, end_seq, level, verdict, applied, detectors FROM model_windows WHERE player_id = $1"
        " AND model_id = coalesce($2, model_id) ORDER BY end_seq, model_id"
    )
    rows = await platform.database.transact(lambda tx: tx.fetch(statement, player_id, model_id))
    return [tuple(row) for row in rows]


QUICK = {"SCOREBOARD_MODEL_IDLE": "0.05", "SCOREBOARD_MODEL_GATHER": "0.01", **MODEL_ACTS}


@asynccontextmanager
async def opened_platform(stores: Stores, **extra: str) -> AsyncIterator[Platform]:
    platform = open_platform(patient(await stores.environment(**{**QUICK, **extra})), application="test")
    await furnish(platform)
    yield platform
    await platform.close()


class Process:
    """A worker in this process; ``kill`` drops everything it has in memory, as kill -9 would."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.opened = OpenedModels(platform, platform_keys(platform.settings))
        self.drift = Drift()
        self.worker = Worker(platform, self.opened, self.drift)
        self.reporter = Reporter(platform, self.opened, self.drift, self.worker)

    async def catch_up(self, within: float = 30.0) -> None:
        """Run rounds until the whole ledger was dealt with."""

        async def caught_up() -> bool:
            await self.worker.round()
            position = await self.platform.database.transact(lambda tx: positions.read(tx, CONSUMER))
            head, _ = await self.platform.database.transact(ledger.head)
            return position == head

        await until(caught_up, within=within, what="the model having caught up")

    async def kill(self) -> None:
        await self.opened.close()
        await self.worker.close()


async def loaded(process: Process, number: int) -> bool:
    await process.worker.round()
    return len(process.opened._opened) == number


async def cases(platform: Platform, player_id: UUID) -> list[tuple[str, str, str]]:
    rows = await platform.database.transact(
        lambda tx: tx.fetch("SELECT source, verdict, status FROM review_cases WHERE player_id = $1", player_id)
    )
    return [tuple(row) for row in rows]
