"""How the anti-cheat's model is: for the console, and for the metrics of the process that asks it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scoreboard.domain.model import RegisteredModel, line_up
from scoreboard.storage import actions, model_windows, models, positions
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform

CONSUMER = "anticheat-ml"
"""Names the model's place in the ledger."""
_RATES_OVER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A model, what it may do and since when, and what its training measured; ``age_s`` is the time in this stage."""

    id: str
    stage: str
    stage_since: datetime
    age_s: float
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelPosition:
    """The last ledger number that was dealt with, how many are left, and the age in seconds of the oldest of those."""

    seq: int
    behind: int
    age_s: float


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """Everything about the model. Rates are shares of 1, and None where there is nothing to divide.

    Attributes:
        on: Whether models are asked at all.
        current: The one that is asked.
        candidate: The one in shadow beside it.
        previous: The one that would take its place.
        drift: The features that moved furthest from honest people's: name and population stability index.
        scores: Quantiles of its latest raw scores.
        flag_rate: Players flagged in the last day among those looked at.
        disagreement: Windows of the last day that only one of current and candidate would flag.
        review_precision: Cases of the current one that reviewers confirmed, of those that they decided.
        canaries: When windows with known scores were last scored, and whether they came out the same.
        position: How far it is.
        reported_at: When the process that asks it last said something.
    """

    on: bool
    current: ModelInUse | None
    candidate: ModelInUse | None
    previous: ModelInUse | None
    drift: list[dict[str, Any]]
    scores: dict[str, float]
    flag_rate: float | None
    disagreement: float | None
    review_precision: float | None
    canaries: dict[str, Any] | None
    position: ModelPosition | None
    reported_at: datetime | None


async def read_model_health(platform: Platform) -> ModelHealth:
    """Raises StoreUnavailable."""
    labels_for = timedelta(days=platform.settings.model_labels_days)
    return await platform.database.transact(
        lambda tx: _read(tx, enabled=platform.settings.model_enabled, labels_for=labels_for)
    )


async def _read(tx: Transaction, *, enabled: bool, labels_for: timedelta) -> ModelHealth:
    now = await actions.clock(tx)
    lineup = line_up(await models.listed(tx))
    lag = await positions.lag(tx, CONSUMER)
    current, candidate = lineup.current, lineup.candidate
    confirmed = decided = 0
    if current is not None:
        confirmed, decided = await model_windows.confirmed(tx, current.id, now - labels_for)
    health = None if current is None else await models.health(tx, current.id)
    rates = None if current is None else await model_windows.rates(tx, current.id, now - _RATES_OVER)
    both = differ = 0
    if current is not None and candidate is not None:
        both, differ = await model_windows.disagreement(tx, current.id, candidate.id, now - _RATES_OVER)
    report = {} if health is None else health.report
    canaries = report.get("canaries")
    return ModelHealth(
        on=enabled and await models.is_on(tx),
        current=_in_use(current, now),
        candidate=_in_use(candidate, now),
        previous=_in_use(lineup.previous, now),
        drift=report.get("drift", []),
        scores=report.get("scores", {}),
        flag_rate=None if rates is None or not rates.players else rates.flagged / rates.players,
        disagreement=differ / both if both else None,
        review_precision=confirmed / decided if decided else None,
        canaries=None if not canaries else {"at": canaries["at"], "equal": canaries["equal"]},
        position=None if lag is None else ModelPosition(*lag),
        reported_at=None if health is None else health.at,
    )


def _in_use(model: RegisteredModel | None, now: datetime) -> ModelInUse | None:
    if model is None:
        return None
    metrics = model.sidecar.get("metrics", {})
    age = max(0.0, (now - model.stage_since).total_seconds())
    return ModelInUse(model.id, str(model.stage), model.stage_since, age, metrics)
