"""Finds the platform that the other commands are about: by the environment, otherwise the one ``up`` started here."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scoreboard_cli.data_folder import DataFolder
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.keys import development_keys
from scoreboard_cli.processes import start_mark
from scoreboard_cli.secret_files import write_private

if TYPE_CHECKING:
    from scoreboard.settings import Settings

STORES = ("DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """What ``up`` writes down for the other commands, readable for its owner only.

    Attributes:
        pid: The supervisor.
        started: When it was started, as ``processes.start_mark`` says it.
        api_url: Where API and pages are, without a slash at the end.
        realtime_url: Where the live connections go.
        metrics: Address of the metrics, by service.
        pids: Process ids by name.
        database_url: With password.
        redis_url: With password.
    """

    pid: int
    started: str
    api_url: str
    realtime_url: str
    metrics: dict[str, str]
    pids: dict[str, int]
    database_url: str
    redis_url: str

    def write(self, folder: DataFolder) -> None:
        """Leave the description in the platform's folder."""
        write_private(folder.run_file, json.dumps(asdict(self), indent=2) + "\n")


def find_running(data: Path) -> RunningPlatform:
    """The platform that runs in the folder ``data``.

    Raises:
        ExpectedError: None does, or its description is not readable for us.
    """
    nothing = ExpectedError(f"Nothing is running here ({data}).", "Start it with: scoreboard up")
    try:
        running = RunningPlatform(**json.loads(DataFolder(data).run_file.read_text(encoding="utf-8")))
    except PermissionError as error:
        raise ExpectedError(f"{data}/run.json belongs to another user.", "Run this command as that user.") from error
    except (OSError, ValueError, TypeError) as error:
        raise nothing from error
    if start_mark(running.pid) != running.started:
        raise nothing
    return running


def addresses(data: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """Where API and realtime are: ``SCOREBOARD_API_URL`` and ``SCOREBOARD_REALTIME_URL``, otherwise what ``up`` wrote.

    Raises:
        ExpectedError: The environment does not say, and nothing runs in ``data``.
    """
    api_url, realtime_url = environment.get("SCOREBOARD_API_URL"), environment.get("SCOREBOARD_REALTIME_URL")
    if api_url:
        return api_url.rstrip("/"), (realtime_url or api_url).rstrip("/")
    running = find_running(data)
    return running.api_url, realtime_url or running.realtime_url


def settings_for(data: Path) -> "Settings":
    """Settings for a command that works on the stores: the environment's values first, then the running platform's.

    Raises:
        ExpectedError: A store's address is missing and nothing runs in ``data``, or a value is not acceptable.
    """
    from pydantic import ValidationError

    from scoreboard.settings import Settings

    values: dict[str, str] = {}
    if any(not os.environ.get(name) for name in STORES):
        running = find_running(data)
        known = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
        values = {name: url for name, url in known.items() if not os.environ.get(name)}
    keys = development_keys(DataFolder(data).keys, os.environ)
    values |= {name.removeprefix("SCOREBOARD_").lower(): key for name, key in keys.items()}
    try:
        return Settings(**values)  # type: ignore[arg-type] # mypy sees pydantic-settings' own options only
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise ExpectedError(f"The settings are not usable: {wrong}.") from error


def database_url_for(data: Path) -> str:
    """Address of the database: ``DATABASE_URL``, otherwise the running platform's.

    Raises:
        ExpectedError: The environment does not say, and nothing runs in ``data``.
    """
    return os.environ.get("DATABASE_URL") or find_running(data).database_url
