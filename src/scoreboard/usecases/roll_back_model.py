"""Take the model in use back: the one before it goes on at once. Run from the command line."""

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.model import Lineup, ModelStage, line_up
from scoreboard.storage import audit, models
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform


async def roll_back_model(platform: Platform, *, by: str) -> tuple[str, Lineup]:
    """Retire the model in use.

    Args:
        platform: stores.
        by: who wanted it, for the audit log.

    Returns:
        The model that was retired, and what is in use now: perhaps none.

    Raises:
        Refusal: CONFLICT when no model is in use.
        StoreUnavailable: nothing was changed.
    """

    async def work(tx: Transaction) -> tuple[str, Lineup]:
        registered = await models.lock(tx)
        current = line_up(registered).current
        if current is None:
            raise Refusal(ErrorCode.CONFLICT, "No model is in use.")
        after = line_up([model for model in registered if model.id != current.id])
        await models.set_stage(tx, current.id, ModelStage.RETIRED)
        then = None if after.current is None else after.current.id
        await audit.record(
            tx, "model.rolled_back", current.id, detail={"by": by, "stage": str(current.stage), "to": then}
        )
        return current.id, after

    return await platform.database.transact(work)
