"""A long load on one server, in slices: do its memory and its speed stay? Begun by ``benchmarks.write --soak MINUTES``.

Memory is what the process has for itself (USS). It is taken after each slice, so from a server at rest.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass

import psutil

from benchmarks.contest import Contender, send
from benchmarks.ground import Ground
from benchmarks.load import Result
from benchmarks.seeding import begin_actions, renewed

_SLICE = 15.0  # seconds
_RENEW = 300.0  # seconds after which players get fresh access tokens, half of a token's life
_SPARE = 1.5  # actions begun for each that the round before leads to expect
_SETTLING = 0.25  # share of the time in which caches may still fill


@dataclass(frozen=True, slots=True)
class Slice:
    """Seconds of load until its end, MiB of the server then, answers a second and their 99th percentile in ms."""

    loaded: float
    mebibytes: float
    rate: float
    p99: float


def soak(ground: Ground, contender: Contender, asked: argparse.Namespace) -> list[Slice]:
    """Load a running contender for ``asked.soak`` minutes. Its ``rounds`` stay as they are."""
    slices: list[Slice] = []
    rate, loaded, seeded, renewed_at = contender.rounds[-1].rate, 0.0, contender.seeded, time.monotonic()
    seeded = renewed(seeded)
    while loaded < asked.soak * 60:
        if time.monotonic() - renewed_at > _RENEW:
            seeded, renewed_at = renewed(seeded), time.monotonic()
        plan = asyncio.run(begin_actions(seeded, int(rate * _SLICE * _SPARE), with_keys=asked.keys))
        result = send(ground, contender, plan, asked.connections, _SLICE)
        contender.answered += result.succeeded
        contender.cpu.pop()
        loaded += result.seconds
        rate = result.rate
        slices.append(_slice(contender, result, loaded))
        print(f"  soak {loaded:5.0f} s  {rate:9,.1f}/s   p99 {result.p99:7.2f} ms   {slices[-1].mebibytes:6.1f} MiB")
    return slices


def _slice(contender: Contender, result: Result, loaded: float) -> Slice:
    own = sum(_private(server.process.pid) for server in contender.servers if server.process is not None)
    return Slice(loaded, own / 2**20, result.rate, result.p99)


def _private(pid: int) -> int:
    return int(psutil.Process(pid).memory_full_info().uss)


def growth_percent(slices: list[Slice]) -> float:
    """By how many percent the server grew from when it had settled to the end."""
    settled = next(one for one in slices if one.loaded >= _SETTLING * slices[-1].loaded)
    return (slices[-1].mebibytes / settled.mebibytes - 1) * 100
