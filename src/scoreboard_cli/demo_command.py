"""``scoreboard demo``: simulated players and a few cheats play against the running platform."""

import os
from typing import Annotated

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data


def demo(
    players: Annotated[int, typer.Option(min=0, max=1000, help="Honest simulated players.")] = 40,
    cheaters: Annotated[int, typer.Option(min=0, max=100, help="Cheating accounts beside them.")] = 3,
    rate: Annotated[float, typer.Option(min=0.1, help="How many times faster than by nature they play.")] = 1.0,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after so long; without it, Ctrl-C.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat a run's chance.", show_default=False)] = None,
    data: Data = DATA_FOLDER,
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="Another platform than the one here.", show_default=False)
    ] = None,
) -> None:
    """Let simulated players and a few cheats play through the API, so that the board comes alive."""
    from rich.console import Console

    from scoreboard_cli.demo.runner import DemoOptions, run_demo
    from scoreboard_cli.failures import ExpectedError
    from scoreboard_cli.running import addresses

    api_url = api.rstrip("/") if api else addresses(data, os.environ)[0]
    if not api_url.startswith(("http://", "https://")):
        raise ExpectedError(f"{api_url} is no address.", "Write it as: --api http://127.0.0.1:8000")
    options = DemoOptions(api_url, data / "demo", players, cheaters, rate, seconds, seed)
    run_demo(options, Console(highlight=False))
