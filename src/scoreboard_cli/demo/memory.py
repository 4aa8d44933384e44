"""The demo's accounts between two runs: a password and refresh tokens, in files that only their owner reads."""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scoreboard_cli.data_folder import make_folder
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.secret_files import read_or_create, write_private

_SAVE_EVERY_S = 0.5


@dataclass(slots=True)
class Remembered:
    """One account on one platform.

    Attributes:
        username: The name under which it was registered.
        refresh_token: The last one, good for one use; None when the next run has to log in.
    """

    username: str
    refresh_token: str | None = None


@dataclass(slots=True)
class Memory:
    """What is known of the accounts of one platform, by the name that each contestant asks for.

    Attributes:
        folder: Where it is kept.
        api_url: Which platform; a token is never sent to another one.
        password: Of all demo accounts.
        accounts: Change them through ``put``.
    """

    folder: Path
    api_url: str
    password: str
    accounts: dict[str, Remembered] = field(default_factory=dict)
    _changed: bool = False

    def put(self, name: str, account: Remembered) -> None:
        """Remember an account; it is on disk within half a second, and after ``save``."""
        self.accounts[name] = account
        self._changed = True

    def save(self) -> None:
        """Write what changed. Raises OSError."""
        if not self._changed:
            return
        everything = _read(self.folder)
        everything[self.api_url] = {name: asdict(account) for name, account in self.accounts.items()}
        write_private(_file(self.folder), json.dumps(everything, ensure_ascii=False, indent=1) + "\n")
        self._changed = False

    async def keep_saving(self) -> None:
        """Save again and again, until cancelled. A full disk does not end the play: the last save will tell."""
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            with contextlib.suppress(OSError):
                self.save()


@contextlib.contextmanager
def open_memory(folder: Path, api_url: str) -> Iterator[Memory]:
    """Read the memory, hold it for this process, and save it in the end.

    Raises:
        ExpectedError: The folder cannot be used or written, or another demo plays with these accounts: two would end
            each other's sessions.
    """
    make_folder(folder)
    try:
        lock = (folder / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise ExpectedError(f"{folder}/lock is not accessible: {error.strerror}.", "Check who owns it.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ExpectedError(
                f"A demo plays here already (pid {lock.read().strip() or 'unknown'}).",
                "Watch its board, stop it first, or let this one play with other accounts: --data <another folder>.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        password = read_or_create(folder / "password", lambda: secrets.token_urlsafe(24))
        known = _read(folder).get(api_url, {})
        accounts = {
            name: Remembered(fields["username"] or name, fields["refresh_token"]) for name, fields in known.items()
        }
        memory = Memory(folder, api_url, password, accounts)
        try:
            yield memory
        finally:
            _save_at_last(memory)


def _save_at_last(memory: Memory) -> None:
    try:
        memory.save()
    except OSError as error:
        problem = f"The demo's accounts could not be saved in {memory.folder}: {error.strerror}."
        raise ExpectedError(problem, "The next demo will log them in again.") from error


def _file(folder: Path) -> Path:
    return folder / "accounts.json"


def _read(folder: Path) -> dict[str, dict[str, dict[str, str | None]]]:
    """By platform, then by contestant; empty when there is nothing readable: then everybody logs in again."""
    try:
        content = json.loads(_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
