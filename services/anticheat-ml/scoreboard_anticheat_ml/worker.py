"""The consumer: from the ledger's entries to stored verdicts, a fraction of a second at a time.

Its place is a ledger number that moves in the transaction of the verdicts. Everything in memory can be read again from
the ledger, so after any failure it is simply forgotten.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from scoreboard import telemetry
from scoreboard.domain.model import JudgedWindow
from scoreboard.storage import ledger, models, positions, timings
from scoreboard.storage.database import Transaction
from scoreboard.storage.positions import Move
from scoreboard.storage.timings import Timing
from scoreboard.usecases.judge_players import Findings, judge_players
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_model_health import CONSUMER
from scoreboard_anticheat_ml.buffers import Buffers
from scoreboard_anticheat_ml.crowd import Crowd
from scoreboard_anticheat_ml.detectors.rules import SLEEPLESS_S
from scoreboard_anticheat_ml.doorbell import Doorbell
from scoreboard_anticheat_ml.drift import Drift
from scoreboard_anticheat_ml.intake import Intake, by_player, completions
from scoreboard_anticheat_ml.judging import Due, Measured, is_due, judge_windows
from scoreboard_anticheat_ml.memory import Memory
from scoreboard_anticheat_ml.opened_models import OpenedModels
from scoreboard_anticheat_ml.windows import LONGEST, REST_S

_STANDBY = 2.0
_REST_SOUGHT_S = SLEEPLESS_S + REST_S  # longer ago, a rest changes no verdict
_log = structlog.get_logger("scoreboard.model")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What was read in one transaction: the next entries, and the past of players who were not in memory."""

    rows: Sequence[Timing]
    on: bool
    past: Sequence[Timing] = ()
    counts: Mapping[UUID, int] = field(default_factory=dict)
    woke: Mapping[UUID, datetime] = field(default_factory=dict)


