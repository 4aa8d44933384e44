"""Shows a running demo: one live picture in a terminal, a line every five seconds elsewhere."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from scoreboard_cli.demo.api import Api
from scoreboard_cli.demo.measures import Measures

_TOP = "/api/v1/leaderboard/top?limit=5"
_FRAME_S = 1.0
_LINE_S = 5.0
_SHOWN_CODES = 4


@dataclass(slots=True)
class Display:
    """What the person who started the demo sees.

    Attributes:
        console: Where to.
        measures: What is shown.
        api: For the top of the board.
        page: Address of the live page.
        cheats: Family by player id, as far as they are known yet.
    """

    console: Console
    measures: Measures
    api: Api
    page: str
    cheats: Mapping[str, str]
    _top: Sequence[Mapping[str, Any]] = ()
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    async def keep_showing(self) -> None:
        """Show until cancelled."""
        if not self.console.is_terminal:
            await self._keep_printing()
        with Live(self, console=self.console, refresh_per_second=8):
            while True:
                await self._look()
                await asyncio.sleep(_FRAME_S)

    def summary(self) -> str:
        """What the run came to, in a few words."""
        counted = self.measures
        parts = [
            f"{counted.completed} actions in {counted.seconds:.0f} s",
            f"refused: {_codes(counted.refused)}",
            f"of cheats: {_codes(counted.refused_cheats)}",
            f"answers in {self._latency()}",
        ]
        return "; ".join(parts) + "."

    def __rich__(self) -> RenderableType:
        counted = self.measures
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim")
        facts.add_row("players", f"{counted.inside} of {counted.total}{_left(counted.left)}")
        facts.add_row("actions", f"{counted.rate():.1f} a second, {counted.completed} completed")
        facts.add_row("refused", _codes(counted.refused))
        facts.add_row("cheats refused", _codes(counted.refused_cheats))
        facts.add_row("answers in", self._latency())
        return Group(self._headline(), facts, *self._leaders())

    def _headline(self) -> RenderableType:
        away = self.measures.away_for
        if away is not None:
            self._spinner.update(text=Text(f"The server does not answer ({away:.0f} s); trying again", style="yellow"))
            return self._spinner
        if self.measures.arriving:
            self._spinner.update(text=Text("Players are arriving", style="cyan"))
            return self._spinner
        return Text(f"Playing on {self.page}   Stop: Ctrl-C", style="green")

    def _leaders(self) -> list[RenderableType]:
        if not self._top:
            return []
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="dim")
        table.add_column(no_wrap=True)
        table.add_column(justify="right")
        for entry in self._top:
            name, family = Text(entry["username"]), self.cheats.get(entry["player_id"])
            if family is not None:
                name.append(f"  cheat: {family.replace('_', ' ')}", style="red")
            table.add_row(str(entry["rank"]), name, f"{entry['score']:,}")
        return [Text(""), table]

    async def _keep_printing(self) -> None:
        while True:
            await self._look()
            self.console.print(self._line(), soft_wrap=True)
            await asyncio.sleep(_LINE_S)

    async def _look(self) -> None:
        """Read the top; what it was stays when nobody may read it without logging in, or nobody answers."""
        answer = await self.api.ask("GET", _TOP)
        if answer is not None and answer.ok:
            self._top = answer.body["entries"]

    def _line(self) -> Text:
        counted = self.measures
        parts = [
            f"players {counted.inside}/{counted.total}{_left(counted.left)}",
            f"{counted.rate():.1f} actions/s",
            f"completed {counted.completed}",
            f"refused {_codes(counted.refused)}",
            f"cheats refused {_codes(counted.refused_cheats)}",
            f"answers in {self._latency()}",
        ]
        if counted.away_for is not None:
            parts.append(f"the server does not answer ({counted.away_for:.0f} s)")
        if self._top:
            parts.append(f"first {self._top[0]['username']} {self._top[0]['score']}")
        return Text(" | ".join(parts))

    def _latency(self) -> str:
        middle, most = self.measures.latency(0.5), self.measures.latency(0.95)
        if middle is None or most is None:
            return "–"
        return f"{middle * 1000:.0f} ms (p50), {most * 1000:.0f} ms (p95)"


def _codes(counter: Counter[str]) -> str:
    """ "7 (COOLDOWN 5, ACTION_LIMIT 2)", the most frequent first."""
    if not counter:
        return "0"
    shown = [f"{code} {count}" for code, count in counter.most_common(_SHOWN_CODES)]
    return f"{counter.total()} ({', '.join(shown)}{', …' if len(counter) > _SHOWN_CODES else ''})"


def _left(left: Counter[str]) -> str:
    gone = +left
    return f", turned away {_codes(gone)}" if gone else ""
