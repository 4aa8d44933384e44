"""``make chaos``: go through every fault, and write docs/reliability.md when all held. Exit code 1 where it did not."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from scoreboard.telemetry import utc_now
from scoreboard_cli.binaries import find_postgres, find_valkey
from tests.chaos.catalogue import SLACK
from tests.chaos.catalogue_outside import FAULTS
from tests.chaos.conftest import SEED
from tests.chaos.page import page

_ROOT = Path(__file__).parents[2]
_RECORDS = _ROOT / "dist" / "chaos"
_PAGE = _ROOT / "docs" / "reliability.md"
_DATA = _ROOT / "docs" / "reliability.json"
_ABOUT = "run.json"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"only these: {', '.join(FAULTS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds, wide limits; writes nothing")
    parser.add_argument("--seed", type=int, default=SEED, help="drives load and faults")
    parser.add_argument("--resume", action="store_true", help="keep what held in the last run of the same revision")
    parser.add_argument(
        "--write", action="store_true", help="write the page of a quick run too, where there is none of a full one"
    )
    given = parser.parse_args()
    unknown = sorted(set(given.faults) - set(FAULTS))
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}. There are: {', '.join(FAULTS)}")
    return given


def _records() -> dict[str, dict[str, Any]]:
    found = (json.loads(path.read_text("utf-8")) for path in _RECORDS.glob("*.json") if path.name != _ABOUT)
    return {record["name"]: record for record in found}


def _about(given: argparse.Namespace) -> dict[str, Any]:
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False)
    return {"full": not given.quick, "seed": given.seed, "revision": said.stdout.strip()}


def _begin(given: argparse.Namespace) -> list[str]:
    """Make room for records; what is to be gone through."""
    wanted = given.faults or list(FAULTS)
    about, path = _about(given), _RECORDS / _ABOUT
    if given.resume and path.exists() and json.loads(path.read_text("utf-8")) == about:
        held = {name for name, record in _records().items() if not record["problems"]}
        return [name for name in wanted if name not in held]
    shutil.rmtree(_RECORDS, ignore_errors=True)
    _RECORDS.mkdir(parents=True)
    path.write_text(json.dumps(about) + "\n", "utf-8")
    return wanted


def _go_through(given: argparse.Namespace, names: list[str]) -> int:
    only = [word for name in names for word in ("--chaos-only", name)]
    full = [] if given.quick else ["--chaos-full"]
    record = ["--chaos-record", str(_RECORDS), "--chaos-seed", str(given.seed)]
    command = [sys.executable, "-m", "pytest", "tests/chaos", "-q", "-p", "no:cacheprovider", *full, *record, *only]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


def _tell(console: Console, names: list[str], records: dict[str, dict[str, Any]]) -> bool:
    """Show what became of each fault. Returns whether all held."""
    table = Table("", "fault", "gone through", "figures", "problems")
    good = True
    for name in names:
        record = records.get(name)
        if record is None:
            good = False
            table.add_row("✗", name, "never", "", "no test has brought it about")
            continue
        good &= not record["problems"]
        figures = ", ".join(f"{key} {figure['value']:g}" for key, figure in record["figures"].items())
        mark = "✗" if record["problems"] else "–" if record["skipped"] else "✓"
        words = "; ".join(record["problems"]) or record["skipped"]
        table.add_row(mark, name, f"{record['done']} of {record['asked']}", figures, words)
    console.print(table)
    return good


def _write(given: argparse.Namespace, records: dict[str, dict[str, Any]]) -> None:
    ordered = [records[name] for name in FAULTS]
    facts = machine({"postgres": find_postgres().postgres, "redis": find_valkey()})
    shown = {"when": f"{utc_now():%Y-%m-%d}", **{name: facts[name] for name in list(facts)[:6]}}
    full = not given.quick
    _PAGE.write_text(page(ordered, shown, full=full, seed=given.seed), "utf-8")
    data = {"full": full, "seed": given.seed, "machine": shown, "faults": ordered}
    _DATA.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def _may_write(given: argparse.Namespace) -> bool:
    if given.faults:
        return False
    if not given.quick:
        return True
    return given.write and not (_DATA.exists() and json.loads(_DATA.read_text("utf-8"))["full"])


def main() -> int:
    """Run it; the exit status."""
    given, console = _arguments(), Console()
    names = given.faults or list(FAULTS)
    left = _begin(given)
    rounds = f"few rounds, limits of time {SLACK:g} times as wide" if given.quick else "full counts"
    console.print(f"Seed {given.seed}; {rounds}; {len(left)} of {len(names)} faults to go through.")
    status = _go_through(given, left) if left else 0
    records = _records()
    good = _tell(console, names, records)
    if not good or status:
        console.print("Not everything held. The records are in dist/chaos; docs/reliability.md stays as it was.")
        return 1
    if _may_write(given):
        _write(given, records)
        console.print(f"All held. Wrote {_PAGE.relative_to(_ROOT)} and {_DATA.relative_to(_ROOT)}.")
    else:
        console.print("All held. A part, or a quick run, writes no page.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
