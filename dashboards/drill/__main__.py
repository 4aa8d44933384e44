"""``make drill``: break a platform in many ways and see who is told. Exit code 1 where that was not as it should be."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dashboards.drill import document
from dashboards.drill.faults import FAULTS, Fault
from dashboards.drill.pictures import draw, read_page, wrongly_empty
from dashboards.drill.run import Drill, Outcome, Say, open_drill
from dashboards.generate import ROOT
from dashboards.pages import PAGES
from scoreboard.telemetry import utc_now
from scoreboard_cli.failures import ExpectedError, run_command

_ASIDE = ROOT / "dist" / "drill"


@dataclass
class _Run:
    """One run: what became of each fault, and which panels had nothing to show."""

    console: Console
    pictures: Path
    outcomes: list[Outcome] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    async def go_through(self, faults: Iterable[Fault], *, every_panel: bool, keep: bool) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task("", total=None)

            def say(text: str) -> None:
                progress.update(task, description=text)
                if not self.console.is_terminal:
                    self.console.print(text)

            async with open_drill(say, keep=keep) as drill:
                for fault in faults:
                    outcome = await drill.go_through(fault, lambda text, name=fault.name: say(f"{name}: {text}"))  # type: ignore[misc]
                    self.outcomes.append(outcome)
                    self._tell(outcome)
                await self._draw(drill, say)
        if not every_panel:
            self.empty.clear()  # what was not broken leaves panels empty

    def _tell(self, outcome: Outcome) -> None:
        found, name = outcome.judgement, outcome.fault.name
        mark = "[red]✗[/]" if found.problems else "[green]✓[/]"
        told, over = (
            "never" if seconds is None else f"after {seconds:.0f} s" for seconds in (found.told_after, found.over_after)
        )
        self.console.print(f"{mark} {name}: {outcome.fault.expected.alert} told {told}, over {over}")
        for problem in found.problems:
            self.console.print(f"    {problem}")
        if found.others:
            self.console.print(f"    told too: {', '.join(sorted(found.others))}")

    async def _draw(self, drill: Drill, say: Say) -> None:
        ended = utc_now()
        for page in PAGES:
            say(f"draws {page.name}")
            shown = await read_page(drill.prometheus, page, drill.began, ended, drill.pace.every)
            self.empty += wrongly_empty(page, shown)
            draw(page, shown, self.pictures / f"{page.name}.png")


def drill(
    names: Annotated[list[str] | None, typer.Argument(help="Faults, by name; all when left out.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the platform's folder with its logs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write docs/drill.md and its pictures.")] = False,
) -> None:
    """Inject faults into a platform of its own; each has to reach the right people, once, and its end too."""
    known = {fault.name: fault for fault in FAULTS}
    if unknown := set(names or ()) - known.keys():
        raise ExpectedError(f"There is no fault {', '.join(sorted(unknown))}.", f"There are: {', '.join(known)}.")
    if write and names:
        raise ExpectedError("What is written down has all faults.", "Leave the names out.")
    console = Console(highlight=False, soft_wrap=True)
    run = _Run(console, ROOT / "docs" / "drill" if write else _ASIDE)
    began = utc_now()
    faults = [known[name] for name in names or known]
    asyncio.run(run.go_through(faults, every_panel=not names, keep=keep))
    wrong = [outcome for outcome in run.outcomes if outcome.judgement.problems]
    for words in run.empty:
        console.print(f"[red]✗[/] {words}")
    if write and not wrong and not run.empty:
        text = document.as_markdown(run.outcomes, (utc_now() - began).total_seconds() / 60)
        (ROOT / "docs" / "drill.md").write_text(text, "utf-8")
    console.print(f"{len(run.outcomes) - len(wrong)} of {len(run.outcomes)} faults were told as they should be.")
    console.print(f"The dashboards: {run.pictures}")
    sys.exit(bool(wrong or run.empty))


def main() -> None:
    """Run it."""
    run_command(partial(typer.run, drill))


if __name__ == "__main__":
    main()
