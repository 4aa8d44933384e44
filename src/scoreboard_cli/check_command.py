"""``scoreboard check``: is everything that is stored and shown what the ledger comes to?"""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.failures import ExpectedError
from scoreboard_cli.progress import steps_bar

if TYPE_CHECKING:
    from scoreboard.usecases.check_findings import Findings

_SAMPLE = 1000


def check(
    full: Annotated[bool, typer.Option("--full", help="Check everything: minutes at a million scores.")] = False,
    sample: Annotated[int, typer.Option(help="Without --full: about so many players and actions.", min=1)] = _SAMPLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    data: Data = DATA_FOLDER,
) -> None:
    """Check that all scores, boards, replies and events are what the ledger comes to; exit with 1 where one is not.

    The platform goes on meanwhile. Nothing is changed.
    """
    from scoreboard.usecases.check_platform import check_platform

    with steps_bar() as on_step:
        try:
            wanted = None if full else sample
            findings = on_platform(data, "check", lambda platform: check_platform(platform, wanted, on_step))
        except ValueError as error:
            raise ExpectedError(f"The roots cannot be verified: {error}.") from error
    if as_json:
        typer.echo(json.dumps(_document(findings), indent=2, ensure_ascii=False))
    else:
        _show(findings)
    sys.exit(1 if findings.total else 0)


def _document(findings: "Findings") -> dict[str, object]:
    return {
        "ok": not findings.total,
        "checked": {str(check): number for check, number in findings.looked_at.items()},
        "found": {str(check): number for check, number in findings.found.items()},
        "findings": [asdict(finding) for finding in findings.told],
    }


def _show(findings: "Findings") -> None:
    from rich.console import Console
    from rich.table import Table

    from scoreboard.usecases.check_findings import ADVICE, Check

    console = Console(highlight=False)
    summary = Table("checked", "compared", "wrong", box=None, pad_edge=False)
    for check in Check:
        wrong = findings.found.get(check, 0)
        count = f"[red]{wrong:,}[/]" if wrong else "0"
        summary.add_row(str(check), f"{findings.looked_at.get(check, 0):,}", count)
    console.print(summary)
    if not findings.total:
        console.print("Everything is what the ledger comes to.")
        return
    for check in Check:
        told = [finding for finding in findings.told if finding.check is check]
        if not told:
            continue
        console.print(f"\n[bold]{check}[/]: {ADVICE[check]}")
        for finding in told:
            console.print(f"  {finding.sentence}", markup=False, soft_wrap=True)
        if (more := findings.found[check] - len(told)) > 0:
            console.print(f"  … and {more:,} more.")
