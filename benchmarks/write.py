"""The write path: completions a second, ours against the naive baseline and against pgbench.

``python -m benchmarks.write``. Rounds of both servers alternate on the same machine, so that whatever else happens
there happens to both; medians of the rounds and of the pairs' ratios count. Afterwards both ledgers are checked.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import msgspec

from benchmarks import pgbench, report
from benchmarks.contest import HEAD, Contender, enter, rows, run_round, summary
from benchmarks.ground import Ground, prepared_ground
from benchmarks.ledger_check import check_ledger
from scoreboard_cli.binaries import find_postgres, find_valkey

_PLENTY = {"naive": 2_000, "ours": 20_000}  # actions begun for each second of a round; more than can be completed


def _measure(ground: Ground, contenders: list[Contender], asked: argparse.Namespace) -> None:
    for contender in contenders:
        contender.server.start()
        run_round(ground, contender, asked, asked.players, 60.0)  # every token once: both caches are warm
        contender.cpu.clear()
    for number in range(asked.pairs):
        for contender in contenders:
            count = int(_PLENTY[contender.name] * asked.seconds)
            result = run_round(ground, contender, asked, count, asked.seconds)
            contender.rounds.append(result)
            print(f"  pair {number + 1}  {contender.name:6} {result.rate:9,.1f}/s   p99 {result.p99:7.2f} ms")
            if result.exhausted:
                print("         (it ran out of actions; the rate is right, the round was short)")
    for contender in contenders:
        contender.server.stop()
        asyncio.run(check_ledger(contender.seeded, contender.answered))
        print(f"  {contender.name}: {contender.answered:,} answers with 200, the ledger holds each once and adds up")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a round")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--players", type=int, default=2000)
    parser.add_argument("--keys", action="store_true", help="send an Idempotency-Key with every request")
    parser.add_argument("--only", choices=["ours", "naive"], help="without comparison, for profiling")
    parser.add_argument("--no-pgbench", action="store_true")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()
    if asked.pairs * 2 * (asked.seconds + 4) > 500:
        parser.error("access tokens live ten minutes: fewer or shorter rounds")
    return asked


def main() -> None:
    """Measure, print, judge."""
    asked = _arguments()
    facts = report.machine({"postgres": find_postgres().postgres, "valkey": find_valkey()})
    print("\n".join(f"{name:10} {value}" for name, value in facts.items()))
    entries = {"naive": "benchmarks.naive_app", "ours": "scoreboard_api"}
    with prepared_ground() as ground:
        names = [asked.only] if asked.only else list(entries)
        print(f"\ncores: server {set(ground.cores.server)}, stores and load {set(ground.cores.others)}")
        contenders = [enter(ground, name, entries[name], asked.players) for name in names]
        try:
            _measure(ground, contenders, asked)
        finally:
            for contender in contenders:
                contender.server.stop()
        forms = [] if asked.no_pgbench else pgbench.measure(ground, asked.seconds)
    _report(asked, facts, contenders, forms)


def _report(
    asked: argparse.Namespace, facts: dict[str, str], contenders: list[Contender], forms: list[pgbench.Form]
) -> None:
    title = f"Completions at {asked.connections} connections, {asked.pairs} × {asked.seconds:g} s, load average "
    report.table(title + f"{os.getloadavg()[0]:.1f}", HEAD, rows(contenders))
    if forms:
        head = ["one transaction per score, bare", "clients", "scores/s"]
        report.table("pgbench", head, [[form.name, str(form.clients), f"{form.rate:,.0f}"] for form in forms])
    measured: dict[str, float] = {}
    if not asked.only:
        naive, ours = contenders
        ratios = report.spread([b.rate / a.rate for a, b in zip(naive.rounds, ours.rounds, strict=True)])
        print(f"\nours to naive: {ratios}")
        measured["ratio_to_naive"] = ratios.median
        measured["p99_ms_at_64"] = report.spread([result.p99 for result in ours.rounds]).median
        one_call = [form.rate for form in forms if form.is_one_call]
        if one_call:
            measured["ratio_to_one_call"] = report.spread([one.rate for one in ours.rounds]).median / max(one_call)
    passed = report.judge("write", measured)
    found = [msgspec.to_builtins(form) for form in forms]
    written = {"machine": facts, "servers": summary(contenders), "pgbench": found, "measured": measured}
    report.write_json(asked.json, written | {"arguments": {k: str(v) for k, v in vars(asked).items()}})
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
