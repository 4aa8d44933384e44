"""What a check of the platform found, in words for whoever has to put it right."""

from dataclasses import dataclass, field
from enum import StrEnum

MOST_TOLD = 100
"""Findings of one check that are told one by one; beyond that they are only counted."""


class Check(StrEnum):
    """What is compared with what."""

    LEDGER = "ledger"
    SCORES = "scores"
    ACTIONS = "actions"
    REPLIES = "stored replies"
    ARCHIVE = "closed seasons"
    BOARDS = "leaderboards"
    STREAM = "event stream"


ADVICE = {
    Check.LEDGER: "Somebody changed the ledger outside the platform. Compare with a backup and with the signed roots"
    " (scoreboard ledger verify).",
    Check.SCORES: "A total was changed outside the platform, or a bug counted wrongly. The ledger is the truth: void"
    " and restore one of the player's actions, and the total is counted anew from it.",
    Check.ACTIONS: "An action's row was changed outside the platform. The ledger says what became of it.",
    Check.REPLIES: "A repeated request would be answered with something that did not happen. Delete the row of"
    " idempotency_keys: the repetition is then answered from the ledger.",
    Check.ARCHIVE: "Final standings were changed outside the platform. Compare with a backup; a correction in the"
    " season ranks it again from its totals.",
    Check.BOARDS: "Redis shows something else than Postgres. scoreboard rebuild puts it right at once.",
    Check.STREAM: "Browsers may have missed an update; they get a fresh snapshot when they connect again.",
}
"""What to do about each, in general."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that does not fit; ``subject`` is what it is about."""

    check: Check
    subject: str
    sentence: str


@dataclass(slots=True)
class Findings:
    """What was looked at, and what was found."""

    looked_at: dict[Check, int] = field(default_factory=dict)
    found: dict[Check, int] = field(default_factory=dict)
    told: list[CheckFinding] = field(default_factory=list)

    def looked(self, check: Check, number: int) -> None:
        """So many more things were compared."""
        self.looked_at[check] = self.looked_at.get(check, 0) + number

    def add(self, check: Check, subject: str, sentence: str) -> None:
        """Note something that does not fit."""
        self.found[check] = self.found.get(check, 0) + 1
        if self.found[check] <= MOST_TOLD:
            self.told.append(CheckFinding(check, subject, sentence))

    @property
    def total(self) -> int:
        """How much was found, told or not."""
        return sum(self.found.values())
