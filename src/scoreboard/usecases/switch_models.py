"""The kill switch: from now on no model is asked, or again one is. Effective with the next batch, within a second."""

from scoreboard.storage import audit, models
from scoreboard.storage.database import Transaction
from scoreboard.usecases.platform import Platform


async def switch_models(platform: Platform, *, on: bool, by: str) -> bool:
    """Ask models, or none. What is completed while they are off is not judged later.

    Returns:
        False when that was so already.

    Raises:
        StoreUnavailable: nothing was changed.
    """

    async def work(tx: Transaction) -> bool:
        if not await models.switch(tx, on=on):
            return False
        await audit.record(tx, "model.switched", "all", detail={"on": on, "by": by})
        return True

    return await platform.database.transact(work)
