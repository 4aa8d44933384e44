"""Shows what the services' logs warn about, and keeps the files of a long run from filling the disk."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

_LOUD = {"warning", "error", "critical"}
_LEVEL, _MESSAGE = "log.level", "message"  # as telemetry.configure_logs names them
_NO_FACTS = {_LEVEL, _MESSAGE, "@timestamp", "service", "exception"}
_LINES_A_ROUND = 5
_READ_AT_ONCE = 1024 * 1024
_LARGEST = 64 * 1024 * 1024
_SHOWN_LENGTH = 200


class LogFollower:
    """Follows one log of JSON lines from its present end.

    Args:
        name: Whose log it is.
        path: The file; may not exist yet.
        say: Gets each line worth showing.
        largest: Above this many bytes the file is moved to ``<name>.log.1`` and emptied.
    """

    def __init__(self, name: str, path: Path, say: Callable[[str], None], largest: int = _LARGEST) -> None:
        self._name = name
        self._path = path
        self._say = say
        self._largest = largest
        self._offset = _size(path)
        self._rest = b""

    def look(self) -> None:
        """Show the warnings and errors that were written since the last look."""
        size = _size(self._path)
        if size < self._offset:
            self._offset, self._rest = 0, b""
        if size > self._offset:
            with self._path.open("rb") as file:
                file.seek(max(self._offset, size - _READ_AT_ONCE))
                self._show(self._rest + file.read(_READ_AT_ONCE))
                self._offset = file.tell()
        if size > self._largest:  # the service appends, so it goes on at the beginning of the emptied file
            shutil.copyfile(self._path, self._path.with_name(self._path.name + ".1"))
            with self._path.open("r+b") as file:
                file.truncate(0)
            self._offset, self._rest = 0, b""

    def _show(self, content: bytes) -> None:
        *lines, self._rest = content.split(b"\n")
        warnings = list(self._warnings(lines))
        for warning in warnings[:_LINES_A_ROUND]:
            self._say(f"{self._name}: {warning}")
        if len(warnings) > _LINES_A_ROUND:
            self._say(f"{self._name}: {len(warnings) - _LINES_A_ROUND} more in {self._path}")

    def _warnings(self, lines: list[bytes]) -> Iterator[str]:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get(_LEVEL) in _LOUD:
                facts = [f"{key}={value}" for key, value in entry.items() if _is_fact(key, value)]
                text = f"{entry[_LEVEL]}: {entry.get(_MESSAGE, '')} {' '.join(facts)}".strip()
                yield text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def _is_fact(key: str, value: object) -> bool:
    return key not in _NO_FACTS and isinstance(value, str | int | float)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
