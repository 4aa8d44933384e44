"""What metrics and traces cost a completion: ``python -m benchmarks.telemetry``.

The same server twice: with all metrics, scraped all the time, and one request in a hundred recorded and sent to a
collector; and with neither. Rounds alternate, and take turns in who is first; the median of the pairs' ratios counts.
``--apart`` adds a third with metrics and no traces.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks import report
from benchmarks.contest import HEAD, Contender, enter, finish, rows, run_round, summary, warm
from benchmarks.ground import ROOT, Ground, prepared_ground
from scoreboard_cli.ports import pick_free

_PLENTY = 20_000  # actions begun for each second of a round; more than can be completed
_SCRAPE_EVERY = 5.0  # seconds: three times as often as the chart's PodMonitor
_OPENMETRICS = "application/openmetrics-text;version=1.0.0"
_SENT = 'scoreboard_trace_spans_total{outcome="sent"}'


@contextmanager
def _collector(ground: Ground) -> Iterator[str]:
    port, cores = pick_free(), ",".join(str(core) for core in ground.cores.others)
    sink = subprocess.Popen([sys.executable, "-m", "benchmarks.trace_sink", str(port), cores], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        sink.terminate()
        sink.wait()


def _scrape(port: int) -> str:
    request = Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": _OPENMETRICS})
    with urlopen(request, timeout=10) as reply:
        return str(reply.read().decode())


@contextmanager
def _scraped(port: int | None) -> Iterator[None]:
    """Scrape a server's metrics now and then meanwhile, as Prometheus would."""
    over = threading.Event()

    def scrape() -> None:
        while port is not None and not over.wait(_SCRAPE_EVERY):
            _scrape(port)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _enter_all(ground: Ground, collector: str, asked: argparse.Namespace) -> dict[Contender, int | None]:
    """The contenders, each with the port of its metrics."""
    traced = {"SCOREBOARD_TRACE_ENDPOINT": collector, "SCOREBOARD_TRACE_SAMPLE": str(asked.sample)}
    wanted: dict[str, tuple[str, dict[str, str]]] = {
        "nothing": ("benchmarks.untold_app", {}),
        "everything": ("scoreboard_api", traced),
        "metrics": ("scoreboard_api", {}),
    }
    if not asked.apart:
        del wanted["metrics"]
    found: dict[Contender, int | None] = {}
    for name, (module, extra) in wanted.items():
        port = None if name == "nothing" else pick_free()
        told = {} if port is None else {"SCOREBOARD_METRICS_PORT": str(port)}
        found[enter(ground, name, module, asked.players, **extra, **told)] = port
    return found


def _measure(ground: Ground, contenders: dict[Contender, int | None], asked: argparse.Namespace) -> None:
    for contender in contenders:
        warm(ground, contender, asked)
    order = list(contenders.items())
    for number in range(asked.pairs):
        for contender, port in order if number % 2 == 0 else reversed(order):
            with _scraped(port):
                result = run_round(ground, contender, asked, int(_PLENTY * asked.seconds), asked.seconds)
            contender.rounds.append(result)
            print(f"  pair {number + 1}  {contender.name:10} {result.rate:9,.1f}/s   p99 {result.p99:7.2f} ms")


def _finish(contenders: dict[Contender, int | None]) -> None:
    for contender, port in contenders.items():
        if contender.name == "everything" and port is not None:
            sent = next(line for line in _scrape(port).splitlines() if line.startswith(_SENT))
            print(f"  {contender.name}: {float(sent.split()[1]):,.0f} spans were sent")
    finish(contenders)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a round")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--players", type=int, default=2000)
    parser.add_argument("--sample", type=float, default=0.01, help="share of requests that are recorded")
    parser.add_argument("--apart", action="store_true", help="also with metrics and no traces")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    asked.keys = False
    if asked.pairs * (3 if asked.apart else 2) * (asked.seconds + 4) > 500:
        parser.error("access tokens live ten minutes: fewer or shorter rounds")
    return asked


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    facts = report.tell_machine()
    with prepared_ground() as ground, _collector(ground) as collector:
        print(f"\ncores: server {set(ground.cores.server)}, stores and load {set(ground.cores.others)}")
        contenders = _enter_all(ground, collector, asked)
        try:
            _measure(ground, contenders, asked)
            _finish(contenders)
        finally:
            for contender in contenders:
                contender.stop()
    _report(asked, facts, list(contenders))


def _report(asked: argparse.Namespace, facts: dict[str, str], contenders: list[Contender]) -> None:
    title = f"Completions at {asked.connections} connections, {asked.pairs} × {asked.seconds:g} s, load average "
    report.table(title + f"{os.getloadavg()[0]:.1f}", HEAD, rows(contenders))
    nothing, *told = contenders
    for one in told:
        ratios = [b.rate / a.rate for a, b in zip(nothing.rounds, one.rounds, strict=True)]
        spent = [b / a for a, b in zip(nothing.cpu, one.cpu, strict=True)]
        print(f"\n{one.name} to nothing: {_plain(ratios)} of the completions, {_plain(spent)} of the processor time")
    everything = told[0]
    ratio = report.spread([b.rate / a.rate for a, b in zip(nothing.rounds, everything.rounds, strict=True)])
    measured = {"throughput_ratio": ratio.median}
    passed = report.judge("telemetry", measured)
    written = {"machine": facts, "servers": summary(contenders), "measured": measured}
    report.write_json(asked.json, written | {"arguments": {k: str(v) for k, v in vars(asked).items()}})
    sys.exit(0 if passed else 1)


def _plain(ratios: list[float]) -> str:
    found = report.spread(ratios)
    return f"{found.median:.3f} ({found.least:.3f}–{found.greatest:.3f})"


if __name__ == "__main__":
    main()
