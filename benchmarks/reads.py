"""Reads, and what they and a write cost as a board grows: ``python -m benchmarks.reads``.

Two boards, of ten thousand and of a million players, each with a server of its own on the same core; rounds alternate
between them and between what is asked: ``/health/live``, the cached top without a token, one's own place, the places
around one. Who asks and who completes are the same number of players on both boards, spread over all of it. Loading the
million into Redis is timed as well.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.contest import Contender, enter, finish, run_round, send, warm
from benchmarks.ground import Ground, prepared_ground
from benchmarks.load import Order, Plan, Result
from benchmarks.seeding import BOARD

_HEALTH, _TOP, _MINE, _AROUND, _WRITE = "/health/live", "top", "my place", "around me", "completion"
_ASKED = {
    _HEALTH: "/health/live",
    _TOP: f"/api/v1/boards/{BOARD.key}/top",
    _MINE: f"/api/v1/boards/{BOARD.key}/me",
    _AROUND: f"/api/v1/boards/{BOARD.key}/around?radius=5",
}
_OPEN = (_HEALTH, _TOP)
_PLENTY = 25_000  # requests prepared for a second; more than can be answered
_STEP = 100_000


@dataclass
class Measured:
    """What one board's server reached with one kind of request."""

    rounds: list[Result] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def of(self, name: str) -> report.Spread:
        """The spread of one of a round's figures."""
        return report.spread([getattr(result, name) for result in self.rounds])


Figures = dict[int, dict[str, Measured]]


def _plan(contender: Contender, what: str, count: int) -> Plan:
    """Requests of players in no order: neighbours on the board do not ask one after the other."""
    people = contender.seeded.people
    line = f"GET {_ASKED[what]}".encode()
    who = random.Random(count)
    orders = [Order(None if what in _OPEN else who.randrange(len(people)), line, b"", b"") for _ in range(count)]
    return Plan([person.access_token for person in people], orders)


def _round(ground: Ground, contender: Contender, what: str, asked: argparse.Namespace, kept: Measured) -> None:
    count = int(_PLENTY * asked.seconds)
    if what == _WRITE:
        result = run_round(ground, contender, asked, count, asked.seconds)
    else:
        result = send(ground, contender, _plan(contender, what, count), asked.connections, asked.seconds)
    kept.rounds.append(result)
    kept.cpu.append(contender.cpu[-1])


def _progress(size: int) -> Callable[[int, int], None]:
    began = time.perf_counter()

    def tell(done: int, total: int) -> None:
        if done and (done % _STEP == 0 or done == total):
            share, seconds = done / total, time.perf_counter() - began
            print(f"  board of {size:,}: {done:,} of {total:,} in Redis ({share:.0%}), {seconds:.1f} s", flush=True)

    return tell


class _Timed:
    """Times a rebuild by its progress: from the first word of it to the last."""

    def __init__(self, size: int) -> None:
        self._tell = _progress(size)
        self._began = 0.0
        self.seconds = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.perf_counter()
        self._began = self._began or now
        self.seconds = now - self._began
        self._tell(done, total)


def _bench(ground: Ground, contenders: dict[int, Contender], asked: argparse.Namespace) -> tuple[Figures, float]:
    """Fills ``contenders`` by size. Returns the figures by size, and the seconds of the largest board's rebuild."""
    for size in asked.sizes:
        timed = _Timed(size)
        print(f"  board of {size:,}: seeding", flush=True)
        crowd = size - asked.players
        contenders[size] = enter(
            ground, f"board_{size}", "scoreboard_api", asked.players, crowd=crowd, on_progress=timed
        )
    for contender in contenders.values():
        warm(ground, contender, asked)
    kinds = [*_ASKED, _WRITE]
    figures: Figures = {size: {what: Measured() for what in kinds} for size in contenders}
    for number in range(asked.rounds):
        for what in kinds:
            for size, contender in contenders.items():
                kept = figures[size][what]
                _round(ground, contender, what, asked, kept)
                result, spent = kept.rounds[-1], kept.cpu[-1]
                print(f"  round {number + 1}  {what:12} of {size:9,}  {result.rate:9,.1f}/s   ", end="")
                print(f"p95 {result.p95:6.2f} ms   p99 {result.p99:6.2f} ms   {spent:6.1f} µs", flush=True)
    finish(contenders.values())
    return figures, timed.seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs=2, default=[10_000, 1_000_000], help="of the boards")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--players", type=int, default=2000, help="who ask and complete")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    asked.keys = False
    if asked.sizes[0] < asked.players:
        parser.error("everybody who asks stands on the board: more players on it, or fewer who ask")
    return asked


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    facts = report.tell_machine()
    with prepared_ground() as ground:
        print(f"\ncores: servers {set(ground.cores.server)}, stores and load {set(ground.cores.others)}")
        contenders: dict[int, Contender] = {}
        try:
            figures, rebuild = _bench(ground, contenders, asked)
        finally:
            for contender in contenders.values():
                contender.stop()
    head = ["request", "players", "answers/s", "p50 ms", "p95 ms", "p99 ms", "server CPU µs"]
    rows = [
        [what, f"{size:,}", *(str(kept.of(name)) for name in ("rate", "p50", "p95", "p99")), _median(kept.cpu)]
        for what in [*_ASKED, _WRITE]
        for size, kept in ((size, kinds[what]) for size, kinds in figures.items())
    ]
    title = f"Requests at {asked.connections} connections, {asked.rounds} × {asked.seconds:g} s, load average "
    report.table(title + f"{os.getloadavg()[0]:.1f}", head, rows)
    print(f"\nA board of {max(asked.sizes):,} was loaded into Redis in {rebuild:.1f} s")
    measured = _compared(figures, rebuild)
    passed = report.judge("reads", measured)
    kept = {
        str(size): {
            what: {"rounds": msgspec.to_builtins(one.rounds), "server_cpu_us": one.cpu} for what, one in kinds.items()
        }
        for size, kinds in figures.items()
    }
    report.write_json(asked.json, {"machine": facts, "boards": kept, "rebuild_s": rebuild, "measured": measured})
    sys.exit(0 if passed else 1)


def _median(values: list[float]) -> str:
    return f"{report.spread(values).median:,.0f}"


def _compared(figures: Figures, rebuild: float) -> dict[str, float]:
    small, large = figures[min(figures)], figures[max(figures)]

    def growth(what: str) -> float:
        pairs = zip(small[what].rounds, large[what].rounds, strict=True)
        return report.spread([after.p99 / before.p99 for before, after in pairs]).median

    return {
        "top_to_health": large[_TOP].of("rate").median / large[_HEALTH].of("rate").median,
        "mine_to_top_p95": large[_MINE].of("p95").median / large[_TOP].of("p95").median,
        "around_to_top_p95": large[_AROUND].of("p95").median / large[_TOP].of("p95").median,
        "write_growth_p99": growth(_WRITE),
        "reads_growth_p99": max(growth(what) for what in (_TOP, _MINE, _AROUND)),
        "rebuild_s": rebuild,
    }


if __name__ == "__main__":
    main()
