"""Chance declares, takes over, gives up and retires: what stands is what the last accepted wish said, and no more."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreboard.domain.board import Board, Visibility
from scoreboard.domain.declaration import Outcome, Owner, Resource
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.declare import Declaration, Declarer, Wish, declare
from scoreboard.usecases.platform import Platform
from scoreboard.usecases.read_declared import read_declared
from scoreboard.usecases.retire import Farewell, retire

BY = Declarer("ada", Role.ADMIN)
SPECS = (
    Board("x", "One"),
    Board("x", "Two"),
    Board("x", "Two", size=3, visibility=Visibility.PRIVATE),
)


@dataclass
class Model:
    """What should stand: the rules in a few lines, without a store."""

    spec: Board | None = None
    retired: bool = False
    owner: Owner | None = None
    version: int = 0
    changes: int = 0
    seen: list[int] = field(default_factory=list)

    def put(self, spec: Board, claim: Owner | None, *, take_over: bool) -> bool:
        """False: refused."""
        mine = self.owner is not None and claim is not None and self.owner.uid == claim.uid
        if mine and (claim.generation or 0) < (self.owner.generation or 0):  # type: ignore[union-attr]
            return False
        foreign = self.owner is not None and not mine and (claim is not None or self.owner.uid is not None)
        if foreign and not take_over:
            return False
        if claim is not None:
            self.owner = claim
        elif foreign:
            self.owner = Owner(BY.name)
        if self.spec is None or self.retired or spec != self.spec:
            self.version += 1
            self.changes += 1
        self.spec, self.retired = spec, False
        return True

    def delete(self, claim: Owner | None, *, retain: bool, take_over: bool) -> bool:
        """False: refused."""
        if self.spec is None:
            return False
        if self.owner is None and (retain or self.retired):
            return True
        mine = self.owner is not None and claim is not None and self.owner.uid == claim.uid
        if mine and (claim.generation or 0) < (self.owner.generation or 0):  # type: ignore[union-attr]
            return False
        person = claim is None and (self.owner is None or self.owner.uid is None)
        if not (mine or person or take_over):
            return False
        self.owner = None
        if not retain:
            self.retired = True
            self.changes += 1
        return True


claims = st.none() | st.builds(Owner, st.just("default/x"), st.sampled_from(["a", "b"]), st.integers(1, 3))
puts = st.tuples(st.just("put"), st.sampled_from(SPECS), claims, st.booleans())
deletes = st.tuples(st.just("delete"), st.booleans(), claims, st.booleans())


async def step(platform: Platform, key: str, wish: Any) -> Declaration | None:
    what, how, claim, take_over = wish
    try:
        if what == "put":
            return await declare(platform, Wish(replace(how, key=key), claim, take_over), BY)
        uid, generation = (None, None) if claim is None else (claim.uid, claim.generation)
        return await retire(platform, Farewell(Resource.BOARDS, key, uid, generation, how, take_over), BY)
    except Refusal:
        return None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(puts, puts, deletes), min_size=1, max_size=10))
async def test_what_stands_is_what_was_accepted_last(platform: Platform, story: list[Any]) -> None:
    key, model = f"k{new_id().hex}", Model()
    for wish in story:
        what, how, claim, take_over = wish
        expected = (
            model.put(replace(how, key=key), claim, take_over=take_over)
            if what == "put"
            else model.delete(claim, retain=how, take_over=take_over)
        )
        done = await step(platform, key, wish)
        assert (done is not None) == expected, (wish, model)
        if model.spec is None:
            continue
        stored = (await read_declared(platform, Resource.BOARDS, key)).stored
        assert replace(stored.spec, version=1) == model.spec
        assert (stored.retired_at is not None, stored.owner) == (model.retired, model.owner)
        assert stored.spec.version == model.version
        if done is not None:
            again = await step(platform, key, wish)
            assert again is None or again.outcome is Outcome.UNCHANGED, "once is as often as wanted"
            after = (await read_declared(platform, Resource.BOARDS, key)).stored
            assert after == stored
    rows = await platform.database.transact(
        lambda tx: tx.fetch(
            "SELECT count(*) FILTER (WHERE event <> 'board.owner_changed'), (SELECT array_agg(version ORDER BY version)"
            " FROM boards WHERE key = $1) FROM audit_log WHERE subject = $1",
            key,
        )
    )
    assert rows[0][0] == model.changes
    assert (rows[0][1] or []) == list(range(1, model.version + 1))


async def test_of_two_owners_at_once_one_wins(platform: Platform) -> None:
    for number in range(10):
        spec = Board(f"race{number}", "Race")
        there = number % 2  # what is there already and nobody's can be adopted by one of them only
        if there:
            await declare(platform, Wish(spec), BY)
        specs = {uid: spec if there else replace(spec, title=uid) for uid in "abcd"}
        wishes = [Wish(specs[uid], Owner(f"default/{uid}", uid, 1)) for uid in specs]
        answers = await asyncio.gather(*(declare(platform, wish, BY) for wish in wishes), return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, Declaration)]
        lost = [answer for answer in answers if isinstance(answer, Refusal)]
        assert (len(won), len(lost)) == (1, 3), answers
        assert {(refusal.code, (refusal.extra or {})["reason"]) for refusal in lost} == {(ErrorCode.CONFLICT, "owned")}
        stored = (await read_declared(platform, Resource.BOARDS, spec.key)).stored
        assert stored.owner is not None
        assert stored.owner.uid == won[0].view.stored.owner.uid  # type: ignore[union-attr]
        assert replace(stored.spec, version=1) == specs[str(stored.owner.uid)]
        assert stored.spec.version == 1


async def test_many_declare_the_same_at_once_and_it_is_declared_once(platform: Platform) -> None:
    wish = Wish(Board("once", "Once"), Owner("default/once", "a", 1))
    answers = await asyncio.gather(*(declare(platform, wish, BY) for _ in range(8)))
    assert sorted(answer.outcome for answer in answers) == [Outcome.CREATED] + [Outcome.UNCHANGED] * 7
    rows = await platform.database.transact(lambda tx: tx.fetch("SELECT 1 FROM seasons WHERE board_key = 'once'"))
    assert len(rows) == 1
