"""Keeps the platform as the resources say: one round for one resource at a time, and when the next is due.

What is remembered here can be lost: after a restart each resource is declared again, which changes nothing where it
already stands.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import structlog

from scoreboard import telemetry
from scoreboard_operator.pacing import wait_after
from scoreboard_operator.platform_api import PlatformApi
from scoreboard_operator.resources import KINDS, Resource
from scoreboard_operator.settings import OperatorSettings
from scoreboard_operator.statuses import Event, event_of, is_drift, patch_of, status_after
from scoreboard_operator.verdicts import NOT_THERE, OUTCOMES, PAUSED, State, Verdict

Json = dict[str, Any]
# Seconds that a new resource is left to kopf's change handlers, which come after the finalizer: only with that it
# cannot vanish unnoticed. Not for ever: they are skipped where two patches wrote the finalizer at once (seen).
_MET_WITHIN = 10.0
_GIVEN_UP = ("retired", "released", "unchanged")
_log = structlog.get_logger("scoreboard.operator")


@dataclass(frozen=True, slots=True)
class Told:
    """What the API server is to be told after a round: a merge patch of the status, and perhaps an event."""

    patch: Json
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Farewell:
    """How it went to let a deleted resource go; ``again_in`` seconds to the next try and why, None when it may go."""

    told: Told
    again_in: float | None = None
    why: str = ""


@dataclass(slots=True)
class _Kept:
    """What is known of one resource between rounds."""

    plural: str
    # Endpoint and key, by which others wait for it; when it was last seen to be declared.
    thing: tuple[str, str]
    came: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    due: float = 0.0
    failures: int = 0
    state: State | None = None
    # Generation and version of the last declaration; none: declare instead of looking.
    declared: tuple[int, int] | None = None
    # As it was last told: the API server's copy may be a moment behind.
    status: Json | None = None
    waits_for: tuple[tuple[str, str], ...] = ()
    leaving: bool = False


class Keeper:
    """One for the process."""

    def __init__(self, api: PlatformApi, settings: OperatorSettings) -> None:
        self._api = api
        self._settings = settings
        self._kept: dict[str, _Kept] = {}
        telemetry.operator_begins([kind.plural for kind in KINDS], State, OUTCOMES)

    async def changed(self, resource: Resource) -> Told:
        """A round at once: the resource is new, was changed, or is met again after a restart."""
        kept = self._of(resource)
        async with kept.lock:
            return await self._round(resource, kept)

    async def tick(self, resource: Resource) -> Told:
        """A round if one is due: to retry, to look for drift, to bring the status up to date."""
        kept = self._of(resource)
        if kept.lock.locked() or self._now() < kept.due:
            return Told({})
        async with kept.lock:
            return await self._round(resource, kept)

    async def farewell(self, resource: Resource) -> Farewell:
        """Give the platform's thing up, or retire it, before the resource disappears.

        A paused resource goes without a word to the API: the way out where the API is gone for good.
        """
        kept = self._of(resource)
        async with kept.lock:
            kept.leaving = True
            if resource.paused:
                words = f"The {resource.kind.noun} was left on the platform as it is, as the resource was paused."
                return self._gone(resource, "paused", Event("Normal", "LeftAsItIs", words))
            verdict = await self._api.let_go(resource)
            if verdict.outcome in _GIVEN_UP:
                words = f"The {resource.kind.noun} “{resource.key}” is {_DONE[verdict.outcome]}."
                return self._gone(resource, verdict.outcome, Event("Normal", _REASONS[verdict.outcome], words))
            if verdict.state is State.CONFLICT or verdict.reason == NOT_THERE:
                words = f"Nothing was given up on the platform: {verdict.message}"
                return self._gone(resource, "released", Event("Normal", "NothingToRelease", words))
            told = self._told(resource, kept, verdict)
            wait = min(
                wait_after(verdict, kept.failures, self._settings, _share()), self._settings.operator_conflict_every
            )
            return Farewell(told, wait, verdict.message)

    def forget(self, uid: str) -> None:
        """The resource is no more."""
        kept = self._kept.pop(uid, None)
        if kept is not None and kept.state is not None:
            telemetry.OPERATOR_OBJECTS.labels(kept.plural, kept.state).dec()

    async def _round(self, resource: Resource, kept: _Kept) -> Told:
        if kept.leaving:
            return Told({})
        begun = self._now()
        with telemetry.OPERATOR_ROUND_SECONDS.labels(resource.kind.plural).time():
            verdict = PAUSED if resource.paused else await self._answer(resource, kept)
        if self._is_blip(resource, kept, verdict):
            return self._passed_over(kept, verdict)
        told = self._told(resource, kept, verdict)
        kept.due = self._now() + wait_after(verdict, kept.failures, self._settings, _share())
        kept.waits_for = verdict.waits_for
        kept.declared = None
        if verdict.view is not None:
            kept.declared = (resource.generation, verdict.view.version)
            self._come(kept)
        elif any(other.came >= begun and other.thing in kept.waits_for for other in self._kept.values()):
            kept.due = 0.0  # it came while the API was still asked for this one
        return told

    def _is_blip(self, resource: Resource, kept: _Kept, verdict: Verdict) -> bool:
        """Whether only a look at what is declared has failed, and not often enough yet to be told."""
        looked = kept.declared is not None and kept.declared[0] == resource.generation
        return looked and verdict.state is State.DEGRADED and kept.failures < self._settings.operator_quiet_failures

    def _passed_over(self, kept: _Kept, verdict: Verdict) -> Told:
        kept.failures += 1
        telemetry.OPERATOR_RECONCILES.labels(kept.plural, verdict.outcome).inc()
        kept.due = self._now() + wait_after(verdict, kept.failures, self._settings, _share())
        return Told({})

    async def _answer(self, resource: Resource, kept: _Kept) -> Verdict:
        if kept.declared is not None and kept.declared[0] == resource.generation:
            seen = await self._api.look(resource)
            if seen.state is State.DEGRADED and seen.reason != NOT_THERE:
                return seen
            if _stands(resource, seen, kept.declared[1]):
                return seen
        return await self._api.declare(resource)

    def _told(self, resource: Resource, kept: _Kept, verdict: Verdict) -> Told:
        """Remember and count the verdict; what of it the API server does not know yet."""
        before = kept.status if kept.status is not None else dict(resource.status)
        kept.failures = kept.failures + 1 if verdict.state is State.DEGRADED else 0
        kept.status = status_after(resource, before, verdict, telemetry.utc_now())
        telemetry.OPERATOR_RECONCILES.labels(kept.plural, verdict.outcome).inc()
        if is_drift(resource, before, verdict):
            telemetry.OPERATOR_DRIFT.labels(kept.plural).inc()
        if verdict.state is not kept.state:
            self._moved(resource, kept, verdict)
        return Told(patch_of(resource.status, kept.status), event_of(resource, before, verdict))

    @staticmethod
    def _moved(resource: Resource, kept: _Kept, verdict: Verdict) -> None:
        if kept.state is not None:
            telemetry.OPERATOR_OBJECTS.labels(kept.plural, kept.state).dec()
        telemetry.OPERATOR_OBJECTS.labels(kept.plural, verdict.state).inc()
        kept.state = verdict.state
        told = {"kind": kept.plural, "namespace": resource.namespace, "name": resource.name}
        _log.info("resource stands", **told, state=str(verdict.state), reason=verdict.reason, detail=verdict.message)

    def _gone(self, resource: Resource, outcome: str, event: Event) -> Farewell:
        telemetry.OPERATOR_RECONCILES.labels(resource.kind.plural, outcome).inc()
        self.forget(resource.uid)
        _log.info("resource let go", kind=resource.kind.plural, name=resource.name, reason=event.reason)
        return Farewell(Told({}, event))

    def _come(self, kept: _Kept) -> None:
        """Wake what waits for it."""
        kept.came = self._now()
        for other in self._kept.values():
            if kept.thing in other.waits_for:
                other.due = 0.0

    def _of(self, resource: Resource) -> _Kept:
        if resource.uid not in self._kept:
            thing = (resource.kind.endpoint, resource.key)
            self._kept[resource.uid] = _Kept(resource.kind.plural, thing, due=self._now() + _MET_WITHIN)
        return self._kept[resource.uid]

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


_DONE = {
    "retired": "retired on the platform; what was scored stays",
    "released": "no longer managed by this resource, and stays as it is",
    "unchanged": "as it was left before",
}
_REASONS = {"retired": "Retired", "released": "Released", "unchanged": "Released"}


def _stands(resource: Resource, seen: Verdict, version: int) -> bool:
    """Whether the thing is the one that was declared, and still this resource's."""
    view = seen.view
    return (
        view is not None
        and view.version == version
        and view.retired_at is None
        and view.managed_by is not None
        and view.managed_by.uid == resource.uid
    )


def _share() -> float:
    return random.random()  # noqa: S311 - spreads requests, hides nothing
