"""The write path: completions a second, ours against the naive baseline and against pgbench.

``python -m benchmarks.write``. Rounds of both servers alternate on the same machine, so that whatever else happens
there happens to both; medians of the rounds and of the pairs' ratios count. Then ours with two processes, that share
all cores with the stores and the load, as pgbench does after them. Afterwards every ledger is checked.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from benchmarks import pgbench, report
from benchmarks.contest import HEAD, Contender, enter, finish, rows, run_round, summary, warm
from benchmarks.ground import Ground, prepared_ground
from benchmarks.soak import Slice, growth_percent, soak

_ENTRIES = {"naive": "benchmarks.naive_app", "ours": "scoreboard_api"}
_TWO = "ours, 2 processes"
_PLENTY = {"naive": 2_000, "ours": 20_000, _TWO: 30_000}  # actions begun for a second; more than can be completed


def _measure(ground: Ground, contenders: Sequence[Contender], asked: argparse.Namespace) -> None:
    for contender in contenders:
        warm(ground, contender, asked)
    for number in range(asked.pairs):
        for contender in contenders:
            count = int(_PLENTY[contender.name] * asked.seconds)
            result = run_round(ground, contender, asked, count, asked.seconds)
            contender.rounds.append(result)
            print(f"  round {number + 1}  {contender.name:17} {result.rate:9,.1f}/s   p99 {result.p99:7.2f} ms", end="")
            print(f"   {contender.cpu[-1]:7,.1f} µs of server CPU each", flush=True)
            if result.exhausted:
                print("         (it ran out of actions; the rate is right, the round was short)")


def _bench(ground: Ground, contenders: list[Contender], asked: argparse.Namespace) -> list[Slice]:
    """Fills ``contenders``, so that the caller can stop them whatever happens. Returns the soak's slices."""
    names = [asked.only] if asked.only else list(_ENTRIES)
    contenders += [enter(ground, name, _ENTRIES[name], asked.players) for name in names]
    _measure(ground, contenders, asked)
    slices = soak(ground, contenders[-1], asked) if asked.soak else []
    finish(contenders)
    if not asked.only:
        ground.place_stores(ground.cores.every)
        two = enter(ground, _TWO, _ENTRIES["ours"], asked.players, processes=2)
        contenders.append(two)
        _measure(ground, [two], asked)
        finish([two])
    return slices


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a round")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--players", type=int, default=2000)
    parser.add_argument("--keys", action="store_true", help="send an Idempotency-Key with every request")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="of load on ours after the rounds")
    parser.add_argument("--only", choices=list(_ENTRIES), help="without comparison, for profiling")
    parser.add_argument("--no-pgbench", action="store_true")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    if asked.pairs * 2 * (asked.seconds + 4) > 500:
        parser.error("access tokens live ten minutes: fewer or shorter rounds")
    return asked


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    facts = report.tell_machine()
    with prepared_ground() as ground:
        print(f"\ncores: server {set(ground.cores.server)}, stores and load {set(ground.cores.others)}")
        contenders: list[Contender] = []
        try:
            slices = _bench(ground, contenders, asked)
        finally:
            for contender in contenders:
                contender.stop()
        forms = [] if asked.no_pgbench else pgbench.measure(ground, asked.seconds)
    _report(asked, facts, contenders, forms, slices)


def _report(
    asked: argparse.Namespace,
    facts: dict[str, str],
    contenders: list[Contender],
    forms: list[pgbench.Form],
    slices: list[Slice],
) -> None:
    title = f"Completions at {asked.connections} connections, {asked.pairs} × {asked.seconds:g} s, load average "
    report.table(title + f"{os.getloadavg()[0]:.1f}", HEAD, rows(contenders))
    if forms:
        head = ["one transaction per score, bare", "clients", "scores/s"]
        report.table("pgbench", head, [[form.name, str(form.clients), f"{form.rate:,.0f}"] for form in forms])
    measured: dict[str, float] = {}
    if slices:
        measured["soak_growth_percent"] = growth_percent(slices)
    if not asked.only:
        measured |= _compared(contenders, forms)
    passed = report.judge("write", measured)
    found = [msgspec.to_builtins(form) for form in forms]
    written = {"machine": facts, "servers": summary(contenders), "pgbench": found, "measured": measured}
    written["soak"] = [asdict(one) for one in slices]
    report.write_json(asked.json, written | {"arguments": {k: str(v) for k, v in vars(asked).items()}})
    sys.exit(0 if passed else 1)


def _compared(contenders: list[Contender], forms: list[pgbench.Form]) -> dict[str, float]:
    naive, ours, two = contenders
    ratios = report.spread([b.rate / a.rate for a, b in zip(naive.rounds, ours.rounds, strict=True)])
    spent = report.spread(naive.cpu).median / report.spread(ours.cpu).median
    print(f"\nours to naive: {ratios} of the completions; a completion costs its server 1/{spent:.1f} of the time")
    measured = {
        "ratio_to_naive": ratios.median,
        "cpu_to_naive": spent,
        "p99_ms_at_64": report.spread([result.p99 for result in ours.rounds]).median,
        "p99_to_naive": report.spread([b.p99 / a.p99 for a, b in zip(naive.rounds, ours.rounds, strict=True)]).median,
    }
    if forms:
        one_call, chained = (
            max(form.rate for form in forms if form.name == name) for name in (pgbench.ONE_CALL, pgbench.CHAINED)
        )
        measured["ratio_to_one_call"] = _rate(ours) / one_call
        measured["ratio_to_one_call_two"] = _rate(two) / one_call
        measured["ratio_to_one_call_chained"] = _rate(ours) / chained
    return measured


def _rate(contender: Contender) -> float:
    return report.spread([result.rate for result in contender.rounds]).median


if __name__ == "__main__":
    main()
