"""What people have decided becomes training data: recorded play with its label. Nothing is changed.

Reviewers' verdicts are worth more than any simulation; a random sample of players whom nobody noticed keeps the model
honest about what it does not flag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoreboard.domain.action import ActionKind
from scoreboard.storage import actions, review_labels, timings
from scoreboard.storage.database import Transaction
from scoreboard.storage.timings import Timing
from scoreboard.usecases.platform import Platform

_LEAST_EVENTS = 50
_MOST_EVENTS = 2_000
_EVIDENCE_EVENTS = 200  # before a case was opened: the longest window that a model looks at
_PLAYERS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class LabelledPlay:
    """One player's completions, oldest first, and what people decided; ``audited`` if nobody ever had to."""

    player_id: UUID
    cheat: bool
    audited: bool
    completions: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """All of them, and the kinds of their actions in the versions under which those were begun."""

    plays: tuple[LabelledPlay, ...]
    kinds: dict[tuple[str, int], ActionKind]


async def collect_labels(platform: Platform, *, days: float, audited: int, seed: int) -> Labels:
    """Collect the play of everybody about whom people decided, and of a random sample of the unnoticed.

    Args:
        platform: stores.
        days: decisions and windows of this time count.
        audited: size of the sample.
        seed: chooses the sample.

    Returns:
        Players with at least fifty completions, the last two thousand of each. They end when the case was decided: what
        was played later, nobody looked at. A cheat's begin with the evidence, the two hundred before the case was
        opened: who was caught today may have played by hand for a year.

    Raises:
        StoreUnavailable: nothing was collected.
    """

    async def choose(tx: Transaction) -> tuple[datetime, list[review_labels.DecidedPlayer], list[UUID]]:
        now = await actions.clock(tx)
        since = now - timedelta(days=days)
        sample = await review_labels.unnoticed(tx, since, _LEAST_EVENTS, seed, audited)
        return now, await review_labels.decided(tx, since), sample

    now, decided, sample = await platform.database.transact(choose)
    wanted = [(each.player_id, each.opened_at if each.cheat else None, False, each.decided_at) for each in decided]
    wanted += [(player_id, None, True, now) for player_id in sample]
    plays: list[LabelledPlay] = []
    kinds: dict[tuple[str, int], ActionKind] = {}
    for first in range(0, len(wanted), _PLAYERS_AT_ONCE):
        part = wanted[first : first + _PLAYERS_AT_ONCE]
        found, known = await _played(platform, {player_id: until for player_id, *_, until in part})
        kinds |= known
        for player_id, accused_at, unnoticed, _ in part:
            done: Sequence[Timing] = found.get(player_id, [])
            if accused_at is not None:
                done = _evidence(done, accused_at)
            if len(done) >= _LEAST_EVENTS:
                plays.append(LabelledPlay(player_id, accused_at is not None, unnoticed, tuple(done)))
    return Labels(tuple(plays), kinds)


def _evidence(done: Sequence[Timing], accused_at: datetime) -> Sequence[Timing]:
    """What the reviewer decided about: the last completions before the case was opened, and all since."""
    opened = sum(row.at <= accused_at for row in done)
    return done[max(0, opened - _EVIDENCE_EVENTS) :]


async def _played(
    platform: Platform, until: Mapping[UUID, datetime]
) -> tuple[dict[UUID, list[Timing]], dict[tuple[str, int], ActionKind]]:
    """The last completions of a few players, each up to a moment."""

    async def work(tx: Transaction) -> tuple[list[Timing], dict[tuple[str, int], ActionKind]]:
        rows = await timings.before(tx, until, _MOST_EVENTS)
        return rows, await platform.catalog.kind_versions(tx, {(row.kind_key, row.kind_version) for row in rows})

    rows, kinds = await platform.database.transact(work)
    found: dict[UUID, list[Timing]] = {}
    for row in rows:
        found.setdefault(row.player_id, []).append(row)
    return found, kinds
