"""Servers that complete the same actions in turn, so that whatever else happens on the machine happens to all."""

import argparse
import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks import report
from benchmarks.ground import ROOT, Ground, Server, settings_of
from benchmarks.load import Result
from benchmarks.seeding import Seeded, begin_actions, seed, write_plan

HEAD = ("server", "completions/s", "p50 ms", "p90 ms", "p99 ms", "server CPU µs", "load CPU")
_POOL = "16"  # connections of a server: ours uses two or three, the naive baseline profits from more


@dataclass(eq=False)
class Contender:
    """One of the servers and what was measured of it."""

    name: str
    server: Server
    seeded: Seeded
    rounds: list[Result] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    answered: int = 0


def enter(ground: Ground, name: str, module: str, players: int, **extra: str) -> Contender:
    """A contender on a database of its own with so many players; its server does not run yet."""
    environment = ground.environment(name, SCOREBOARD_DATABASE_POOL_SIZE=_POOL, **extra)
    seeded = asyncio.run(seed(settings_of(environment), players))
    server = Server(module, environment, ground.folder / f"{name}.log", ground.cores.server)
    return Contender(name, server, seeded)


def run_round(ground: Ground, contender: Contender, asked: argparse.Namespace, count: int, seconds: float) -> Result:
    """Complete at most ``count`` actions in so many seconds. Raises SystemExit when an answer is wrong."""
    plan, outcome = ground.folder / "plan", ground.folder / "result"
    write_plan(asyncio.run(begin_actions(contender.seeded, count, with_keys=asked.keys)), plan)
    cores = ",".join(str(core) for core in ground.cores.others)
    before = contender.server.cpu_seconds()
    subprocess.run(
        [
            *[sys.executable, "-m", "benchmarks.load", str(plan), str(outcome), "--port", str(contender.server.port)],
            *["--connections", str(asked.connections), "--seconds", str(seconds), "--cores", cores],
        ],
        cwd=ROOT,
        check=True,
    )
    result = msgspec.msgpack.decode(outcome.read_bytes(), type=Result)
    contender.answered += result.succeeded
    if result.failed or result.faulty_bodies:
        raise SystemExit(f"{contender.name}: {result.failed}, {result.faulty_bodies} faulty\n{contender.server.tail()}")
    contender.cpu.append((contender.server.cpu_seconds() - before) / result.succeeded * 1e6)
    return result


def rows(contenders: list[Contender]) -> list[list[str]]:
    """Name, rates, percentiles, processor time of each contender, under HEAD."""
    found = []
    for one in contenders:
        figures = [report.spread([getattr(result, name) for result in one.rounds]) for name in ("rate", "p50", "p90")]
        tail = report.spread([result.p99 for result in one.rounds])
        load = report.spread([result.cpu_seconds / result.seconds * 100 for result in one.rounds])
        found.append([one.name, *map(str, figures), str(tail), f"{report.spread(one.cpu).median:,.0f}"])
        found[-1].append(f"{load.median:.0f} %")
    return found


def summary(contenders: list[Contender]) -> dict[str, Any]:
    """All that was measured."""
    return {
        one.name: {
            "rounds": [msgspec.to_builtins(result) for result in one.rounds],
            "server_cpu_us": one.cpu,
            "answered": one.answered,
        }
        for one in contenders
    }
