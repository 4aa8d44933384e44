"""Natural batching: flush at once when idle, gather while a flush is under way. No timer.

A lone request waits for nothing; under load the batches grow by themselves and share one transaction.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from scoreboard import telemetry
from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.storage.database import StoreUnavailable

Item = TypeVar("Item")
Kept = TypeVar("Kept")
Answer = TypeVar("Answer")

Save = Callable[[Sequence[Item]], Awaitable[Kept]]
Finish = Callable[[Kept], Awaitable[Sequence[Answer | Refusal]]]
_Waiting = tuple[Item, asyncio.Future[Answer], contextvars.Context, float]
Waited = Callable[[str, float], None]
"""Is told a stage and how many seconds the oldest item of a batch waited for it."""


def _nobody_asks(_stage: str, _seconds: float) -> None:
    """Nobody wants to know."""


def unavailable(_item: object, _error: StoreUnavailable) -> Refusal:
    """Postgres was lost: nothing is known to be saved, and repeating is safe."""
    return Refusal(ErrorCode.DEPENDENCY_UNAVAILABLE, "This could not be saved; please try again.", 1)


class Batcher(Generic[Item, Kept, Answer]):
    """Collects items into batches.

    Args:
        stage: name for metrics.
        save: does the work that batches share and that only ``in_flight`` of them may do at a time.
        finish: what comes after it, for instance announcing; the next batch is saved meanwhile.
        most: items of one batch.
        bound: items waiting; more are refused with OVERLOADED at once.
        in_flight: batches saved at the same time.
        crowd: items waiting from which on another batch is saved beside one that is under way. Fewer wait for it: what
            a batch costs by itself is shared by more then.
        patience: seconds that they wait for it; it may be held up, by a locked row for instance.
        overlap: seconds that the last batch may have taken for another to be saved beside one that is under way. Slower
            ones take turns: the second would wait for the rows of the first until it may wait no longer.
        lost: what an item is answered when the store could not save its batch.
        waited: is told how long each batch's oldest item waited.
    """

    def __init__(
        self,
        stage: str,
        save: Save[Item, Kept],
        finish: Finish[Kept, Answer],
        *,
        most: int,
        bound: int,
        in_flight: int = 1,
        crowd: int = 1,
        patience: float = 0.05,
        overlap: float = float("inf"),
        lost: Callable[[Item, StoreUnavailable], Refusal] = unavailable,
        waited: Waited = _nobody_asks,
    ) -> None:
        self._stage = stage
        self._save = save
        self._finish = finish
        self._most = most
        self._bound = bound
        self._free = self._in_flight = in_flight
        self._crowd = crowd
        self._patience = patience
        self._overlap = overlap
        self._impatient_at = 0.0
        self._lost = lost
        self._waited = waited
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._nobodys = contextvars.copy_context()
        self._running: set[asyncio.Task[None]] = set()
        self._armed = False
        self._begun: dict[int, float] = {}
        self._lasted = 0.0

    async def submit(self, item: Item) -> Answer:
        """The item's answer.

        Raises:
            Refusal: its own, OVERLOADED, or DEPENDENCY_UNAVAILABLE when the store was lost.
        """
        if len(self._waiting) >= self._bound:
            raise Refusal(ErrorCode.OVERLOADED, "The platform is very busy; try again in a moment.", 1)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer, contextvars.copy_context(), time.perf_counter()))
        if not self._armed and self._may_flush():
            # One turn of the loop later: whatever arrived in the same turn shares the batch.
            self._armed = True
            loop.call_soon(self._flush)
        return await answer

    def oldest(self) -> float:
        """Seconds that the oldest item has waited which somebody still wants an answer to; 0 when none waits."""
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()
        return time.perf_counter() - self._waiting[0][3] if self._waiting else 0.0

    def ahead(self) -> float:
        """Seconds that an item would wait which came now: the full batches before it, each as long as the last took.

        One that is under way for longer than that counts as it is. The batch that the item itself joins does not count:
        a store that answers slowly makes everybody wait for it, and takes all of them.
        """
        begun = min(self._begun.values(), default=None)
        longest = max(self._lasted, 0.0 if begun is None else time.perf_counter() - begun)
        return len(self._waiting) // self._most * longest

    def _may_flush(self) -> bool:
        if self._free <= 0:
            return False
        if self._free == self._in_flight:
            return True
        if self._lasted > self._overlap:
            return False
        if len(self._waiting) >= self._crowd:
            return True
        return asyncio.get_running_loop().time() >= self._impatient_at

    def _lose_patience(self, due: float) -> None:
        if due == self._impatient_at:  # that of the newest batch
            self._impatient_at = 0.0
            if self._waiting and not self._armed:
                self._flush()

    def _flush(self) -> None:
        self._armed = False
        while self._waiting and self._may_flush():
            batch = self._take()
            if not batch:
                break
            self._waited(self._stage, time.perf_counter() - batch[0][3])
            self._free -= 1
            if self._free > 0:
                loop = asyncio.get_running_loop()
                self._impatient_at = due = loop.time() + self._patience
                loop.call_at(due, self._lose_patience, due)
            # A batch of one goes on in its request's context: its log lines have its id, its span is part of its trace.
            context = batch[0][2] if len(batch) == 1 else self._nobodys.copy()
            task = asyncio.get_running_loop().create_task(self._run(batch), context=context)
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        telemetry.QUEUE_ITEMS.labels(self._stage).set(len(self._waiting))

    def _take(self) -> "list[_Waiting[Item, Answer]]":
        """The oldest of those that wait, without those whose request was given up: nobody would hear their answer."""
        batch: list[_Waiting[Item, Answer]] = []
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                batch.append(waiting)
        return batch

    async def _run(self, batch: "list[_Waiting[Item, Answer]]") -> None:
        with telemetry.batch_span(f"flush {self._stage}", [context for _, _, context, _ in batch]):
            await self._serve(batch)

    async def _serve(self, batch: "list[_Waiting[Item, Answer]]") -> None:
        released = False
        self._begun[id(batch)] = time.perf_counter()
        try:
            kept = await self._save([item for item, *_ in batch])
            self._lasted = time.perf_counter() - self._begun.pop(id(batch))
            self._release()
            released = True
            answers = await self._finish(kept)
        except StoreUnavailable as error:
            self._settle(batch, [self._lost(item, error) for item, *_ in batch])
        except Exception as error:  # noqa: BLE001 - one bad item must not fail its neighbours: find it
            if not released and len(batch) > 1:
                await self._split(batch)
            else:
                self._settle(batch, [error] * len(batch))
        else:
            self._settle(batch, answers)
        finally:
            self._begun.pop(id(batch), None)
            if not released:
                self._release()

    async def _split(self, batch: "list[_Waiting[Item, Answer]]") -> None:
        """Save both halves on their own, again and again, until the item at fault is alone."""
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            self._free -= 1
            await self._run(half)

    def _release(self) -> None:
        self._free += 1
        if self._waiting and not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._flush)

    @staticmethod
    def _settle(batch: "list[_Waiting[Item, Answer]]", answers: Sequence[Answer | Exception]) -> None:
        for (_, future, *_), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # its request was given up; what was saved stays saved
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def finish(self) -> None:
        """Wait until nothing is waiting or under way."""
        while self._waiting or self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
            await asyncio.sleep(0)
