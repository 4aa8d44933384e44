"""Check a running platform: is everything that is stored and shown what the ledger comes to?

Everything at once, or a sample that is quick enough for every hour. Nothing is stopped and nothing is changed.
"""

from collections.abc import Callable
from functools import partial

from scoreboard.usecases.check_boards import check_archive, check_boards
from scoreboard.usecases.check_findings import Check, Findings
from scoreboard.usecases.check_players import check_actions, check_players
from scoreboard.usecases.check_stream import check_stream
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.verify_ledger import verify_ledger

OnStep = Callable[[str, int, int], None]
"""Called with what is being checked, how much of it is done, and of how much."""


async def check_platform(platform: Platform, sample: int | None, on_step: OnStep) -> Findings:
    """Check everything, or a sample of about so many players and actions; without the whole chain of the ledger then.

    Raises:
        LiveUnavailable, StoreUnavailable: a store cannot be asked.
        ValueError: a signing key cannot be used.
    """
    findings = Findings()
    if sample is None:
        report = await verify_ledger(platform, None, partial(on_step, "chain of the ledger"))
        for finding in report.findings:
            findings.add(Check.LEDGER, f"entry {finding.seq}" if finding.seq else "roots", finding.sentence)
    await check_players(platform, sample, findings, partial(on_step, "players"))
    await check_actions(platform, sample, findings, partial(on_step, "actions"))
    await check_archive(platform, findings, partial(on_step, "closed seasons"))
    await check_boards(platform, sample, findings, partial(on_step, "leaderboards"))
    await check_stream(platform, findings)
    return findings
