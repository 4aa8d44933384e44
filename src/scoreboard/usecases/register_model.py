"""Take a signed model into the registry. Whoever calls has loaded it, and vouches for it by a signature."""

from scoreboard.domain.model import ModelStage
from scoreboard.storage import audit, models
from scoreboard.storage.database import Transaction
from scoreboard.storage.models import StoredArtefact
from scoreboard.usecases.platform import Platform


async def register_model(
    platform: Platform, model_id: str, stored: StoredArtefact, *, stage: ModelStage = ModelStage.CANDIDATE, by: str
) -> bool:
    """Register a model in a stage in which it does nothing by itself.

    Args:
        platform: stores.
        model_id: names it in every verdict.
        stored: the artefact and its signature.
        stage: candidate or shadow.
        by: who wanted it, for the audit log.

    Returns:
        False when it is there already; nothing was changed then.

    Raises:
        ValueError: a stage in which it would act.
        StoreUnavailable: nothing was registered.
    """
    if stage not in (ModelStage.CANDIDATE, ModelStage.SHADOW):
        raise ValueError("a model begins as a candidate or in shadow")

    async def work(tx: Transaction) -> bool:
        if not await models.add(tx, model_id, stage, by, stored):
            return False
        detail = {"stage": str(stage), "sha256": stored.sha256.hex(), "key_id": stored.key_id, "by": by}
        await audit.record(tx, "model.registered", model_id, detail=detail)
        return True

    return await platform.database.transact(work)
