"""Between kopf and the keeper: which events of resources lead to a round, and how its result reaches the API server."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import kopf

from scoreboard_operator.keeper import Keeper, Told
from scoreboard_operator.resources import GROUP, KINDS, VERSION, Kind, Resource
from scoreboard_operator.settings import OperatorSettings

# Annotations and finalizer that kopf keeps on a resource; nothing else of the resource but its status is written.
_PREFIX = f"operator.{GROUP}"
_COMPONENT = "scoreboard-operator"
_EVENT_BACKOFFS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds; then an event is given up: the status says it all
_AFTER_A_FAULT = 30.0  # seconds until a handler runs again that failed by a fault of ours


class Backoffs:
    """Seconds between tries of a request to the API server, without an end.

    kopf's own series ends after 54 s, and the timer whose status could not be written by then never runs again: after
    an upgrade of the control plane nobody would look for drift any more. The same where a Role forbids it: the tries of
    that one resource, told as errors, succeed once the Role is right. A status that was computed before and is written
    after newer news is put right by the next round, which compares it. Events have a short series of their own.
    """

    def __iter__(self) -> Iterator[float]:
        """Begin anew."""
        return chain((1.0, 2.0, 4.0, 8.0, 16.0), repeat(30.0))


def kopf_settings(settings: OperatorSettings) -> kopf.OperatorSettings:
    """How kopf behaves here."""
    chosen = kopf.OperatorSettings()
    chosen.persistence.finalizer = f"{_PREFIX}/declared"
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=_PREFIX)
    chosen.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=_PREFIX)
    # Namespaces and definitions are not watched: a Role of one namespace cannot allow it, and kopf would ask for ever.
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.posting.loggers = False
    chosen.posting.default_backoffs = _EVENT_BACKOFFS
    chosen.posting.reporting_component = _COMPONENT
    chosen.posting.event_name_prefix = f"{_COMPONENT}-"
    chosen.watching.server_timeout = settings.operator_watch_seconds
    chosen.networking.request_timeout = settings.operator_cluster_timeout
    chosen.networking.connect_timeout = settings.operator_cluster_timeout
    chosen.networking.error_backoffs = Backoffs()
    # A round under way when its resource is deleted ends within a request; look for that every second.
    chosen.background.cancellation_polling = 1.0
    return chosen


def register(registry: kopf.OperatorRegistry, keeper: Keeper, settings: OperatorSettings) -> None:
    """Handlers of all four kinds."""
    for kind in KINDS:
        _register(registry, keeper, settings, kind)


def _register(registry: kopf.OperatorRegistry, keeper: Keeper, settings: OperatorSettings, kind: Kind) -> None:
    where = (GROUP, VERSION, kind.plural)

    @kopf.on.resume(*where, registry=registry, id="declare", backoff=_AFTER_A_FAULT)
    @kopf.on.create(*where, registry=registry, id="declare", backoff=_AFTER_A_FAULT)
    @kopf.on.update(*where, registry=registry, id="declare", backoff=_AFTER_A_FAULT)
    async def declare(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
        _tell(await keeper.changed(Resource.read(kind, body)), body, patch)

    @kopf.timer(*where, registry=registry, id="look", interval=settings.operator_tick, backoff=_AFTER_A_FAULT)
    async def look(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
        _tell(await keeper.tick(Resource.read(kind, body)), body, patch)

    @kopf.on.delete(*where, registry=registry, id="let-go", backoff=_AFTER_A_FAULT)
    async def let_go(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
        farewell = await keeper.farewell(Resource.read(kind, body))
        _tell(farewell.told, body, patch)
        if farewell.again_in is not None:
            raise kopf.TemporaryError(f"the API has to be told first: {farewell.why}", delay=farewell.again_in)

    @kopf.on.event(*where, registry=registry, id="forget")
    async def forget(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name for it
        if type == "DELETED":
            keeper.forget(str(body.metadata.uid))


def _tell(told: Told, body: kopf.Body, patch: kopf.Patch) -> None:
    patch.status.update(told.patch)
    if told.event is not None:
        kopf.event(body, type=told.event.type, reason=told.event.reason, message=told.event.message)
