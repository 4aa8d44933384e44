"""Servers that complete the same actions in turn, so that whatever else happens on the machine happens to all."""

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks import report
from benchmarks.ground import ROOT, Ground, Server, settings_of
from benchmarks.ledger_check import check_ledger
from benchmarks.load import Plan, Result
from benchmarks.seeding import Seeded, begin_actions, seed, silent, write_plan
from scoreboard.usecases.rebuild_leaderboard import Progress

HEAD = ("server", "completions/s", "p50 ms", "p90 ms", "p99 ms", "server CPU µs", "load CPU")
_PATIENT = {"SCOREBOARD_REDIS_TIMEOUT": "5"}  # what is prepared may take as long as it likes
_POOL = "16"  # connections of a server: ours uses two or three, the naive baseline profits from more


@dataclass(eq=False)
class Contender:
    """What is measured: a database with players, one server process or several over it, and what they reached.

    ``cpu`` is µs of processor time of all its processes for each answer, by round; ``cores`` are the load's.
    """

    name: str
    servers: tuple[Server, ...]
    seeded: Seeded
    cores: frozenset[int]
    rounds: list[Result] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    answered: int = 0

    def start(self) -> None:
        """Start its processes. Raises RuntimeError when one is not ready in time."""
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """Stop those that run."""
        for server in self.servers:
            server.stop()

    def cpu_seconds(self) -> float:
        """Processor time of its processes so far."""
        return sum(server.cpu_seconds() for server in self.servers)


def enter(
    ground: Ground,
    name: str,
    module: str,
    players: int,
    *,
    processes: int = 1,
    crowd: int = 0,
    on_progress: Progress = silent,
    **extra: str,
) -> Contender:
    """A contender on a database of its own; its processes do not run yet.

    Args:
        ground: stores and cores. One process gets the server's core; several share all cores with everything else.
        name: of the contender and its database.
        module: what a process runs.
        players: who are signed in and play.
        processes: how many serve.
        crowd: further players who only stand on the board.
        on_progress: told of the leaderboard's (entries loaded, entries in all).
        extra: of its environment.
    """
    place = re.sub(r"\W+", "_", name)
    environment = ground.environment(place, SCOREBOARD_DATABASE_POOL_SIZE=_POOL, **extra)
    patient = settings_of(environment | _PATIENT)
    seeded = asyncio.run(seed(patient, players, crowd=crowd, on_progress=on_progress))
    alone = processes == 1
    servers = tuple(
        Server(
            module,
            environment,
            ground.folder / f"{place}-{number}.log",
            ground.cores.server if alone else ground.cores.every,
        )
        for number in range(processes)
    )
    return Contender(name, servers, seeded, ground.cores.others if alone else ground.cores.every)


def run_round(ground: Ground, contender: Contender, asked: argparse.Namespace, count: int, seconds: float) -> Result:
    """Complete at most ``count`` actions in so many seconds. Raises SystemExit when an answer is wrong."""
    plan = asyncio.run(begin_actions(contender.seeded, count, with_keys=asked.keys))
    result = send(ground, contender, plan, asked.connections, seconds)
    contender.answered += result.succeeded
    return result


def send(ground: Ground, contender: Contender, plan: Plan, connections: int, seconds: float) -> Result:
    """Send a plan's requests for so many seconds. Raises SystemExit when an answer is wrong or none comes."""
    path, outcome = ground.folder / "plan", ground.folder / "result"
    write_plan(plan, path)
    before = contender.cpu_seconds()
    subprocess.run(
        [
            *[sys.executable, "-m", "benchmarks.load", str(path), str(outcome)],
            *["--ports", ",".join(str(server.port) for server in contender.servers)],
            *["--connections", str(connections), "--seconds", str(seconds)],
            *["--cores", ",".join(str(core) for core in contender.cores)],
        ],
        cwd=ROOT,
        check=True,
    )
    result = msgspec.msgpack.decode(outcome.read_bytes(), type=Result)
    if result.failed or result.faulty_bodies or not result.succeeded:
        said = "".join(server.tail() for server in contender.servers)
        raise SystemExit(f"{contender.name}: {result.failed}, {result.faulty_bodies} faulty\n{said}")
    contender.cpu.append((contender.cpu_seconds() - before) / result.succeeded * 1e6)
    return result


def warm(ground: Ground, contender: Contender, asked: argparse.Namespace) -> None:
    """Start a contender and send every player's token once, so that no round pays for what is kept from then on."""
    contender.start()
    run_round(ground, contender, asked, len(contender.seeded.people), 60.0)
    contender.cpu.clear()


def finish(contenders: Iterable[Contender]) -> None:
    """Stop contenders and check their ledgers. Raises Unsound for one that was fast because it was wrong."""
    for one in contenders:
        one.stop()
        asyncio.run(check_ledger(one.seeded, one.answered))
        print(f"  {one.name}: {one.answered:,} answers with 200, the ledger holds each once and adds up")


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
