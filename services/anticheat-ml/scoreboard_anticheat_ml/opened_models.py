"""The models in memory: verified and loaded from the registry, ready to be asked.

What is refused is never asked; whichever was in use before goes on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from scoreboard import telemetry
from scoreboard.domain.model import Lineup, ModelStage, RegisteredModel, line_up
from scoreboard.security.platform_keys import PlatformKey
from scoreboard.storage import models
from scoreboard.storage.database import StoreUnavailable
from scoreboard.storage.models import StoredArtefact
from scoreboard.usecases.platform import Platform
from scoreboard_anticheat_ml.artefact import Artefact, ArtefactRefused, Opened, Refused, open_signed
from scoreboard_anticheat_ml.threads import limit_this_thread

_log = structlog.get_logger("scoreboard.model")
_LOOK_AGAIN = 30.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be asked, and what it may do."""

    id: str
    stage: ModelStage
    opened: Opened


def open_stored(model_id: str, stored: StoredArtefact | None, keys: Sequence[PlatformKey]) -> Opened:
    """Verify and load what the registry holds.

    Raises:
        ArtefactRefused: It is not there, or fails a check.
    """
    limit_this_thread()
    if stored is None:
        raise ArtefactRefused(Refused.UNREADABLE, f"The registry holds no model {model_id}.")
    artefact = Artefact(stored.body, stored.sidecar, stored.signature, stored.key_id)
    if artefact.digest != stored.sha256 or artefact.model_id != model_id:
        raise ArtefactRefused(Refused.TAMPERED, f"What the registry holds as {model_id} is not what was registered.")
    return open_signed(artefact, keys)


class OpenedModels:
    """At most three models: in use, in shadow beside it, and the one before."""

    def __init__(self, platform: Platform, keys: Sequence[PlatformKey]) -> None:
        self._platform = platform
        self._keys = keys
        self._opened: dict[str, Opened] = {}
        self._refused: dict[str, float] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._lineup = Lineup()
        self.waiting = True
        for reason in Refused:
            telemetry.MODEL_REFUSED.labels(reason)  # tells 0 until the first

    @property
    def current(self) -> Ready | None:
        """The one that is asked."""
        return self._ready(self._lineup.current)

    @property
    def candidate(self) -> Ready | None:
        """The one in shadow beside it."""
        return self._ready(self._lineup.candidate)

    @property
    def previous(self) -> Ready | None:
        """The one that would take the current one's place."""
        return self._ready(self._lineup.previous)

    @property
    def asked(self) -> list[Ready]:
        """Current and candidate, as far as there are any."""
        return [ready for ready in (self.current, self.candidate) if ready is not None]

    def _ready(self, model: RegisteredModel | None) -> Ready | None:
        return None if model is None else Ready(model.id, model.stage, self._opened[model.id])

    def follow(self, registered: Sequence[RegisteredModel], *, expected: bool = False) -> None:
        """Take over what the registry says now. What has to be loaded is loaded meanwhile.

        ``waiting`` is True afterwards while the one that should be asked is being loaded, or is still to be registered:
        what is played meanwhile is for that one, not for whichever was quicker. What was refused is not waited for.

        Args:
            registered: The models that may be asked.
            expected: There is none yet, but the package's own will come.
        """
        now = asyncio.get_running_loop().time()
        usable = [model for model in registered if self._refused.get(model.id, 0.0) <= now]
        wanted = line_up(usable)
        names = {model.id for model in (wanted.current, wanted.candidate, wanted.previous) if model is not None}
        for name in names - self._opened.keys() - self._loading.keys():
            self._loading[name] = asyncio.create_task(self._load(name))
        before = self._lineup.current
        self._lineup = line_up([model for model in registered if model.id in self._opened])
        for name in self._opened.keys() - names - self._in_use():
            del self._opened[name]
        awaited = line_up([model for model in registered if model.id not in self._refused]).current
        self.waiting = expected or (awaited is not None and awaited.id not in self._opened)
        if self._lineup.current is not None and self._lineup.current != before:
            _log.info("model in use", model=self._lineup.current.id, stage=str(self._lineup.current.stage))

    def _in_use(self) -> set[str]:
        return {ready.id for ready in (self.current, self.candidate, self.previous) if ready is not None}

    async def _load(self, model_id: str) -> None:
        try:
            stored = await self._platform.database.transact(lambda tx: models.artefact(tx, model_id))
            self._opened[model_id] = await asyncio.to_thread(open_stored, model_id, stored, self._keys)
            self._refused.pop(model_id, None)
            _log.info("model loaded", model=model_id)
        except ArtefactRefused as error:
            self._refused[model_id] = asyncio.get_running_loop().time() + _LOOK_AGAIN
            telemetry.MODEL_REFUSED.labels(str(error.reason)).inc()
            _log.error("model refused", model=model_id, reason=str(error.reason), why=str(error))
        except StoreUnavailable:
            pass  # the next round tries again
        finally:
            del self._loading[model_id]

    async def close(self) -> None:
        """Wait for what is being loaded."""
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
