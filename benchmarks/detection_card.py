"""What the shipped model finds and misses: measures, writes ``docs/detection-card.*``, fails below the floors.

``python -m benchmarks.detection_card``. The simulated section depends on its seed alone. ``--humans FILE`` (or
SCOREBOARD_HUMAN_TIMING) measures real people too; without it that section of the page stays as it is.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from benchmarks import report
from scoreboard.telemetry import utc_now
from scoreboard_anticheat_ml.artefact import ArtefactRefused, Opened
from scoreboard_anticheat_ml.shipped import shipped
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.training import plots
from scoreboard_cli.training.card import Plan, platform_counts, real_section, simulated_section, trial, versions
from scoreboard_cli.training.page import page
from scoreboard_cli.training.trials import Table

DOCS = Path(__file__).parents[1] / "docs"
_BLATANT = ("fixed_interval", "burst", "instant_finisher", "cooldown_sniper")


def measured(card: Mapping[str, Any]) -> dict[str, float]:
    """The figures that have floors or ceilings in ``goals.toml``."""
    found = _of_section(card["simulated"], "")
    flags = card["simulated"]["until_flag"]
    players = sum(flags[name]["players"] for name in _BLATANT)
    found["blatant_flagged_within_20"] = sum(flags[name]["within_20"] for name in _BLATANT) / players
    return found | (_of_section(card["real"], "real_") if card.get("real") else {})


def _of_section(section: Mapping[str, Any], prefix: str) -> dict[str, float]:
    strict = {length: section["lengths"][length]["rates"]["0.001"]["macro"] for length in ("20", "50", "200")}
    people = section["honest"]["people"]
    values = {
        **{f"found_{length}": value for length, value in strict.items()},
        "unseen_mean": section["unseen"]["200"]["mean"],
        "unseen_worst": section["unseen"]["200"]["worst"],
        "honest_held_percent": 100 * section["honest"]["held"] / people,
        "honest_flagged_percent": 100 * section["honest"]["flagged"] / people,
        "segment_ratio": section["segment_ratio"],
        "calibration_error": section["calibration"]["error"],
    }
    return {f"{prefix}{name}": value for name, value in values.items()}


def _write(card: Mapping[str, Any], folder: Path) -> None:
    (folder / "detection-card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "detection-card.md").write_text(page(card), encoding="utf-8")


def _draw(section: Mapping[str, Any], table: Table, name: str, folder: Path) -> None:
    plots.draw(folder / f"detection-{name}-families.svg", plots.families(section, "0.001"), height=6.5)
    plots.draw(folder / f"detection-{name}-curve.svg", plots.detection(table))
    plots.draw(folder / f"detection-{name}-calibration.svg", plots.calibration(section), width=4.2)


def _quick(committed: Mapping[str, Any], opened: Opened, console: Console) -> int:
    """Play the first platform again and compare it with the committed counts."""
    expected = committed["simulated"]
    plan = Plan(seed=expected["seed"])
    if expected["versions"] != versions(opened):
        console.print(f"The card is of {expected['versions']}, here is {versions(opened)}: run make detection-card.")
        return 1
    if platform_counts(trial(plan, opened.model, 0)) != expected["platforms"][0]:
        console.print("The first platform comes out differently than docs/detection-card.json says.")
        return 1
    console.print(f"Seed {plan.seed}: the first platform comes out exactly as docs/detection-card.json says.")
    return 0 if report.judge("anticheat", measured(committed)) else 1


def main() -> None:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humans", type=Path, default=os.environ.get("SCOREBOARD_HUMAN_TIMING"), help="recordings")
    parser.add_argument("--quick", action="store_true", help="only check the first platform against the committed card")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the card")
    asked = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    try:
        with threadpool_limits(1):
            sys.exit(_run(asked, shipped(), console))
    except (ArtefactRefused, ExpectedError) as error:
        console.print(str(error))
        sys.exit(2)


def _run(asked: argparse.Namespace, opened: Opened, console: Console) -> int:
    path = asked.docs / "detection-card.json"
    committed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if asked.quick:
        return _quick(committed, opened, console)
    plan = Plan()
    console.print(f"Seed {plan.seed}, model {opened.model.model_id}")
    columns = (
        TextColumn("{task.description:32}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=1.0)

        def progress(doing: str, share: float) -> None:
            bars.update(bar, description=doing, completed=share)

        section, table, models = simulated_section(plan, opened, progress)
        _draw(section, table, "simulated", asked.docs / "images")
        real = committed.get("real")
        if asked.humans:
            measured_real, real_table = real_section(Path(asked.humans), plan, opened, models, progress)
            real = {"date": f"{utc_now():%Y-%m-%d}", **measured_real}
            _draw(real, real_table, "real", asked.docs / "images")
        progress("done", 1.0)
    if not asked.humans:
        console.print("No recordings of real people (SCOREBOARD_HUMAN_TIMING): that section stays as it is.")
    if committed.get("simulated") not in (None, section):
        console.print("The simulated section is another than the one before.")
    card = {"simulated": section, **({"real": real} if real else {})}
    _write(card, asked.docs)
    console.print(f"Written to {asked.docs / 'detection-card.md'}")
    return 0 if report.judge("anticheat", measured(card)) else 1


if __name__ == "__main__":
    main()
