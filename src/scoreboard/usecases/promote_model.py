"""Let a model do more: one stage further, if what is known about it speaks for that. Run from the command line."""

from datetime import datetime, timedelta

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.model import ACTING, ModelStage, RegisteredModel, line_up
from scoreboard.domain.promotion import NEXT, Evidence, Patience, objections
from scoreboard.storage import actions, audit, model_windows, models
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform


async def promote_model(
    platform: Platform, model_id: str, *, by: str, despite: str = "", now: datetime | None = None
) -> ModelStage:
    """Move a model to its next stage, effective with the next batch that the model's service looks at.

    Args:
        platform: stores.
        model_id: a candidate, one in shadow, or the one in use.
        by: who wanted it, for the audit log.
        despite: a person's reason to go on despite the gate's objections; empty: the gate decides.
        now: the moment to go by; the database's clock when left out.

    Returns:
        The stage that it has now.

    Raises:
        Refusal: NOT_FOUND for an unknown model; CONFLICT when it cannot go further, with the gate's objections.
        StoreUnavailable: nothing was changed.
    """

    async def work(tx: Transaction) -> ModelStage:
        registered = await models.lock(tx)
        model = next((each for each in registered if each.id == model_id), None)
        if model is None:
            raise Refusal(ErrorCode.NOT_FOUND, f"There is no model {model_id}.")
        stage = _next_stage(model, registered)
        moment = now or await actions.clock(tx)
        against = objections(
            model.stage, await _evidence(platform, tx, model, registered, moment), _patience(platform), moment
        )
        if against and not despite:
            raise Refusal(ErrorCode.CONFLICT, f"The model {model_id} may not become {stage} yet. " + " ".join(against))
        await models.set_stage(tx, model_id, stage)
        detail = {"from": str(model.stage), "to": str(stage), "by": by, "despite": despite, "objections": against}
        await audit.record(tx, "model.promoted", model_id, detail=detail)
        return stage

    return await platform.database.transact(work)


async def weigh_promotion(platform: Platform, model_id: str) -> tuple[ModelStage | None, list[str]]:
    """What a model could become, and what speaks against it now; None where there is no further stage.

    Raises:
        Refusal: NOT_FOUND for an unknown model.
        StoreUnavailable: nothing is known.
    """

    async def work(tx: Transaction) -> tuple[ModelStage | None, list[str]]:
        registered = await models.listed(tx)
        model = next((each for each in registered if each.id == model_id), None)
        if model is None:
            raise Refusal(ErrorCode.NOT_FOUND, f"There is no model {model_id}.")
        if model.stage not in NEXT:
            return None, []
        now = await actions.clock(tx)
        evidence = await _evidence(platform, tx, model, registered, now)
        return NEXT[model.stage], objections(model.stage, evidence, _patience(platform), now)

    return await platform.database.transact(work)


def _next_stage(model: RegisteredModel, registered: list[RegisteredModel]) -> ModelStage:
    stage = NEXT.get(model.stage)
    if stage is None:
        raise Refusal(ErrorCode.CONFLICT, f"The model {model.id} is {model.stage}: there is no further stage for it.")
    current = line_up(registered).current
    if model.stage in ACTING and current is not None and current.id != model.id:
        raise Refusal(ErrorCode.CONFLICT, f"The model {current.id} has taken its place; roll back first.")
    return stage


def _patience(platform: Platform) -> Patience:
    return Patience(platform.settings.model_shadow_days, platform.settings.model_canary_days)


async def _evidence(
    platform: Platform, tx: Transaction, model: RegisteredModel, registered: list[RegisteredModel], now: datetime
) -> Evidence:
    current = line_up(registered).current
    other = None if current is None or current.id == model.id else current
    # What was decided before a model was made may be what it was trained with: it says nothing about either then.
    made = [each.created_at for each in (model, other) if each is not None]
    since = max(now - timedelta(days=platform.settings.model_labels_days), *made)
    rates = await model_windows.rates(tx, model.id, model.stage_since)
    confirmed, decided = await model_windows.confirmed(tx, model.id, model.stage_since)
    health = await models.health(tx, model.id)
    canaries = None if health is None else health.report.get("canaries")
    return Evidence(
        stage_since=model.stage_since,
        metrics=model.sidecar.get("metrics", {}),
        players=rates.players,
        flagged=rates.flagged,
        cheats_flagged=await model_windows.cheats_flagged(tx, model.id, model.stage_since),
        days=rates.days,
        labels=await model_windows.labels(tx, model.id, since),
        rival=None if other is None else await model_windows.labels(tx, other.id, since),
        confirmed=confirmed,
        decided=decided,
        canaries_equal=None if not canaries else bool(canaries.get("equal")),
        reported_at=None if health is None else health.at,
    )
