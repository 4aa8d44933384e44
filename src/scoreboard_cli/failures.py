"""What a person can put right: every command shows these as two readable lines and exits with 1."""

import sys
from collections.abc import Callable

import typer


class ExpectedError(Exception):
    """Something outside the program is in the way.

    Args:
        problem: What is wrong, with the name, port or path concerned.
        advice: What to do about it; may be empty.
    """

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem if not advice else f"{problem}\n{advice}")
        self.problem = problem
        self.advice = advice


class ExitedError(ExpectedError):
    """A process that should run has ended by itself."""


def run_command(command: Callable[[], object]) -> None:
    """Run a command line (a typer app); what a person can put right is two readable lines and exit code 1."""
    try:
        command()
    except ExpectedError as error:
        typer.secho(error.problem, fg=typer.colors.RED, err=True)
        if error.advice:
            typer.echo(error.advice, err=True)
        sys.exit(1)
