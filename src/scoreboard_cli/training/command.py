"""``scoreboard train``: a new anti-cheat model, its figures, and a report."""

from pathlib import Path
from typing import Annotated

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data
from scoreboard_cli.failures import ExpectedError

SEED = 20_261_121


def train(
    simulate: Annotated[
        bool, typer.Option("--simulate/--no-simulate", help="Train on simulated players and cheats.")
    ] = True,
    people: Annotated[int, typer.Option(min=200, help="Simulated honest players.")] = 4000,
    humans: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Also train on recordings of real people, and on cheats that imitate them.",
            show_default=False,
        ),
    ] = None,
    from_reviews: Annotated[
        bool, typer.Option("--from-reviews", help="Also train on what reviewers decided on this platform.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = SEED,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the model and report.html.", show_default=".scoreboard/models/SEED"
        ),
    ] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Train an anti-cheat model and measure it on players that it has not seen."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from scoreboard.telemetry import utc_now

    try:
        from scoreboard_cli.training.trainer import Sources, run_training, write_training
    except ModuleNotFoundError as error:
        raise ExpectedError(
            f"Training needs a library that is not installed: {error.name}.",
            "Install the extras for it: pip install 'scoreboard[anticheat-ml,training]'",
        ) from error
    if not (simulate or humans or from_reviews):
        raise ExpectedError("There is nothing to train on.", "Add --simulate, --humans FILE or --from-reviews.")
    folder = out or data / "models" / str(seed)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Seed {seed}")
    reviewed = None
    if from_reviews:
        from scoreboard_cli.training.reviews import load_reviews

        reviewed = load_reviews(data)
    sources = Sources(seed, people if simulate else 0, humans, reviewed)
    columns = (
        TextColumn("{task.description:26}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=1.0)
        trained = run_training(sources, lambda doing, share: bars.update(bar, description=doing, completed=share))
        artefact = write_training(trained, folder, utc_now())
        bars.update(bar, description="done", completed=1.0)
    for length, found in trained.figures["lengths"].items():
        strict = found["rates"]["0.001"]
        console.print(f"Windows of {length:>3}: {100 * strict['macro']:.1f} % found at 0.1 %")
    console.print(f"Model {artefact.model_id} and report.html are in {folder}")
    console.print(f"To use it: scoreboard models add {folder}")
