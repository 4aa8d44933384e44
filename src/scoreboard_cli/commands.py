"""The small commands around a platform's stores. Each finds the platform, makes one call, and says what happened.

What they call is imported when they run: ``scoreboard --help`` stays quick.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from scoreboard.domain.player import Role
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.progress import progress_bar
from scoreboard_cli.running import database_url_for, settings_for

if TYPE_CHECKING:
    from scoreboard.usecases.platform import Platform

T = TypeVar("T")
DATA_FOLDER = Path(".scoreboard")
Data = Annotated[Path, typer.Option("--data", help="Folder of the platform.", show_default=".scoreboard")]


def migrate(
    data: Data = DATA_FOLDER,
    seed: Annotated[bool, typer.Option("--seed/--no-seed", help="Also make the demo boards and action kinds.")] = False,
    service_login: Annotated[
        bool, typer.Option("--service-login", hidden=True, help="Make the role under which `up` runs the services.")
    ] = False,
    require_writer: Annotated[
        bool,
        typer.Option(
            "--require-writer/--no-require-writer",
            help="Fail where the role scoreboard_writer is not there and cannot be made: the services depend on it.",
        ),
    ] = False,
) -> None:
    """Bring the database's schema up to date; one that a newer version has made is left as it is."""
    from sqlalchemy.exc import DBAPIError

    from scoreboard.storage.migrate import upgrade
    from scoreboard.storage.privileges import make_login
    from scoreboard_cli.data_folder import DataFolder
    from scoreboard_cli.external_stores import address
    from scoreboard_cli.postgres_cluster import SERVICE_ROLE
    from scoreboard_cli.postgres_server import service_password

    url = database_url_for(data)
    try:
        migrated = upgrade(url)
        if service_login:
            asyncio.run(make_login(url, SERVICE_ROLE, service_password(DataFolder(data).postgres)))
    except (DBAPIError, OSError) as error:
        raise ExpectedError(f"The database at {address(url, 5432)} refused: {error}", "Check DATABASE_URL.") from error
    if migrated.newer:
        typer.echo("A newer version has migrated this database. Nothing was done: this version runs on it as it is.")
    else:
        typer.echo("The schema is up to date.")
    if not migrated.has_writer:
        missing = "The role scoreboard_writer is not there, and this database user may not make it"
        if require_writer:
            raise ExpectedError(f"{missing}.", "Let an administrator make it (docs/security.md), then migrate again.")
        typer.echo(f"{missing}: see docs/security.md.")
    if seed:
        from scoreboard.usecases.configure import seed_demo

        changed = on_platform(data, "seed", seed_demo)
        typer.echo(f"{changed} demo boards and action kinds made." if changed else "There are boards already.")


def rebuild(
    board: Annotated[str | None, typer.Argument(help="The board's key; all boards when left out.")] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Rebuild the live standings in Redis from the scores in Postgres."""
    from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards

    with progress_bar(board or "all boards") as on_progress:
        seasons = on_platform(data, "rebuild", lambda platform: rebuild_leaderboards(platform, board, on_progress))
    typer.echo(f"{seasons} leaderboards rebuilt." if seasons != 1 else "1 leaderboard rebuilt.")


def create_admin(
    username: Annotated[str, typer.Argument(help="Name to log in with.")],
    data: Data = DATA_FOLDER,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Create an administrator, or make an existing player one, with a new password."""
    name = _create(username, Role.ADMIN, data, password_stdin)
    typer.echo(f"{name} is an administrator.")


def create_service(
    username: Annotated[str, typer.Argument(help="Name that the game server logs in with.")],
    data: Data = DATA_FOLDER,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Create the account of a trusted game server, which completes actions for players."""
    name = _create(username, Role.SERVICE, data, password_stdin)
    typer.echo(f"{name} is a trusted game server.")


def role(
    username: Annotated[str, typer.Argument(help="Name of the account.")],
    role: Annotated[Role, typer.Argument(help="What it may do from now on.")],
    data: Data = DATA_FOLDER,
) -> None:
    """Give an account another role; it has to log in again."""
    from scoreboard.usecases.change_role import change_role

    player, changed = on_platform(data, "role", lambda platform: change_role(platform, username, role))
    typer.echo(
        f"{player.username} has the role {role} now; its sessions were ended."
        if changed
        else f"{player.username} has the role {role} already."
    )


class Sanction(StrEnum):
    """What an operator may do to an account from the command line."""

    ACTIVE = "active"
    HIDDEN = "hidden"
    SUSPENDED = "suspended"
    BANNED = "banned"


def status(
    username: Annotated[str, typer.Argument(help="Name of the account.")],
    status: Annotated[Sanction, typer.Argument(help="What it is from now on.")],
    days: Annotated[float | None, typer.Option(help="A suspension ends by itself after so many days.", min=0)] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Suspend, ban, hide or restore an account. Only active players are shown on boards."""
    from scoreboard.domain.player import PlayerStatus
    from scoreboard.telemetry import utc_now
    from scoreboard.usecases.change_status import change_status

    if days is not None and status is not Sanction.SUSPENDED:
        raise ExpectedError("Only a suspension can end by itself.", "Leave --days out.")
    until = utc_now() + timedelta(days=days) if days is not None else None
    wanted = PlayerStatus(status)
    player, changed = on_platform(
        data, "status", lambda platform: change_status(platform, username, wanted, until=until, by="command line")
    )
    end = f" until {until:%Y-%m-%d %H:%M} UTC" if until is not None else ""
    typer.echo(f"{player.username} is {status}{end} now." if changed else f"{player.username} is {status} already.")


def _create(username: str, role: Role, data: Path, password_stdin: bool) -> str:
    """Make the account. Returns its name as it is written."""
    from scoreboard.usecases.create_account import create_account

    settings_for(data)  # before anybody is asked for a password in vain
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    command = f"create-{role}"
    return on_platform(data, command, lambda platform: create_account(platform, username, password, role)).username


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
