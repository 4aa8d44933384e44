"""Who is refused for load: only where a delay stands, the least important first, and no more than is too much."""

import inspect
import re
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard_api import overload as overload_module
from scoreboard_api import wiring
from scoreboard_api.overload import INTERVAL, Overload, Rank, StandingDelay, rank_of
from tests.stage import make_keys, settings_from

ALLOWED = 0.125  # halves of it are exact
PLACES = {"DATABASE_URL": "postgresql://nobody@localhost/x", "REDIS_URL": "redis://localhost:1"}


def overload() -> Overload:
    return Overload(settings_from(make_keys() | PLACES | {"SCOREBOARD_OVERLOAD_DELAY": str(ALLOWED)}))


def refused(held: Overload, rank: Rank, of: int = 1000) -> int:
    count = 0
    for _ in range(of):
        try:
            held.admit(rank)
        except Refusal:
            count += 1
    return count


def stands(held: Overload, delay: float) -> Overload:
    for step in range(20):
        held.noted(step * 0.05, delay)
    return held


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=60), st.integers(0, 80))
def test_a_delay_stands_when_it_was_never_less_for_the_whole_interval(steps: list[tuple[int, int]], later: int) -> None:
    kept, measured, now = StandingDelay(), [], 0
    for pause, delay in steps:
        now += pause
        kept.add(now / 64, float(delay))
        measured.append((now / 64, float(delay)))
    at = (now + later) / 64
    within = [delay for when, delay in measured if when > at - INTERVAL]
    before = [delay for when, delay in measured if when <= at - INTERVAL]
    assert kept.at(at) == (min([*within, before[-1]]) if within and before else 0.0)
    if not within:
        assert kept.at(at, INTERVAL + 3.0) == 3.0


@dataclass(frozen=True)
class Waiting:
    """A queue as it is seen from outside."""

    waited: float
    then: float

    def oldest(self) -> float:
        return self.waited

    def ahead(self) -> float:
        return self.then


@pytest.mark.parametrize(("oldest", "share"), [(0.25, 0), (INTERVAL + 0.375, 0), (INTERVAL + 0.5625, 500), (8.0, 1000)])
def test_a_queue_that_nobody_is_taken_from_stands_too(oldest: float, share: int) -> None:
    """The last batch went out a while ago, and whatever holds it up holds up those who wait."""
    held = overload()
    held.attend("complete", Waiting(oldest, 60.0))
    held.weigh(100.0)
    assert refused(held, Rank.COMPLETES) == pytest.approx(share, abs=1)
    assert refused(held, Rank.BEGINS) == 0


def test_nobody_is_refused_for_a_queue_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones in it had waited long; whoever comes now would not."""
    held = overload()
    for step in range(20):
        monkeypatch.setattr("scoreboard_api.overload.time.perf_counter", lambda now=step * 0.05: now)
        held.waited("complete", 5.0)
    for ahead, share in ((60.0, 1000), (0.5625, 500), (0.375, 0), (0.0, 0)):
        held.attend("complete", Waiting(0.0, ahead))
        held.weigh(0.95)
        assert refused(held, Rank.COMPLETES) == pytest.approx(share, abs=1)


@pytest.mark.parametrize(
    ("delay", "shares"),
    [
        (0.0625, (0, 0, 0)),
        (0.125, (0, 0, 0)),
        (0.1875, (500, 0, 0)),
        (0.3125, (1000, 250, 0)),
        (0.5625, (1000, 1000, 500)),
        (2.0, (1000, 1000, 1000)),
    ],
)
def test_the_longer_it_stands_the_more_are_refused_in_their_order(delay: float, shares: tuple[int, ...]) -> None:
    held = stands(overload(), delay)
    assert [refused(held, rank) for rank in Rank] == pytest.approx(shares, abs=1)


def test_refusals_are_spread_evenly() -> None:
    held = stands(overload(), 0.1875)
    assert refused(held, Rank.LOOKS, 1) == 0
    with pytest.raises(Refusal) as told:
        held.admit(Rank.LOOKS)
    assert (told.value.code, told.value.retry_after) == (ErrorCode.OVERLOADED, 1)
    assert [refused(held, Rank.LOOKS, 1) for _ in range(10)] == [0, 1] * 5


def test_a_process_that_was_stopped_for_a_while_refuses_nobody() -> None:
    held = stands(overload(), 0.001)
    for now, late in ((6.0, 5.0), (6.05, 0.0), (6.1, 0.001)):
        held.noted(now, late)
        assert [refused(held, rank) for rank in Rank] == [0, 0, 0]


def test_it_ends_with_the_first_short_delay() -> None:
    held = stands(overload(), 3.0)
    held.noted(1.05, 0.0)
    assert [refused(held, rank) for rank in Rank] == [0, 0, 0]


@pytest.mark.parametrize(
    ("stage", "ranks"),
    [
        ("create", (0, 1000, 0)),
        ("complete", (0, 0, 1000)),
        ("own_place", (0, 1000, 0)),
        ("around", (1000, 0, 0)),
        ("guard", (0, 1000, 1000)),
    ],
)
def test_a_queue_that_stands_is_felt_by_those_who_wait_in_it(
    stage: str, ranks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = overload()
    for step in range(20):
        monkeypatch.setattr("scoreboard_api.overload.time.perf_counter", lambda now=step * 0.05: now)
        held.waited(stage, 1.0)
    held.weigh(0.95)
    assert [refused(held, rank) for rank in Rank] == list(ranks)


@pytest.mark.parametrize(
    ("method", "path", "signed_in", "rank"),
    [
        ("GET", "/api/v1/boards/main/top", False, Rank.LOOKS),
        ("HEAD", "/", False, Rank.LOOKS),
        ("GET", "/api/v1/boards/main/top", True, Rank.BEGINS),
        ("POST", "/api/v1/actions", True, Rank.BEGINS),
        ("POST", "/api/v1/auth/login", False, Rank.BEGINS),
        ("POST", "/api/v1/actions/x/complete", True, Rank.COMPLETES),
        ("POST", "/api/v1/actions/complete-batch", True, Rank.COMPLETES),
        ("POST", "/api/v1/scores/update", True, Rank.COMPLETES),
        ("POST", "/api/scores/update", True, Rank.COMPLETES),
        ("POST", "/api/v1/actions/execute", True, Rank.COMPLETES),
        ("GET", "/api/v1/moderation/cases", True, Rank.COMPLETES),
        ("PUT", "/api/v1/admin/boards/main", True, Rank.COMPLETES),
    ],
)
def test_how_much_depends_on_a_request(method: str, path: str, signed_in: bool, rank: Rank) -> None:
    assert rank_of(method, path, signed_in=signed_in) is rank


def test_ranks_are_refused_one_after_the_other() -> None:
    assert all(later == earlier + 1 for earlier, later in pairwise(Rank))


def test_every_queue_of_the_process_is_felt_by_somebody() -> None:
    source = inspect.getsource(wiring)
    assert set(re.findall(r'Batcher\(\s*"(\w+)"', source)) == {"guard", *overload_module._WAITS}
