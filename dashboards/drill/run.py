"""One fault after the other: wait for quiet, break, wait for the page, mend, wait for quiet, judge.

Waits are conditions with deadlines that a busy machine can keep; what is judged has no leeway.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from dashboards.drill.faults import Fault, Stage
from dashboards.drill.ground import Ground, until
from dashboards.drill.judge import RECEIVERS, WATCHDOG, Judgement, judge
from dashboards.drill.machine import is_busy
from dashboards.drill.play import Crowd
from dashboards.drill.watchers import Watchers
from dashboards.drill.webhook import Webhook
from dashboards.rules import all_alerts
from scoreboard.telemetry import utc_now
from scoreboard_cli.failures import ExpectedError

SEVERITIES = {alert.name: alert.severity for alert in all_alerts()}
_TOLD_WITHIN = 180.0
_QUIET_WITHIN = 300.0
_CALM_WITHIN = 300.0
_TRIES = 3
_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Pace:
    """How fast a drill goes.

    Attributes:
        scale: how many times faster than in real life time passes in the rules.
        every: seconds between two scrapes and two evaluations.
        gather: seconds until Alertmanager tells. A burst of errors is scaled, two looks at the stores are not.
        stays: seconds that a fault goes on once it is told: what else would be told of it has time to come.
        people: how many play.
    """

    scale: float = 30
    every: int = 1
    gather: int = 15
    stays: float = 12
    people: int = 14

    @property
    def quiet(self) -> float:
        """Seconds without any alert after which nothing more is told of a fault."""
        return self.gather + 3 * self.every


USUAL = Pace()
QUICK = Pace(scale=60, gather=3, stays=3, people=4)
"""For one fault whose alert waits for no look at the stores."""
Say = Callable[[str], None]


@dataclass
class Outcome:
    """What became of one fault; ``shares`` are shares of broken promises at the moment it was told, by objective."""

    fault: Fault
    judgement: Judgement
    shares: dict[str, float] = field(default_factory=dict)


class Drill:
    """A platform with everybody who uses and watches it."""

    def __init__(
        self, ground: Ground, crowd: Crowd, webhook: Webhook, prometheus: httpx.AsyncClient, pace: Pace
    ) -> None:
        self.stage = Stage(ground, crowd)
        self.webhook = webhook
        self.prometheus = prometheus
        self.pace = pace
        self.tolerated: set[str] = {WATCHDOG}
        self.began = utc_now()
        self.was_busy = False

    async def ask(self, query: str) -> list[Any]:
        """An instant query: metric and value of each series. Raises HTTPError."""
        reply = await self.prometheus.get("/api/v1/query", params={"query": query})
        found: list[Any] = reply.raise_for_status().json()["data"]["result"]
        return found

    async def alerts(self) -> set[str]:
        """What fires or is about to, without the watchdog and tickets of former faults."""
        self.was_busy |= is_busy()
        return {each["metric"]["alertname"] for each in await self.ask("ALERTS")} - self.tolerated

    async def until_quiet(self, dwell: float) -> set[str]:
        """Wait until nothing fires for so many seconds; what does not end in time."""
        deadline, quiet_since = time.monotonic() + _QUIET_WITHIN, None
        while True:
            firing = await self.alerts() or {name for name in self._not_over() if name not in self.tolerated}
            now = time.monotonic()
            quiet_since = None if firing else quiet_since or now
            if quiet_since is not None and now - quiet_since >= dwell:
                return set()
            if now > deadline:
                return firing
            await asyncio.sleep(_LOOK_EVERY)

    def _not_over(self) -> set[str]:
        """Alerts of which somebody was told last that they fire."""
        last = {(notice.alert, notice.receiver): notice.firing for notice in self.webhook.notices}
        return {alert for (alert, _), firing in last.items() if firing}

    async def until_told(self, alert: str, since: datetime, within: float = _TOLD_WITHIN) -> bool:
        """Wait until every receiver of an alert was told that it fires."""
        return await until(
            lambda: self.webhook.heard(alert, firing=True, since=since) >= RECEIVERS[SEVERITIES[alert]], within
        )

    async def go_through(self, fault: Fault, say: Say) -> Outcome:
        """Inject a fault; once more, up to twice, where it went wrong while others kept the machine busy.

        Alerts about slowness are right then, and say nothing about the fault. What counts is one run as it should be.

        Raises:
            ExpectedError: The platform does not come back.
        """
        for left in reversed(range(_TRIES)):
            self.was_busy = False
            outcome = await self._inject(fault, say)
            if not (outcome.judgement.problems and self.was_busy and left):
                break
            say("others keep this machine busy; again in a calmer moment")
            await until(lambda: not is_busy(), _CALM_WITHIN)
            await self.until_quiet(self.pace.quiet)
        return outcome

    async def _inject(self, fault: Fault, say: Say) -> Outcome:
        say("breaks")
        broken = utc_now()
        await fault.breaks(self.stage)
        try:
            say("waits for the alert")
            told = await self.until_told(fault.expected.alert, broken)
            shares = await self._shares()
            if told and not fault.expected.heals:
                say("told; stays broken for a while")
                await asyncio.sleep(self.pace.stays)
        finally:
            say("mends")
            mended = utc_now()
            await fault.mends(self.stage)
        say("waits for quiet")
        self.tolerated |= fault.expected.lasts
        left = await self.until_quiet(self.pace.quiet)
        judgement = judge(self.webhook.notices, fault.expected, SEVERITIES, broken, mended)
        judgement.problems += [f"{name} did not end" for name in sorted(left - fault.expected.lasts)]
        return Outcome(fault, judgement, shares)

    async def _shares(self) -> dict[str, float]:
        found = await self.ask("scoreboard:slo_errors:ratio_rate5m")
        shares = {each["metric"]["slo"]: float(each["value"][1]) for each in found}
        return {slo: share for slo, share in shares.items() if math.isfinite(share)}


@asynccontextmanager
async def open_drill(say: Say, pace: Pace = USUAL, *, keep: bool = False) -> AsyncIterator[Drill]:
    """A running platform with play, watchers, Prometheus, Alertmanager and a webhook, in which all is quiet.

    Raises:
        ExpectedError: Something cannot be started, or it never becomes quiet.
    """
    ground, webhook = Ground(), Webhook()
    ends: list[Callable[[], Awaitable[None]]] = [lambda: ground.stop(keep=keep)]
    try:
        say("starts a platform")
        await ground.start()
        await webhook.start()
        ends.append(webhook.stop)
        crowd, watchers = Crowd(ground.api_url, pace.people), Watchers(ground.realtime_url)
        ends += [crowd.end, watchers.end]
        say("lets people in")
        await crowd.enter()
        await ground.command("role", crowd.moderator.name, "moderator", "--data", str(ground.data.root))
        await crowd.moderator.enter("login")
        crowd.begin()
        watchers.begin()
        say("starts Prometheus and Alertmanager")
        beside = ground.observe(webhook.url, pace.scale, pace.every, pace.gather)
        async with httpx.AsyncClient(base_url=beside.urls["prometheus"], timeout=30, trust_env=False) as prometheus:
            drill = Drill(ground, crowd, webhook, prometheus, pace)
            say("waits until all is quiet")
            await until(lambda: bool(webhook.heard(WATCHDOG, firing=True, since=_EVER)), _QUIET_WITHIN)
            if left := await drill.until_quiet(dwell=0):
                raise ExpectedError(f"It did not become quiet: {', '.join(sorted(left))}.", f"See {ground.folder}.")
            yield drill
    finally:
        say("stops")
        for end in reversed(ends):
            await end()


_EVER = datetime.fromtimestamp(0, utc_now().tzinfo)
