"""What one more listener costs: ``python -m benchmarks.fanout``.

Every server in turn has the first core for itself, the clients and the stores share the others. One event at a time:
it is triggered, every client counts it, then comes the next. What counts is the processor time of the server's process,
for each delivery. Ours is the whole realtime service, and its trigger a score: a commit in Postgres, the announcement
through Redis, a read of the board. The peers only send; their event is one of ours, byte for byte as long (1 KB).
After each event a server rests three times as long as it took: that is the tick by which ours adapts to its load.

Measured of the same servers: what a connection with a token costs, in time and memory. Measured of ours alone, with its
usual tick: from a commit to the last of all sockets; and what readers that stall change for the others.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import report
from benchmarks.fan_crowd import FanCrowd, Programs, compiled
from benchmarks.fan_servers import Contender, Ours, Stage, captured_event, memory_kb, peers, prepared_stage, process_cpu
from benchmarks.ground import Ground, prepared_ground
from benchmarks.sockets import allow_many_files

_WARM_UP = 5  # rounds that do not count
_REST = 3  # times as long as the event took, as in the service's fan-out
_LONGEST = 15.0  # seconds for one server at one size; at least so many rounds all the same
_FEWEST = 10
_BRISK = {"SCOREBOARD_TICK": "0.001"}  # so that ours is measured in a closed loop too, and not asleep between frames
_SLOW_BUFFER = 4096  # bytes: a stalled reader's kernel takes little
_SETTLE = 1.0  # seconds until what connections leave behind is done: it is no part of a delivery


@dataclass
class Figures:
    """Of one server: µs of processor time a delivery by number of clients, and what connecting them cost."""

    delivery_us: dict[int, list[float]] = field(default_factory=dict)
    connects_per_s: list[float] = field(default_factory=list)
    connect_us: list[float] = field(default_factory=list)
    kb_per_connection: list[float] = field(default_factory=list)

    def us(self, size: int) -> float:
        """The median."""
        return statistics.median(self.delivery_us[size])


@dataclass
class Stalls:
    """Ours with all clients reading and with some that stopped: µs a delivery to the others, ms to the last of them."""

    before_us: list[float] = field(default_factory=list)
    after_us: list[float] = field(default_factory=list)
    before_ms: list[float] = field(default_factory=list)
    after_ms: list[float] = field(default_factory=list)

    def percent(self) -> float:
        """By how much a delivery to the others costs more; the median of the pairs."""
        pairs = zip(self.before_us, self.after_us, strict=True)
        return statistics.median((after / before - 1) * 100 for before, after in pairs)


@dataclass
class Progress:
    """Says what was found as soon as it is."""

    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)


@contextmanager
def _served(contender: Contender, programs: Programs, ground: Ground) -> Iterator[FanCrowd]:
    """A running server and a process for its clients. Raises RuntimeError with the server's name when one fails."""
    place = contender.start()
    crowd = FanCrowd(programs, place, ground.cores)
    try:
        yield crowd
    except RuntimeError as error:
        raise RuntimeError(f"{contender.name}: {error}") from error
    finally:
        crowd.close()
        contender.stop()


def _rounds(contender: Contender, crowd: FanCrowd, count: int) -> tuple[float, list[float]]:
    """So many events. Returns the server's processor time for one, and for each the seconds to the last client."""
    took: list[float] = []
    began, before = time.monotonic(), process_cpu(contender.pid)
    while len(took) < count and (len(took) < _FEWEST or time.monotonic() - began < _LONGEST):
        at = contender.trigger()
        took.append(crowd.round()[1] - at)
        time.sleep(_REST * took[-1])
    return (process_cpu(contender.pid) - before) / len(took), took


