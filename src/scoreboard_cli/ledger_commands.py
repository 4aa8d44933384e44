"""``scoreboard ledger``: what an operator asks the ledger of all scores."""

from typing import TYPE_CHECKING, Annotated

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.progress import progress_bar

if TYPE_CHECKING:
    from scoreboard.usecases.verify_ledger import LedgerReport

app = typer.Typer(help="The ledger: every score event, in the order in which it counted.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """The ledger: every score event, in the order in which it counted."""


@app.command()
def verify(
    season: Annotated[
        int | None, typer.Option(help="Look at this season only (its id, as `/boards/{key}/seasons` shows it).", min=1)
    ] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Verify the hash chain and the signed roots of seasons; say what does not fit and from where on, and exit with 1.

    Postgres has to run, nothing else.
    """
    from scoreboard.usecases.verify_ledger import verify_ledger

    with progress_bar("ledger") as on_progress:
        try:
            report = on_platform(data, "ledger", lambda platform: verify_ledger(platform, season, on_progress))
        except ValueError as error:
            raise ExpectedError(f"The roots cannot be verified: {error}.") from error
    if report.findings:
        words = "\n".join(finding.sentence for finding in report.findings)
        raise ExpectedError(words, "Compare with a backup, and with the roots in your log archive.")
    _tell(report, season)


def _tell(report: "LedgerReport", season: int | None) -> None:
    if season is None:
        typer.echo(f"The ledger is intact: {report.entries:,} entries, {report.roots:,} signed roots.")
    elif report.seasons:
        typer.echo(f"Season {season} is intact, and is what was signed.")
    else:
        typer.echo(f"The entries of season {season} are intact.")
    if report.confirmed:
        typer.echo(f"It is signed up to entry {report.confirmed:,}.")
    for name in report.unsigned:
        typer.echo(f"Not signed yet: {name}. The worker does it within seconds of the close or of a correction.")
