"""Natural batching: at once when idle, together under load, bounded, and one bad item alone."""

import asyncio
from collections.abc import Sequence

import pytest

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.storage.database import StoreUnavailable
from scoreboard_api.batcher import Batcher
from tests.stage import until


class Store:
    """Saves batches as soon as ``open`` is set, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.saving = self.most_saving = 0

    async def save(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.saving += 1
        self.most_saving = max(self.most_saving, self.saving)
        try:
            await self.open.wait()
            if -1 in items:
                raise ValueError("this item cannot be saved")
            if -2 in items:
                raise StoreUnavailable("gone")
            return list(items)
        finally:
            self.saving -= 1

    async def finish(self, kept: list[int]) -> Sequence[int | Refusal]:
        return [Refusal(ErrorCode.COOLDOWN, "Wait.", 1) if item == 13 else item * 2 for item in kept]

    def batcher(
        self,
        *,
        most: int = 100,
        bound: int = 1000,
        in_flight: int = 1,
        crowd: int = 1,
        patience: float = 0.05,
        overlap: float = 60,
    ) -> "Batcher[int, list[int], int]":
        sizes = {"most": most, "bound": bound, "in_flight": in_flight, "crowd": crowd}
        return Batcher("test", self.save, self.finish, **sizes, patience=patience, overlap=overlap)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_lone_item_waits_for_nothing() -> None:
    store = Store()
    assert await store.batcher().submit(4) == 8
    assert store.batches == [[4]]


async def test_items_of_one_moment_share_a_batch_and_get_their_own_answers() -> None:
    store = Store()
    batcher = store.batcher()
    answers = await asyncio.gather(*(batcher.submit(n) for n in range(20)), return_exceptions=True)
    assert store.batches == [list(range(20))]
    assert [answer for answer in answers if isinstance(answer, int)] == [n * 2 for n in range(20) if n != 13]
    refused = answers[13]
    assert isinstance(refused, Refusal)
    assert refused.code is ErrorCode.COOLDOWN


async def test_items_gather_while_a_batch_is_saved() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher(most=3)
    tasks = [asyncio.create_task(batcher.submit(0))]
    await turns()
    tasks += [asyncio.create_task(batcher.submit(n)) for n in range(1, 8)]
    await turns()
    assert store.batches == [[0]]
    store.open.set()
    assert await asyncio.gather(*tasks) == [n * 2 for n in range(8)]
    assert store.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]
    assert store.most_saving == 1


async def test_several_batches_in_flight() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher(most=2, in_flight=2)
    tasks = [asyncio.create_task(batcher.submit(n)) for n in range(7)]
    await turns()
    assert store.batches == [[0, 1], [2, 3]]
    store.open.set()
    await asyncio.gather(*tasks)
    assert store.most_saving == 2


async def test_slow_batches_take_turns_until_one_was_fast_again() -> None:
    store = Store()
    batcher = store.batcher(most=1, in_flight=2, overlap=0.02)
    store.open.clear()
    slow = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
    await turns()
    assert store.saving == 2, "nothing is known yet of how long they take"
    await asyncio.sleep(0.03)
    store.open.set()
    await asyncio.gather(*slow)

    store.open.clear()
    waiting = [asyncio.create_task(batcher.submit(n)) for n in (3, 4, 5)]
    await turns()
    assert (store.saving, store.most_saving) == (1, 2)
    store.open.set()
    store.open.clear()  # for those who come after it
    await turns()
    assert store.saving == 2, "3 was alone, and fast"
    store.open.set()
    await asyncio.gather(*waiting)


async def test_a_few_wait_for_the_batch_under_way_and_a_crowd_does_not() -> None:
    store = Store()
    batcher = store.batcher(in_flight=2, crowd=3, patience=60)
    store.open.clear()
    first = asyncio.create_task(batcher.submit(1))
    await turns()
    others = [asyncio.create_task(batcher.submit(item)) for item in (2, 3)]
    await turns()
    assert store.batches == [[1]]
    others.append(asyncio.create_task(batcher.submit(4)))
    await turns()
    assert store.batches == [[1], [2, 3, 4]]
    store.open.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]


async def test_the_few_are_saved_when_the_batch_under_way_is_through() -> None:
    store = Store()
    batcher = store.batcher(in_flight=2, crowd=3, patience=60)
    store.open.clear()
    waiting = [asyncio.create_task(batcher.submit(1))]
    await turns()
    waiting.append(asyncio.create_task(batcher.submit(2)))
    await turns()
    store.open.set()
    assert await asyncio.gather(*waiting) == [2, 4]
    assert store.batches == [[1], [2]]


async def test_the_few_do_not_wait_for_a_batch_that_is_held_up() -> None:
    store = Store()
    batcher = store.batcher(in_flight=2, crowd=3, patience=0.01)
    store.open.clear()
    waiting = [asyncio.create_task(batcher.submit(1))]
    await turns()
    waiting.append(asyncio.create_task(batcher.submit(2)))
    await turns()
    assert store.batches == [[1]]
    await until(lambda: store.batches == [[1], [2]])
    store.open.set()
    assert await asyncio.gather(*waiting) == [2, 4]


async def test_more_than_the_bound_is_refused_at_once() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher(bound=3)
    tasks = [asyncio.create_task(batcher.submit(0))]
    await turns()
    tasks += [asyncio.create_task(batcher.submit(n)) for n in range(1, 4)]
    await turns()
    with pytest.raises(Refusal) as caught:
        await batcher.submit(9)
    assert caught.value.code is ErrorCode.OVERLOADED
    store.open.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6]
    assert await batcher.submit(9) == 18


@pytest.mark.parametrize("place", [0, 7, 15])
async def test_one_bad_item_is_found_and_fails_alone(place: int) -> None:
    store = Store()
    batcher = store.batcher()
    items = [-1 if n == place else n for n in range(16)]
    answers = await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)
    for n, answer in enumerate(answers):
        if n == place:
            assert isinstance(answer, ValueError)
        elif n != 13:
            assert answer == n * 2
    assert store.most_saving == 1
    assert len(store.batches) <= 10  # halves of halves, not one by one
    assert await batcher.submit(5) == 10  # the place in flight was given back
    assert batcher._free == 1


async def test_a_lost_store_fails_the_batch_and_not_the_next() -> None:
    store = Store()
    batcher = store.batcher()
    answers = await asyncio.gather(*(batcher.submit(item) for item in (1, -2, 3)), return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == ["DEPENDENCY_UNAVAILABLE"] * 3
    assert len({id(answer) for answer in answers}) == 3  # a raised exception is nobody else's
    assert store.batches == [[1, -2, 3]]
    assert await batcher.submit(5) == 10


async def test_who_gave_up_waiting_disturbs_nobody() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher()
    gone, stays = (asyncio.create_task(batcher.submit(n)) for n in (1, 2))
    await turns()
    gone.cancel()
    await turns()
    store.open.set()
    assert await stays == 4
    assert store.batches == [[1, 2]]


async def test_what_nobody_waits_for_any_more_is_not_saved() -> None:
    store = Store()
    batcher = store.batcher()
    store.open.clear()
    first, gone, stays = (asyncio.create_task(batcher.submit(n)) for n in (1, 2, 3))
    await turns(1)
    late = asyncio.create_task(batcher.submit(4))
    await turns()
    late.cancel()
    await turns()
    last = asyncio.create_task(batcher.submit(5))
    await turns()
    store.open.set()
    assert [await task for task in (first, gone, stays, last)] == [2, 4, 6, 10]
    assert store.batches == [[1, 2, 3], [5]]


async def test_only_full_batches_ahead_are_waited_for() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher(most=10)
    tasks = [asyncio.create_task(batcher.submit(0))]
    await turns()
    await asyncio.sleep(0.05)
    tasks += [asyncio.create_task(batcher.submit(n)) for n in range(1, 10)]
    await turns()
    assert batcher.ahead() == 0, "a store that is slow takes all of these with the next batch"
    tasks += [asyncio.create_task(batcher.submit(n)) for n in range(20, 36)]
    await turns()
    assert batcher.ahead() >= 2 * 0.05
    store.open.set()
    await asyncio.gather(*tasks)
    assert batcher.ahead() == 0


async def test_finish_waits_for_everything() -> None:
    store = Store()
    store.open.clear()
    batcher = store.batcher(most=1)
    tasks = [asyncio.create_task(batcher.submit(n)) for n in range(4)]
    await turns()
    ending = asyncio.create_task(batcher.finish())
    await turns()
    assert not ending.done()
    store.open.set()
    await ending
    assert all(task.done() for task in tasks)
