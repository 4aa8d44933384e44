"""What every process tells for the status page: a few figures of its own metrics, every few seconds, into Redis.

Wired by ``watch_process``. Nothing here waits for anybody: with Redis away the figures of that time are lost.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge, Histogram

from scoreboard import __version__, telemetry
from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.vitals import Buckets, Levels, Part, Tally
from scoreboard.live import vitals
from scoreboard.live.redis_link import LiveUnavailable
from scoreboard.live.vitals import Pace, Presence
from scoreboard.usecases.platform import Platform

COMPLETE = "/api/v1/actions/{action_id}/complete"
OURS = (ErrorCode.OVERLOADED, ErrorCode.DRAINING, ErrorCode.DEPENDENCY_UNAVAILABLE, ErrorCode.INTERNAL_ERROR)
"""Why a live connection is refused for a reason of ours, as ``slos.yaml`` has it."""
_SHIFTED = 0.25  # population stability index; as the alert has it
_PRESENT_FOR = 3  # so many rounds may be missed before a process is taken for gone
Labels = dict[str, str]


class VitalSigns:
    """One process's voice. It counts what happened since it was made."""

    def __init__(self, platform: Platform, service: str) -> None:
        self._platform = platform
        self._service = service
        began = telemetry.utc_now()
        self._began = began.timestamp()
        # In a container the pid is always 1: without its start a process that died would live on in the next one.
        self._instance = f"{socket.gethostname()}-{os.getpid()}@{began:%H%M%S}Z"
        self._last = self._base = measure()
        self._slot = -1

    async def round(self) -> None:
        """Tell, then rest. Ends with a farewell when it is cancelled."""
        try:
            await self.tell()
            await asyncio.sleep(self._platform.settings.vitals_every)
        except asyncio.CancelledError:
            with contextlib.suppress(LiveUnavailable):
                await vitals.leave(self._platform.live, self._presence())
            raise

    async def tell(self) -> None:
        """Tell what was counted in the present slot so far. Redis may be away: then nobody hears."""
        settings, live = self._platform.settings, self._platform.live
        before, self._last = self._last, measure()
        with contextlib.suppress(LiveUnavailable):
            now = await vitals.moment(live)
            slot = int(now) // settings.vitals_slot
            if slot != self._slot:
                self._slot, self._base = slot, before
            pace = Pace(present=max(2, round(settings.vitals_every * _PRESENT_FOR)), kept=settings.vitals_kept)
            told = self._last.since(self._base), levels(self._service)
            await vitals.tell(live, self._presence(), now, slot, told, pace)

    def _presence(self) -> Presence:
        up = {labels["store"]: value > 0 for labels, value in _series(telemetry.STORE_UP)}
        return Presence(
            *(self._service, self._instance, __version__, self._began),
            draining=_total(telemetry.DRAINING) > 0,
            database=up.get("database", True),
            redis=up.get("redis", True),
        )


def measure() -> Tally:
    """Everything that this process has counted since it began.

    Takes some 50 microseconds for each pair of route and status that was asked for: with thirty of them 1.5 ms.
    """
    requests = [(labels, value, name) for labels, value, name in _samples(telemetry.REQUEST_SECONDS)]
    return Tally(
        requests=sum(v for labels, v, name in requests if name.endswith("_count") and _counts(labels)),
        failed=_total(telemetry.REQUESTS_FAILED),
        connects=_total(telemetry.CONNECTS),
        refused=sum(v for labels, v in _series(telemetry.CONNECTS_REFUSED) if labels["code"] in OURS),
        drifted=_total(telemetry.LEADERBOARD_DRIFTED),
        completions=_buckets(requests, lambda labels: labels["route"] == COMPLETE),
        broadcasts=_buckets(_samples(telemetry.COMMIT_TO_SOCKET)),
        events=_buckets(_samples(telemetry.EVENT_DELIVERY)),
        verdicts=_buckets(_samples(telemetry.MODEL_VERDICT_SECONDS)),
    )


def levels(service: str) -> Levels:
    """How high things stand, as far as a service of this kind knows."""
    if service == Part.REALTIME:
        return Levels(connections=_total(telemetry.CONNECTIONS), stream_lag=_total(telemetry.STREAM_LAG))
    if service == Part.WORKER:
        return Levels(
            outbox_age_s=_total(telemetry.OUTBOX_AGE),
            reviews=_total(telemetry.REVIEW_OPEN),
            reviews_overdue=_total(telemetry.REVIEW_OVERDUE),
        )
    if service == Part.MODEL:
        return Levels(
            model_behind=_total(telemetry.MODEL_BEHIND),
            features_shifted=sum(value > _SHIFTED for _, value in _series(telemetry.MODEL_DRIFT)),
        )
    return Levels()


def _counts(labels: Labels) -> bool:
    return not labels["route"].startswith("/health/")


def _samples(metric: Counter | Gauge | Histogram) -> list[tuple[Labels, float, str]]:
    return [(sample.labels, sample.value, sample.name) for family in metric.collect() for sample in family.samples]


def _series(metric: Counter | Gauge) -> list[tuple[Labels, float]]:
    return [(labels, value) for labels, value, name in _samples(metric) if not name.endswith("_created")]


def _total(metric: Counter | Gauge) -> float:
    return sum(value for _, value in _series(metric))


def _buckets(
    samples: Iterable[tuple[Labels, float, str]], wanted: Callable[[Labels], bool] = lambda labels: True
) -> Buckets:
    found: dict[float, float] = {}
    for labels, value, name in samples:
        if name.endswith("_bucket") and wanted(labels):
            bound = float(labels["le"])
            found[bound] = found.get(bound, 0) + value
    return tuple(sorted(found.items())) if any(found.values()) else ()
