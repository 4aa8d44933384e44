"""Ledger entries as the model reads them: numbers instead of rows, each in the units of ``Windows``."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from scoreboard.domain.action import ActionKind
from scoreboard.storage.database import Transaction
from scoreboard.storage.timings import COMPLETED, Timing
from scoreboard.usecases.catalog import Catalog
from scoreboard_anticheat_ml.buffers import Play

_NAN = float("nan")


class Intake:
    """Turns completions into plays. Kinds are numbered as they appear; only whether two are the same matters."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._kinds: dict[tuple[str, int], ActionKind] = {}

    async def learn(self, tx: Transaction, catalog: Catalog, timings: Iterable[Timing]) -> None:
        """Look up the kinds of these entries, in the versions under which they were begun."""
        wanted = {(timing.kind_key, timing.kind_version) for timing in timings}
        self._kinds |= await catalog.kind_versions(tx, wanted - self._kinds.keys())

    def play(self, timing: Timing) -> Play:
        """One completion whose kind was looked up."""
        kind = self._kinds.get((timing.kind_key, timing.kind_version))
        number = self._numbers.setdefault(timing.kind_key, len(self._numbers))
        return Play(
            timing.at.timestamp(),
            _age(timing, kind),
            _share(timing.points, kind),
            number,
            0.0 if kind is None else kind.cooldown_s,
        )


def completions(timings: Iterable[Timing]) -> list[Timing]:
    """Those that record what a player did and when: not releases, rejections and the like, nor what a server sent."""
    return [timing for timing in timings if timing.timed and timing.entry_type in COMPLETED]


def by_player(timings: Iterable[Timing]) -> Mapping[UUID, list[Timing]]:
    """Each player's, in the same order."""
    found: dict[UUID, list[Timing]] = {}
    for timing in timings:
        found.setdefault(timing.player_id, []).append(timing)
    return found


def _age(timing: Timing, kind: ActionKind | None) -> float:
    """Seconds from beginning to completion; unknown for what is begun and completed in one call."""
    if timing.begun_at is None or kind is None or kind.direct:
        return _NAN
    return (timing.at - timing.begun_at).total_seconds()


def _share(points: int, kind: ActionKind | None) -> float:
    """Points as a share of the most that the player could have claimed; unknown where they are fixed."""
    if kind is None or kind.points is not None or kind.max_points <= 0:
        return _NAN
    return points / kind.max_points
