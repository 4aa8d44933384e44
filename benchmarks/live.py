"""From a commit to two browsers, among a thousand sockets: ``python -m benchmarks.live``.

Every socket follows the same board; two of them, in this process, are measured, the others are a crowd in a process of
their own. Scores come one at a time, at moments that have nothing to do with the fan-out's tick: first on a quiet
board, where a change goes out at once, then on a busy one, where it waits for the tick. Measured is the time until both
sockets have a message with the new score: from the moment that Postgres gave the score (``reached_at``, a little before
the commit), and from the moment that the client had the reply to its completion (a message may be there before it).
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvloop

from benchmarks import report
from benchmarks.ground import ROOT, Ground, Server, prepared_ground, settings_of
from benchmarks.load import Order, Plan
from benchmarks.seeding import BOARD, Seeded, begin_actions, seed
from benchmarks.sockets import Crowd, allow_many_files, connect
from scoreboard.telemetry import utc_now

_PLAYERS = 8  # fewer than the board shows: every score is seen
_PATIENCE = 5.0


class _Entry(msgspec.Struct):
    player_id: str
    score: int
    reached_at: datetime


class _Update(msgspec.Struct):
    data: list[_Entry]


_read = msgspec.json.Decoder(_Update)


@dataclass
class Browser:
    """One measured socket: when it first saw which score of which player."""

    seen: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, content: bytes) -> None:
        """Note what a message shows, with the time on our clock and its distance to ``reached_at``, in seconds."""
        now, wall = time.perf_counter(), utc_now()
        for entry in _read.decode(content).data:
            age = (wall - entry.reached_at).total_seconds()
            self.seen.setdefault((entry.player_id, entry.score), (now, age))
        self.news.set()

    async def sees(self, player: str, score: int) -> tuple[float, float]:
        """When a score was seen. Raises TimeoutError when it does not come."""
        async with asyncio.timeout(_PATIENCE):
            while (player, score) not in self.seen:
                self.news.clear()
                await self.news.wait()
        return self.seen[player, score]


@dataclass
class Scorer:
    """Completes prepared actions over HTTP."""

    client: httpx.AsyncClient
    plan: Plan
    seeded: Seeded
    next: int = 0

    async def score(self) -> tuple[str, int, float]:
        """Complete the next action: its player, the new score, and when the reply was there."""
        order: Order = self.plan.orders[self.next]
        self.next += 1
        headers = {"Authorization": f"Bearer {self.plan.tokens[order.person]}", "Content-Type": "application/json"}
        reply = await self.client.post(order.line.decode().split()[1], content=order.body, headers=headers)
        at = time.perf_counter()
        if reply.status_code != 200:
            raise RuntimeError(f"a completion was answered {reply.status_code}: {reply.text}")
        return str(self.seeded.people[order.person].id), reply.json()["score"]["current"], at


@dataclass
class Phase:
    """Milliseconds to both sockets, the later one counts."""

    name: str
    from_reply: list[float] = field(default_factory=list)
    from_score: list[float] = field(default_factory=list)


async def _background(scorer: Scorer, rate: float) -> None:
    while True:
        await asyncio.sleep(random.expovariate(rate))
        await scorer.score()


async def _measure(phase: Phase, scorer: Scorer, browsers: list[Browser], scores: int) -> None:
    while len(phase.from_reply) < scores:
        await asyncio.sleep(random.uniform(0.15, 0.35))
        player, score, replied = await scorer.score()
        seen = [await browser.sees(player, score) for browser in browsers]
        phase.from_reply.append((max(at for at, _ in seen) - replied) * 1000)
        phase.from_score.append(max(age for _, age in seen) * 1000)


async def _run(asked: argparse.Namespace, api: Server, realtime: Server, plan: Plan, seeded: Seeded) -> list[Phase]:
    browsers = [Browser(), Browser()]
    sockets = [await connect(realtime.port, f"board:{BOARD.key}", browser.hear) for browser in browsers]
    phases = [Phase("quiet"), Phase(f"{asked.rate:g} other scores/s")]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=10) as client:
        scorer = Scorer(client, plan, seeded)
        await scorer.score()
        await _measure(phases[0], scorer, browsers, asked.scores)
        others = asyncio.create_task(_background(scorer, asked.rate))
        try:
            await _measure(phases[1], scorer, browsers, asked.scores)
        finally:
            others.cancel()
        await asyncio.gather(others, return_exceptions=True)
    for socket in sockets:
        socket.close()
    return phases


def _crowd(realtime: Server, count: int, cores: str) -> "subprocess.Popen[str]":
    crowd = subprocess.Popen(
        [
            *[sys.executable, "-m", "benchmarks.sockets", "--port", str(realtime.port)],
            *["--count", str(count), "--cores", cores, "--channel", f"board:{BOARD.key}"],
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert crowd.stdout is not None
    if crowd.stdout.readline().strip() != "ready":
        raise RuntimeError(f"the crowd could not connect:\n{realtime.tail()}")
    return crowd


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--scores", type=int, default=60, help="measured in each phase")
    parser.add_argument("--rate", type=float, default=25.0, help="other scores a second in the busy phase")
    parser.add_argument("--json", type=Path, help="write all figures there")
    return parser.parse_args()


def _bench(ground: Ground, asked: argparse.Namespace) -> tuple[list[Phase], Crowd]:
    environment = ground.environment("live")
    seeded = asyncio.run(seed(settings_of(environment), _PLAYERS))
    actions = int(asked.scores * 3 + asked.scores * asked.rate)
    plan = asyncio.run(begin_actions(seeded, actions, with_keys=False))
    api = Server("scoreboard_api", environment, ground.folder / "api.log", ground.cores.others)
    port = "SCOREBOARD_REALTIME_PORT"
    realtime = Server("scoreboard_realtime", environment, ground.folder / "realtime.log", ground.cores.server, port)
    crowd = None
    try:
        api.start()
        realtime.start()
        os.sched_setaffinity(0, ground.cores.others)
        crowd = _crowd(realtime, asked.sockets - 2, ",".join(str(core) for core in ground.cores.others))
        phases = uvloop.run(_run(asked, api, realtime, plan, seeded))
        told, _ = crowd.communicate("stop\n", timeout=30)
        return phases, msgspec.json.decode(told, type=Crowd)
    finally:
        if crowd is not None:
            crowd.kill()
        realtime.stop()
        api.stop()


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    allow_many_files()
    facts = report.tell_machine()
    with prepared_ground() as ground:
        phases, crowd = _bench(ground, asked)
    head = ["board", "scores", "from", "p50 ms", "p90 ms", "p99 ms", "longest ms"]
    rows = []
    for phase in phases:
        for start, values in (("reached_at", phase.from_score), ("reply", phase.from_reply)):
            figures = [f"{_percentile(values, share):.1f}" for share in (0.5, 0.9, 0.99, 1)]
            rows.append([phase.name, str(len(values)), start, *figures])
    report.table(f"To both of two sockets among {asked.sockets:,}", head, rows)
    print(f"\nthe crowd: {crowd.updates:,} updates, {crowd.fewest}–{crowd.most} for each of {crowd.sockets} sockets")
    measured = {"p99_ms": max(_percentile(phase.from_score, 0.99) for phase in phases)}
    passed = report.judge("live", measured)
    if crowd.lost or not crowd.fewest:
        print(f"\nFAILED: {crowd.lost} sockets were lost, the least lucky one heard {crowd.fewest} updates")
        passed = False
    report.write_json(asked.json, _summary(facts, phases, crowd) | {"measured": measured})
    sys.exit(0 if passed else 1)


def _summary(facts: dict[str, str], phases: list[Phase], crowd: Crowd) -> dict[str, Any]:
    return {
        "machine": facts,
        "phases": {one.name: {"from_reply_ms": one.from_reply, "from_score_ms": one.from_score} for one in phases},
        "crowd": msgspec.to_builtins(crowd),
    }


if __name__ == "__main__":
    main()
