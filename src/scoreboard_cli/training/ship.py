"""``python -m scoreboard_cli.training.ship``: train the model of the package and pin it in the code.

Trained on simulated players alone, with the defaults of ``scoreboard train``.
"""

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scoreboard_anticheat_ml import shipped
from scoreboard_anticheat_ml.artefact import write_folder
from scoreboard_cli.training.command import SEED
from scoreboard_cli.training.trainer import PEOPLE, Sources, run_training

_PIN = re.compile(r'^DIGEST = "[0-9a-f]*"$', re.MULTILINE)


def main() -> None:
    """Train, write, pin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=PEOPLE, help="simulated honest players; fewer to try something")
    asked = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Seed {SEED}")
    columns = (
        TextColumn("{task.description:26}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=1.0)
        trained = run_training(
            Sources(SEED, asked.people), lambda doing, share: bars.update(bar, description=doing, completed=share)
        )
        bars.update(bar, description="done", completed=1.0)
    artefact = trained.opened.artefact
    write_folder(artefact, shipped.FOLDER)
    source = Path(str(shipped.__file__))
    pinned, count = _PIN.subn(f'DIGEST = "{artefact.digest.hex()}"', source.read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(f"{source} has no line to pin the model in.")
    source.write_text(pinned, encoding="utf-8")
    console.print(f"Model {artefact.model_id}, SHA-256 {artefact.digest.hex()}")


if __name__ == "__main__":
    main()
