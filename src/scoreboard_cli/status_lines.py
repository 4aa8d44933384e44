"""What ``scoreboard up`` shows: one live line per store and service in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from scoreboard_cli.supervisor import State

_STYLES = {
    State.WAITING: "dim",
    State.STARTING: "cyan",
    State.READY: "green",
    State.FAILED: "bold red",
    State.RESTARTING: "yellow",
    State.STOPPING: "dim",
    State.STOPPED: "dim",
}
_SIGNS = {State.READY: "✓", State.FAILED: "✗", State.RESTARTING: "↻", State.STOPPED: "■"}
_WIDTH = 10


class StatusLines:
    """Collects the states of all units and shows them.

    Args:
        console: Where to.
        names: The units in the order of their lines.
    """

    def __init__(self, console: Console, names: Iterable[str]) -> None:
        self._console = console
        self._states: dict[str, tuple[State, str]] = dict.fromkeys(names, (State.WAITING, ""))
        self._began: dict[str, float] = {}
        self._spinner = Spinner("dots", style=_STYLES[State.STARTING])
        self._live: Live | None = None

    def open(self) -> None:
        """Begin the live lines, in a terminal."""
        if self._console.is_terminal:
            self._live = Live(self, console=self._console, refresh_per_second=8, transient=False)
            self._live.start()

    def close(self) -> None:
        """Leave the live lines as they are; later changes are printed below."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def report(self, name: str, state: State, detail: str) -> None:
        """A unit changed its state."""
        if state is State.STARTING:
            self._began[name] = time.monotonic()
        self._states[name] = (state, detail)
        if self._live is not None:
            self._live.refresh()
        elif state is not State.STARTING or not self._console.is_terminal:
            self._console.print(self._words(name, state, detail), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Print one line below the status lines."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for name, (state, detail) in self._states.items():
            sign: RenderableType = Text(_SIGNS.get(state, "·"), style=_STYLES[state])
            phrase = self._phrase(state, detail)
            if state is State.STARTING:
                sign = self._spinner
                phrase += f" {time.monotonic() - self._began[name]:.0f} s"
            table.add_row(sign, Text(name), Text(phrase, style=_STYLES[state]))
        return table

    def _words(self, name: str, state: State, detail: str) -> Text:
        line = Text(f"{_SIGNS.get(state, '·')} {name:<{_WIDTH}} ")
        return line.append(self._phrase(state, detail), style=_STYLES[state])

    @staticmethod
    def _phrase(state: State, detail: str) -> str:
        if state in {State.READY, State.STOPPED} and detail:
            joint = " " if detail.startswith("by force") else " in "
            return f"{state}{joint}{detail}"
        return f"{state}: {detail}" if detail and state is not State.STARTING else f"{state} {detail}".strip()