class Worker:
    """One process's consumer. Another one may run too: whoever is slower stands by."""

    def __init__(self, platform: Platform, opened: OpenedModels, drift: Drift) -> None:
        settings = platform.settings
        self._platform = platform
        self._opened = opened
        self._drift = drift
        self._doorbell = Doorbell(platform.live, settings.model_idle)
        self._buffers = Buffers(settings.model_players)
        self._memory = Memory(settings.model_repeat)
        self._crowd = Crowd(
            settings.model_synchrony_window, settings.model_synchrony_events, settings.model_synchrony_every
        )
        self._intake = Intake()
        self._position: int | None = None
        self._elsewhere: int | None = None

    @property
    def standing_by(self) -> bool:
        """Whether another process deals with the ledger, as far as this one knows."""
        return self._elsewhere is not None

    async def round(self) -> None:
        """Wait until something has happened, and deal with it. Run it supervised, without a pause between rounds."""
        try:
            if self._elsewhere is not None and await self._other_goes_on():
                return
            # What was played before this began rings no bell.
            if self._position is not None and await self._doorbell.wait():
                await asyncio.sleep(self._platform.settings.model_gather)
            while await self._step():
                pass
        except BaseException:
            self._forget()
            raise

    async def close(self) -> None:
        """Give the stream's connection back."""
        await self._doorbell.close()

    def _forget(self) -> None:
        self._position = None
        self._buffers.clear()
        self._memory.clear()
        self._crowd.clear()

    async def _other_goes_on(self) -> bool:
        """Whether the process that was faster still moves; after a while without movement this one takes over."""
        await asyncio.sleep(_STANDBY)
        seq = await self._platform.database.transact(lambda tx: positions.read(tx, CONSUMER))
        head, _ = await self._platform.database.transact(ledger.head)
        moved, self._elsewhere = seq != self._elsewhere, seq
        if moved or seq == head:
            return True
        self._elsewhere = None
        return False

    async def _step(self) -> bool:
        """Deal with the next entries. Returns whether there were any."""
        if self._position is None:
            self._position = await self._begin()
        before = self._position
        batch = await self._platform.database.transact(lambda tx: self._read(tx, before))
        if not batch.rows or (batch.on and self._opened.waiting):
            return False
        after = batch.rows[-1].seq
        return await self._judge(batch, Move(CONSUMER, before, after))

    async def _begin(self) -> int:
        """Where to go on: the stored position, or for a consumer that never ran a bounded look back."""
        settings = self._platform.settings

        async def work(tx: Transaction) -> tuple[int, list[Timing]]:
            head, _ = await ledger.head(tx)
            seq = await positions.begin(tx, CONSUMER, max(0, head - settings.model_first_look))
            first = max(0, seq - settings.model_synchrony_events)
            return seq, await timings.since(tx, first, seq, settings.model_synchrony_window)

        seq, recent = await self._platform.database.transact(work)
        self._crowd.add((row.at.timestamp(), row.player_id) for row in recent)
        return seq

    async def _read(self, tx: Transaction, before: int) -> _Batch:
        """The next entries, what the registry says now, and what memory lacks of these players."""
        settings = self._platform.settings
        on = settings.model_enabled and await models.is_on(tx)
        registered = await models.loaded(tx)
        self._opened.follow(registered, expected=not registered and not await models.is_any(tx))
        _show_stage(self._opened, on=on)
        rows = await timings.after(tx, before, settings.model_batch)
        asked = self._opened.asked
        if not rows or not on or not asked:
            return _Batch(rows, on)
        done = completions(rows)
        players = {row.player_id for row in done}
        missing = [player_id for player_id in players if player_id not in self._buffers]
        past = await timings.newest(tx, missing, before, LONGEST) if missing else []
        counts = await timings.counts(tx, missing, before) if missing else {}
        woke = await timings.woke(tx, missing, before, REST_S, _REST_SOUGHT_S) if missing else {}
        for ready in asked:
            await self._memory.read(tx, ready.id, players, before)
        await self._intake.learn(tx, self._platform.catalog, [*past, *done])
        return _Batch(rows, on, past, counts, woke)

    async def _judge(self, batch: _Batch, step: Move) -> bool:
        """Judge what was read and store it. False: another process was faster."""
        began_ns = time.time_ns()
        asked = self._opened.asked if batch.on else []
        if not asked:
            self._buffers.clear()  # what passes by while the model is off is not written there
            self._memory.clear()
        done = completions(batch.rows) if asked else []
        due = self._take(batch, done)
        together = self._crowd.search() if due else {}
        pause = self._platform.settings.model_repeat
        judged, measured = list[JudgedWindow](), list[Measured]()
        if due:
            with telemetry.ANTICHEAT_SECONDS.labels("model").time():
                judged, measured = await asyncio.to_thread(judge_windows, due, asked, self._memory, together, pause)
        told = {
            window.player_id: known
            for window in judged
            if (known := self._memory.of(asked[0].id, window.player_id).told) is not None
        }
        findings = Findings(step, judged, {ready.id: ready.stage for ready in asked}, told, began_ns)
        said = await judge_players(self._platform, findings)
        if said is None:
            _log.info("another process was faster; standing by", position=step.before)
            self._forget()
            self._elsewhere = step.before
            return False
        for player_id, latest in said.items():
            self._memory.of(asked[0].id, player_id).told = latest
        self._position = step.after
        self._drift.add(asked[0].id if asked else "", measured)
        telemetry.MODEL_EVENTS.inc(len(done))
        telemetry.MODEL_PLAYERS.set(len(self._buffers))
        return True

    def _take(self, batch: _Batch, done: Sequence[Timing]) -> list[Due]:
        """Write the batch into the buffers. Returns the windows that may be due.

        Whether a player is watched after a window of this very batch is known only when that was scored; so from a
        player's first window on, all that might be due are cut.
        """
        past = by_player(batch.past)
        for row in done:
            self._buffers.touch(row.player_id)
        for player_id, events in batch.counts.items():
            plays = [self._intake.play(row) for row in past.get(player_id, ())]
            woke = batch.woke[player_id].timestamp() if player_id in batch.woke else None
            for gone in self._buffers.open(player_id, events, plays, woke):
                self._memory.drop(gone)
        current = self._opened.current
        due: list[Due] = []
        cut: set[UUID] = set()
        for row in done:
            events = self._buffers.add(row.player_id, self._intake.play(row))
            watched = row.player_id in cut
            if not watched and current is not None:
                watched = self._memory.of(current.id, row.player_id).watched
            if is_due(events, watched=watched):
                cut.add(row.player_id)
                due.append(Due(row, events, self._buffers.window(row.player_id, LONGEST)))
        self._crowd.add((row.at.timestamp(), row.player_id) for row in done)
        return due


def _show_stage(opened: OpenedModels, *, on: bool) -> None:
    current = opened.current
    shown = "off" if not on else "none" if current is None else str(current.stage)
    for stage in ("off", "none", "shadow", "canary", "hold", "suspend"):
        telemetry.MODEL_STAGE.labels(stage).set(stage == shown)
