"""TCP ports: is one free, who holds it, and which to take when any will do."""

import contextlib
import random
import shutil
import socket
import subprocess
from pathlib import Path

from scoreboard_cli.failures import ExpectedError

# Below the range from which the kernel takes ports for outgoing connections (Linux 32768, macOS 49152): a client
# that retries against a stopped server could otherwise be connected to itself and block the server's return.
_LOWEST, _HIGHEST = 15000, 32000
_LISTEN = "0A"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tells whether a server can listen on ``host:port`` now. Raises OSError when the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if isinstance(error, PermissionError) or error.errno is None or "in use" in str(error):
                return False
            raise
    return True


def pick_free(host: str = "127.0.0.1") -> int:
    """A port that is free on ``host`` at this moment. Raises ExpectedError when none is found."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), 200):
        if is_free(port, host):
            return port
    raise ExpectedError(f"No free port between {_LOWEST} and {_HIGHEST} on {host}.")


def taken(port: int, wanted_by: str, flag: str = "") -> ExpectedError:
    """The error for a port that somebody else holds.

    Args:
        port: The port.
        wanted_by: What should have listened there.
        flag: The option of ``scoreboard up`` that chooses another; empty when there is none.
    """
    holder = holder_of(port)
    problem = f"Port {port}, meant for {wanted_by}, is taken by {holder or 'another process'}."
    return ExpectedError(problem, f"Stop it, or choose another port with {flag}." if flag else "Stop it and try again.")


def holder_of(port: int) -> str:
    """Names the process that listens on ``port``, as ``name (pid 123)``; empty when it cannot be found out."""
    if Path("/proc/net/tcp").exists():
        return _holder_from_proc(port)
    if lsof := shutil.which("lsof"):
        listed = subprocess.run(
            [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], capture_output=True, text=True, check=False
        ).stdout.splitlines()
        fields = {line[:1]: line[1:] for line in listed}
        if {"p", "c"} <= fields.keys():
            return f"{fields['c']} (pid {fields['p']})"
    return ""


def _holder_from_proc(port: int) -> str:
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if any(_target(link) in wanted for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.append(fields[9])
    return inodes
