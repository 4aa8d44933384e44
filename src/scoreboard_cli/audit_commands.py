"""``scoreboard audit``: what an operator asks the audit log."""

from typing import TYPE_CHECKING

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.progress import progress_bar

if TYPE_CHECKING:
    from scoreboard.usecases.verify_audit import AuditReport

app = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The audit log: who changed what."""


@app.command()
def verify(data: Data = DATA_FOLDER) -> None:
    """Verify the hash chain and the daily seals; name the first row that is wrong, and exit with 1."""
    from scoreboard.usecases.verify_audit import verify_audit

    with progress_bar("audit log") as on_progress:
        try:
            report = on_platform(data, "audit", lambda platform: verify_audit(platform, on_progress))
        except ValueError as error:
            raise ExpectedError(f"The seals cannot be verified: {error}.") from error
    if report.finding is not None:
        raise ExpectedError(report.finding.sentence, _advice(report))
    typer.echo(f"The audit log is intact: {_count(report.rows, 'row')}, {_count(report.seals, 'seal')}.")
    if report.sealed_until is not None:
        typer.echo(f"It is sealed until the end of {report.sealed_until} (UTC).")
    elif report.rows:
        typer.echo("No day is sealed yet: the worker seals a day when it is over (UTC).")


def _advice(report: "AuditReport") -> str:
    before = f"The {_count(report.rows, 'row')} before it are as they were written." if report.rows else ""
    return f"{before} Compare with a backup, and with the seals in your log archive.".strip()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
