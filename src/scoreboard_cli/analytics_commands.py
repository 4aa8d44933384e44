"""``scoreboard analytics``: what an operator does with the counts of what was played."""

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform

app = typer.Typer(help="Analytics: counts of what was played.", no_args_is_help=True)


@app.callback()
def analytics() -> None:
    """Analytics: counts of what was played."""


@app.command()
def rebuild(data: Data = DATA_FOLDER) -> None:
    """Count the ledger again from its first entry. The platform may run; until it is done the counts are too low."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from scoreboard.usecases.roll_up_activity import rebuild_activity

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("ledger entries", total=None)

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        total = on_platform(data, "analytics", lambda platform: rebuild_activity(platform, on_progress))
    typer.echo(f"Counted {total:,} ledger entries. Attempts that led to nothing stay as they were counted.")
