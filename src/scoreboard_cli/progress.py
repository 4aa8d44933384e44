"""The progress bar of every command that walks through what is stored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def steps_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each step, on standard error, so that what a command prints can be piped; in a cron job none.

    Yields what to call with (step, done, total); a step that begins again, such as the next board of several, begins
    its bar again.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def on_step(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=None)
            progress.update(tasks[step], completed=done, total=total)

        yield on_step


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar. Yields what to call with (done, total)."""
    with steps_bar() as on_step:
        yield partial(on_step, description)
