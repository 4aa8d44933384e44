"""Secrets that a development platform makes for itself once, in files that only their owner reads."""

import os
from collections.abc import Callable
from pathlib import Path

from scoreboard_cli.failures import ExpectedError


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The secret in ``path``; made and written on first use, so that every later start has the same one.

    Raises:
        ExpectedError: The file cannot be read or written.
    """
    try:
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        write_private(path, secret := make())
    except OSError as error:
        raise ExpectedError(f"{path} is not accessible: {error.strerror}.", "Check who owns it.") from error
    return secret.strip()


def write_private(path: Path, content: str) -> None:
    """Replace ``path`` as a whole, readable for its owner only; a crash leaves the old file or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
