"""The small commands around a platform's stores. Each finds the platform, makes one call, and says what happened.

What they call is imported when they run: ``scoreboard --help`` stays quick.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.running import database_url_for, settings_for

if TYPE_CHECKING:
    from scoreboard.usecases.platform import Platform

T = TypeVar("T")
DATA_FOLDER = Path(".scoreboard")
Data = Annotated[Path, typer.Option("--data", help="Folder of the platform.", show_default=".scoreboard")]


def migrate(
    data: Data = DATA_FOLDER,
    seed: Annotated[bool, typer.Option("--seed/--no-seed", help="Also make the demo boards and action kinds.")] = False,
) -> None:
    """Bring the database's schema up to date."""
    from sqlalchemy.exc import DBAPIError

    from scoreboard.storage.migrate import upgrade
    from scoreboard_cli.external_stores import address

    url = database_url_for(data)
    try:
        upgrade(url)
    except (DBAPIError, OSError) as error:
        raise ExpectedError(f"The database at {address(url, 5432)} refused: {error}", "Check DATABASE_URL.") from error
    typer.echo("The schema is up to date.")
    if seed:
        from scoreboard.usecases.configure import seed_demo

        changed = on_platform(data, "seed", seed_demo)
        typer.echo(f"{changed} demo boards and action kinds made." if changed else "There are boards already.")


def rebuild(
    board: Annotated[str | None, typer.Argument(help="The board's key; all boards when left out.")] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Rebuild the live standings in Redis from the scores in Postgres."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(board or "all boards", total=None)

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        seasons = on_platform(data, "rebuild", lambda platform: rebuild_leaderboards(platform, board, on_progress))
    typer.echo(f"{seasons} leaderboards rebuilt." if seasons != 1 else "1 leaderboard rebuilt.")


def create_admin(
    username: Annotated[str, typer.Argument(help="Name to log in with.")],
    data: Data = DATA_FOLDER,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Create an administrator, or make an existing player one."""
    from scoreboard.usecases.create_admin import create_admin as create

    settings_for(data)  # before anybody is asked for a password in vain
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    player = on_platform(data, "create-admin", lambda platform: create(platform, username, password))
    typer.echo(f"{player.username} is an administrator.")


def on_platform(data: Path, command: str, call: "Callable[[Platform], Awaitable[T]]") -> T:
    """Connect to the platform's stores, make one call, and disconnect.

    Args:
        data: Folder of the platform.
        command: Names the connections for whoever looks at the stores.
        call: The use case.

    Raises:
        ExpectedError: Nothing runs, a store cannot be reached, or the use case refused.
    """
    from scoreboard.domain.errors import Refusal
    from scoreboard.live.redis_link import LiveUnavailable
    from scoreboard.storage.database import StoreUnavailable
    from scoreboard.usecases.platform import open_platform

    settings = settings_for(data)

    async def run() -> T:
        platform = open_platform(settings, application=f"scoreboard-{command}")
        try:
            return await call(platform)
        finally:
            await platform.close()

    try:
        return asyncio.run(run())
    except Refusal as refusal:
        raise ExpectedError(refusal.detail) from refusal
    except StoreUnavailable as error:
        raise ExpectedError(f"Postgres is not reachable: {error}", "Check DATABASE_URL, or scoreboard up.") from error
    except LiveUnavailable as error:
        raise ExpectedError(f"Redis is not reachable: {error}", "Check REDIS_URL, or scoreboard up.") from error