def _deliveries(one: Contender, figures: Figures, asked: argparse.Namespace, crowd: FanCrowd) -> str:
    """All sizes, one after the other, on one server that more and more clients connect to. Returns what to print."""
    told, here, seconds, spent = [], 0, 0.0, 0.0
    empty = memory_kb(one.pid)
    for size in asked.sizes:
        before = process_cpu(one.pid)
        seconds += crowd.connect(size - here)
        spent += process_cpu(one.pid) - before
        here = size
        time.sleep(_SETTLE)
        kb = (memory_kb(one.pid) - empty) / here
        _rounds(one, crowd, _WARM_UP)
        cost, _ = _rounds(one, crowd, asked.deliveries // size)
        figures.delivery_us.setdefault(size, []).append(cost / size * 1e6)
        told.append(f"{figures.delivery_us[size][-1]:.2f} µs at {size:,}")
    figures.connects_per_s.append(here / seconds)
    figures.connect_us.append(spent / here * 1e6)
    figures.kb_per_connection.append(kb)
    return f"{', '.join(told)}; {here / seconds:,.0f} connects/s, {kb:.1f} KB each"


def _stalled(ours: Ours, size: int, asked: argparse.Namespace, crowd: FanCrowd, stalls: Stalls) -> str:
    """The same events before and after one client in a hundred stops reading."""
    few = max(1, size // 100)
    crowd.connect(size - few)
    crowd.connect(few, _SLOW_BUFFER)
    time.sleep(_SETTLE)
    _rounds(ours, crowd, _WARM_UP)
    count = max(50, asked.deliveries // size)
    cost, took = _rounds(ours, crowd, count)
    stalls.before_us.append(cost / size * 1e6)
    stalls.before_ms += [seconds * 1000 for seconds in took]
    reading = size - crowd.stall()
    cost, took = _rounds(ours, crowd, count)
    stalls.after_us.append(cost / reading * 1e6)
    stalls.after_ms += [seconds * 1000 for seconds in took]
    return f"{stalls.before_us[-1]:.2f} µs with all reading, {stalls.after_us[-1]:.2f} with {few} stalled"


def _latencies(ours: Ours, size: int, asked: argparse.Namespace, crowd: FanCrowd) -> list[float]:
    """Milliseconds from a commit to the last client, at moments that have nothing to do with the tick."""
    crowd.connect(size)
    time.sleep(_SETTLE)
    _rounds(ours, crowd, _WARM_UP)
    found = []
    for _ in range(asked.scores):
        time.sleep(random.uniform(0, 0.25))
        _, [took] = _rounds(ours, crowd, 1)
        found.append(took * 1000)
    return found


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="how often every server has its turn")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000], help="numbers of clients")
    parser.add_argument("--deliveries", type=int, default=150_000, help="counted for each server, size and repeat")
    parser.add_argument("--scores", type=int, default=200, help="measured from commit to last socket")
    parser.add_argument("--only", nargs="+", help="parts of names of servers; the others are left out")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    asked.sizes.sort()
    return asked


@dataclass
class Outcome:
    """All that was measured."""

    figures: dict[str, Figures]
    latencies_ms: list[float]
    stalls: Stalls


def _bench(ground: Ground, asked: argparse.Namespace, progress: Progress) -> Outcome:
    programs = compiled(ground.folder)
    stage = prepared_stage(ground)
    try:
        return _measure(ground, stage, programs, asked, progress)
    finally:
        stage.close()


