"""Models enter the registry signed by the platform: the one in the package, and those that were trained here."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from scoreboard.domain.model import ModelStage
from scoreboard.security.platform_keys import PlatformKey, platform_keys
from scoreboard.storage import models
from scoreboard.storage.models import StoredArtefact
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.register_model import register_model
from scoreboard_anticheat_ml.artefact import Artefact, ArtefactRefused, sign
from scoreboard_anticheat_ml.opened_models import open_stored
from scoreboard_anticheat_ml.shipped import artefact as shipped_files
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_anticheat_ml.threads import limit_this_thread

_log = structlog.get_logger("scoreboard.model")


def vouched(artefact: Artefact, key: PlatformKey) -> tuple[str, StoredArtefact]:
    """An artefact's id, and the artefact as the registry keeps it, with the platform's signature.

    Whoever calls has loaded it: nobody vouches for what nobody could use.
    """
    new = sign(replace(artefact, signature=b"", key_id=""), key)
    return new.model_id, StoredArtefact(new.body, dict(new.sidecar), new.digest, new.signature, new.key_id)


def _checked(artefact: Artefact, key: PlatformKey) -> tuple[str, StoredArtefact]:
    limit_this_thread()
    model_id, stored = vouched(artefact, key)
    open_stored(model_id, stored, [key])
    return model_id, stored


async def register_trained(platform: Platform, artefact: Artefact, *, by: str) -> bool:
    """Vouch for a model that was trained here, and register it as a candidate.

    Returns:
        False when it is registered already.

    Raises:
        ArtefactRefused: it cannot be loaded here.
        StoreUnavailable: nothing was registered.
    """
    key = platform_keys(platform.settings)[0]
    model_id, stored = await asyncio.to_thread(_checked, artefact, key)
    return await register_model(platform, model_id, stored, by=by)


async def verify_registered(platform: Platform, model_id: str) -> None:
    """Load a registered model with every check, and let it go again.

    Raises:
        ArtefactRefused: the model's service would refuse it too.
        StoreUnavailable: the registry cannot be read.
    """
    stored = await platform.database.transact(lambda tx: models.artefact(tx, model_id))
    await asyncio.to_thread(open_stored, model_id, stored, platform_keys(platform.settings))


async def renew_signatures(platform: Platform, keys: Sequence[PlatformKey]) -> None:
    """Sign with the present key what the one before it has signed, so that it can be taken away.

    What neither of them has signed, or what was changed since, stays as it is: it is refused wherever it is loaded.

    Raises:
        StoreUnavailable: try again later.
    """
    for model_id in await platform.database.transact(lambda tx: models.signed_otherwise(tx, keys[0].id)):
        stored = await platform.database.transact(lambda tx, name=model_id: models.artefact(tx, name))  # type: ignore[misc] # a lambda with a default
        try:
            opened = await asyncio.to_thread(open_stored, model_id, stored, keys)
        except ArtefactRefused as error:
            _log.warning("a registered model is not signed anew", model=model_id, why=str(error))
            continue
        _, renewed = vouched(opened.artefact, keys[0])
        await platform.database.transact(lambda tx, name=model_id, new=renewed: models.sign(tx, name, new))  # type: ignore[misc]
        _log.info("model signed with the present key", model=model_id)


async def register_shipped(platform: Platform, keys: Sequence[PlatformKey]) -> None:
    """See to it that the package's model is in the registry, with a signature that is still known.

    It begins in shadow, and as a candidate where a model is in shadow already that fits this version: only one is asked
    there, and whom people are watching a new release does not displace.

    Args:
        platform: stores.
        keys: the platform's, the one that signs first.

    Raises:
        ArtefactRefused: the package's files are not those that it was released with.
        StoreUnavailable: try again later.
    """
    artefact = await asyncio.to_thread(shipped_files)
    known = await platform.database.transact(lambda tx: models.artefact(tx, artefact.model_id))
    if known is not None and known.sha256 == artefact.digest and known.key_id in [key.id for key in keys]:
        return
    opened = await asyncio.to_thread(shipped)
    model_id, stored = vouched(opened.artefact, keys[0])
    if known is None:
        stage = await _first_stage(platform, artefact)
        await register_model(platform, model_id, stored, stage=stage, by="the package")
        _log.info("shipped model registered", model=model_id, stage=str(stage))
    else:
        await platform.database.transact(lambda tx: models.sign(tx, model_id, stored))
        _log.info("shipped model signed with the present key", model=model_id)


async def _first_stage(platform: Platform, artefact: Artefact) -> ModelStage:
    registered = await platform.database.transact(models.listed)
    fits = [model for model in registered if model.sidecar.get("schema") == artefact.sidecar["schema"]]
    taken = any(model.stage is ModelStage.SHADOW for model in fits)
    return ModelStage.CANDIDATE if taken else ModelStage.SHADOW
