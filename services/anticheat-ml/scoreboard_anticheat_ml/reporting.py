"""How the models that are asked are: drift, scores, canaries. Kept in Postgres for the console, shown as metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import structlog

from scoreboard import telemetry
from scoreboard.storage import model_windows, models
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_model_health import read_model_health
from scoreboard_anticheat_ml.artefact import Opened
from scoreboard_anticheat_ml.drift import Drift
from scoreboard_anticheat_ml.opened_models import OpenedModels, Ready
from scoreboard_anticheat_ml.worker import Worker

_log = structlog.get_logger("scoreboard.model")
_SHOWN = 10
_DAY = 86400.0
_FORGOTTEN_AT_ONCE = 5_000


def canaries_equal(opened: Opened) -> bool:
    """Whether the windows with known scores come out to the bit as they did when the model was loaded."""
    return bool(np.array_equal(opened.canaries.scores(opened.model), opened.canary_scores))


def _checked(ready: Ready) -> dict[str, Any]:
    equal = canaries_equal(ready.opened)
    if not equal:
        _log.error("a model scores its canaries differently than when it was loaded", model=ready.id)
    return {"model": ready.id, "at": telemetry.utc_now().isoformat(), "equal": equal}


class Reporter:
    """Reports about the model in use and the one in shadow beside it, every few seconds."""

    def __init__(self, platform: Platform, opened: OpenedModels, drift: Drift, worker: Worker) -> None:
        self._platform = platform
        self._opened = opened
        self._drift = drift
        self._worker = worker
        self._canaries: dict[str, dict[str, Any]] = {}

    async def check_canaries(self) -> None:
        """Score the canaries once more. A difference means that memory, a library or the processor changed."""
        self._canaries = {ready.id: _checked(ready) for ready in self._opened.asked}
        self._show_canaries()

    def _show_canaries(self) -> None:
        telemetry.MODEL_CANARIES.set(all(checked["equal"] for checked in self._canaries.values()))

    async def forget(self) -> None:
        """Delete old windows that led to nothing, a part at a time. Raises StoreUnavailable."""
        kept = self._platform.settings.model_windows_kept_days * _DAY
        while await self._platform.database.transact(lambda tx: model_windows.forget(tx, kept, _FORGOTTEN_AT_ONCE)):
            pass

    async def report(self) -> None:
        """Keep the report and set the gauges. Raises StoreUnavailable.

        While another process deals with the ledger, this one has nothing to report: it measures nothing.
        """
        asked = [] if self._worker.standing_by else self._opened.asked
        if asked:
            reports = self._reports(asked)

            async def save(tx: Transaction) -> None:
                for model_id, report in reports.items():
                    await models.save_health(tx, model_id, report)

            await self._platform.database.transact(save)
        await self._show()

    def _reports(self, asked: Sequence[Ready]) -> dict[str, dict[str, Any]]:
        """Of the current model everything, of the one beside it the canaries: drift is the play's, not a model's."""
        known = self._canaries
        self._canaries = {ready.id: known.get(ready.id) or _checked(ready) for ready in asked}
        if self._canaries.keys() != known.keys():
            self._show_canaries()
        current = self._opened.current
        return {
            ready.id: {
                **(self._play(ready.opened) if current is not None and ready.id == current.id else {}),
                "canaries": self._canaries[ready.id],
            }
            for ready in asked
        }

    def _play(self, opened: Opened) -> dict[str, Any]:
        psi = self._drift.index(opened.model.reference)
        scores = self._drift.scores()
        for feature, value in psi.items():
            telemetry.MODEL_DRIFT.labels(feature).set(value)
        for quantile, value in scores.items():
            telemetry.MODEL_SCORE.labels(quantile).set(value)
        worst = sorted(psi.items(), key=lambda pair: -pair[1])[:_SHOWN]
        return {
            "windows": len(self._drift),
            "drift": [{"feature": feature, "psi": round(value, 4)} for feature, value in worst],
            "scores": scores,
        }

    async def _show(self) -> None:
        """What Postgres knows of it, as gauges."""
        health = await read_model_health(self._platform)
        if health.position is not None:
            telemetry.MODEL_BEHIND.set(health.position.behind)
        if health.current is not None:
            telemetry.MODEL_AGE.set(health.current.age_s)
        for gauge, value in (
            (telemetry.MODEL_FLAG_RATE, health.flag_rate),
            (telemetry.MODEL_DISAGREEMENT, health.disagreement),
            (telemetry.MODEL_PRECISION, health.review_precision),
        ):
            if value is not None:
                gauge.set(value)