def _measure(
    ground: Ground, stage: Stage, programs: Programs, asked: argparse.Namespace, progress: Progress
) -> Outcome:
    most = max(asked.sizes)
    tokens = stage.tokens(most)
    event = captured_event(Ours(stage, tokens, _BRISK))
    progress.say(f"the event has {event.stat().st_size:,} bytes")
    ours = Ours(stage, tokens, _BRISK)
    contenders: list[Contender] = [ours, *peers(stage, event, tokens, programs)]
    if asked.only:
        contenders = [one for one in contenders if any(part in one.name for part in asked.only)]
    figures = {one.name: Figures() for one in contenders}
    stalls = Stalls()
    for repeat in range(asked.repeats):
        stage.tokens(most)  # they live ten minutes
        for one in contenders:
            with _served(one, programs, ground) as crowd:
                told = _deliveries(one, figures[one.name], asked, crowd)
            progress.say(f"{repeat + 1}/{asked.repeats} {one.name}: {told}")
        if ours in contenders:
            with _served(ours, programs, ground) as crowd:
                told = _stalled(ours, min(asked.sizes), asked, crowd, stalls)
            progress.say(f"{repeat + 1}/{asked.repeats} stalled readers: {told}")
    latencies: list[float] = []
    if ours in contenders:
        stage.tokens(most)
        usual = Ours(stage, tokens)
        with _served(usual, programs, ground) as crowd:
            latencies = _latencies(usual, most, asked, crowd)
        progress.say(f"commit to the last of {most:,}: p99 {_percentile(latencies, 0.99):.0f} ms")
    return Outcome(figures, latencies, stalls)


def measured(outcome: Outcome, sizes: list[int]) -> dict[str, float]:
    """The figures that ``goals.toml`` judges, as far as their servers ran: medians of the repeats' ratios."""
    figures, found = outcome.figures, dict[str, float]()
    ours = figures.get("scoreboard")
    if ours is None:
        return found

    def ratio(name: str, other: str, *, inverse: bool = False) -> None:
        peer = figures.get(other)
        for size in sizes if peer is not None else ():
            pairs = zip(peer.delivery_us[size], ours.delivery_us[size], strict=True)  # type: ignore[union-attr]
            middle = statistics.median(theirs / own for theirs, own in pairs)
            found[f"{name}_{size}"] = 1 / middle if inverse else middle

    ratio("ratio_to_node", "socket.io (node)")
    ratio("ratio_to_broadcast", "websockets.broadcast")
    ratio("ratio_to_stock", "python-socketio")
    ratio("times_c_loop", "C loop", inverse=True)
    node = figures.get("socket.io (node)")
    if node is not None:
        pairs = zip(ours.connects_per_s, node.connects_per_s, strict=True)
        found["connects_to_node"] = statistics.median(own / theirs for own, theirs in pairs)
    found["kb_per_connection"] = statistics.median(ours.kb_per_connection)
    found["last_p99_ms"] = _percentile(outcome.latencies_ms, 0.99)
    found["stalled_percent"] = outcome.stalls.percent()
    return found


def _tables(outcome: Outcome, sizes: list[int]) -> None:
    head = ["server", *(f"µs at {size:,}" for size in sizes), "connects/s", "connect µs", "KB each"]
    rows = [
        [
            name,
            *(str(report.spread(one.delivery_us[size])) for size in sizes),
            str(report.spread(one.connects_per_s)),
            f"{statistics.median(one.connect_us):,.0f}",
            f"{statistics.median(one.kb_per_connection):.1f}",
        ]
        for name, one in outcome.figures.items()
    ]
    report.table("Processor time of the server for each delivery, and for each connection", head, rows)
    if outcome.latencies_ms:
        shares = (0.5, 0.9, 0.99, 1)
        row = [f"{_percentile(outcome.latencies_ms, share):.0f}" for share in shares]
        title = f"From a commit to the last of {max(sizes):,} sockets, with the usual tick"
        report.table(
            title, ["scores", "p50 ms", "p90 ms", "p99 ms", "longest ms"], [[str(len(outcome.latencies_ms)), *row]]
        )


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    allow_many_files()
    facts = report.tell_machine()
    progress = Progress()
    try:
        with prepared_ground() as ground:
            outcome = _bench(ground, asked, progress)
    except RuntimeError as error:
        sys.exit(f"\nFAILED: {error}")
    _tables(outcome, asked.sizes)
    found = measured(outcome, asked.sizes)
    passed = report.judge("fanout", found)
    content = {"machine": facts, "sizes": asked.sizes, **asdict(outcome), "measured": found}
    report.write_json(asked.json, content)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
