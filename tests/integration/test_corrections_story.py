"""Chance plays, holds, decides, corrects, undoes, hides and closes: everything always equals a rebuild by hand."""

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from scoreboard.domain.correction import Scope
from scoreboard.domain.events import EntryType
from scoreboard.domain.player import PlayerStatus
from scoreboard.usecases.change_status import change_status
from scoreboard.usecases.correction_views import CorrectionView
from scoreboard.usecases.preview_correction import preview_correction
from tests.amending import amend, hold
from tests.arena import Arena


@dataclass
class Story:
    """What chance lets happen, one step after the other."""

    arena: Arena
    chance: random.Random
    held: list[UUID] = field(default_factory=list)
    made: list[CorrectionView] = field(default_factory=list)

    async def status(self, name: str) -> str:
        [(status,)] = await self.arena.sql("SELECT status FROM players WHERE username = :name", name=name)
        return str(status)

    async def run(self, name: str) -> None:
        if await self.status(name) == "active":
            await self.arena.play(name, self.chance.randint(-3, 3))

    async def sprint(self, name: str) -> None:
        if await self.status(name) == "active":
            await self.arena.play(name, self.chance.randint(0, 3), "sprint")

    async def hold(self, name: str) -> None:
        points = self.chance.randint(-3, 3)
        self.held.append(await hold(self.arena.platform, self.arena.people[name], "run", points))

    async def decide(self, _: str) -> None:
        entry_type = self.chance.choice((EntryType.RELEASED, EntryType.RELEASED, EntryType.REJECTED))
        count = min(len(self.held), self.chance.randint(1, 3))
        await amend(self.arena.platform, entry_type, *(self._any_of(self.held) for _ in range(count)))

    async def correct(self, name: str) -> None:
        rows = await self.arena.sql("SELECT id, completed_at FROM actions WHERE status = 'completed' ORDER BY 2, 1")
        if not rows:
            return
        some, player_id = self.chance.choice(rows), self.arena.people[name]
        scope = self.chance.choice(
            [
                Scope(player_id=player_id),
                Scope(action_id=some.id),
                Scope(kind="sprint"),
                Scope(since=some.completed_at),
                Scope(until=some.completed_at, player_id=player_id),
            ]
        )
        if (await preview_correction(self.arena.platform, scope)).found:
            self.made.append(await self.arena.correct(scope))

    async def undo(self, _: str) -> None:
        if self.made:
            await self.arena.undo(self._any_of(self.made))

    async def hide(self, name: str) -> None:
        # Final standings show who was visible when they were last ranked, so nobody is hidden across a season's end.
        if not await self.arena.sql("SELECT 1 FROM seasons WHERE status = 'closed'"):
            turned = PlayerStatus.HIDDEN if await self.status(name) == "active" else PlayerStatus.ACTIVE
            await change_status(self.arena.platform, name, turned, by="test")

    async def close(self, _: str) -> None:
        if not await self.arena.sql("SELECT 1 FROM players WHERE status <> 'active'") and self.chance.random() < 0.3:
            await self.arena.close_seasons()

    def _any_of(self, items: list[Any]) -> Any:
        return items.pop(self.chance.randrange(len(items)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_everything_equals_a_rebuild(arena: Arena, seed: int) -> None:
    story = Story(arena, random.Random(seed))
    steps = [
        *[story.run] * 3,
        story.sprint,
        story.hold,
        story.decide,
        story.correct,
        story.undo,
        story.hide,
        story.close,
    ]
    names = ["ada", "bob", "eve", "kim"]
    for name in names:
        await arena.person(name)
    for number in range(80):
        await story.chance.choice(steps)(story.chance.choice(names))
        if number % 8 == 0:
            await arena.state()
    while story.made:  # in whatever order they are undone
        await story.undo("")
        await arena.state()
