"""``scoreboard analytics``: what an operator does with the counts of what was played."""

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.progress import progress_bar

app = typer.Typer(help="Analytics: counts of what was played.", no_args_is_help=True)


@app.callback()
def analytics() -> None:
    """Analytics: counts of what was played."""


@app.command()
def rebuild(data: Data = DATA_FOLDER) -> None:
    """Count the ledger again from its first entry. The platform may run; until it is done the counts are too low."""
    from scoreboard.usecases.roll_up_activity import rebuild_activity

    with progress_bar("ledger entries") as on_progress:
        total = on_platform(data, "analytics", lambda platform: rebuild_activity(platform, on_progress))
    typer.echo(f"Counted {total:,} ledger entries. Attempts that led to nothing stay as they were counted.")
