"""GCRA in this process against a bucket that is filled drop by drop."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from scoreboard.live.gcra import Limit, LocalLimits


class Bucket:
    """The plain way: tokens that come back with time, in exact numbers."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = Fraction(burst), Fraction(0)

    def take(self, now: Fraction) -> Fraction | None:
        """None when granted, else the seconds to wait."""
        self.tokens = min(Fraction(self.burst), self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return None


@given(st.integers(1, 50), st.integers(1, 20), st.lists(st.integers(0, 300), min_size=1, max_size=80))
def test_gcra_grants_what_a_bucket_would(rate: int, burst: int, pauses: list[int]) -> None:
    limits, bucket, limit = LocalLimits(), Bucket(rate, burst), Limit(rate, burst)
    now = Fraction(1000)
    bucket.at = now
    for pause in pauses:
        now += Fraction(pause, 1024)  # exact as a float too
        expected, answer = bucket.take(now), limits.take([("a", limit)], float(now))
        if expected is None:
            assert answer is None
        else:
            assert answer is not None
            assert abs(answer[0] - float(expected)) < 1e-6
            assert answer[1] == 0


def test_all_buckets_or_none() -> None:
    limits, wide, narrow = LocalLimits(), Limit(1, 10), Limit(1, 1)
    assert limits.take([("wide", wide), ("narrow", narrow)], 100.0) is None
    for _ in range(20):
        refused = limits.take([("wide", wide), ("narrow", narrow)], 100.0)
        assert refused is not None
        assert refused[1] == 1
    for _ in range(9):  # nothing was taken from the wide one by the refusals
        assert limits.take([("wide", wide)], 100.0) is None
    assert limits.take([("wide", wide)], 100.0) is not None


def test_a_refusal_tells_when_it_will_pass() -> None:
    limits, limit = LocalLimits(), Limit(0.5, 1)
    assert limits.take([("a", limit)], 10.0) is None
    refused = limits.take([("a", limit)], 10.5)
    assert refused == (1.5, 0)
    assert limits.take([("a", limit)], 12.0) is None


def test_replicas_share_a_limit() -> None:
    assert Limit(10, 20).share(4) == Limit(2.5, 5)
    assert Limit(10, 2).share(4) == Limit(2.5, 1)


def test_forgotten_buckets_start_anew_and_memory_stays_bounded() -> None:
    limits, limit = LocalLimits(), Limit(1, 1)
    for n in range(100_010):
        limits.take([(str(n), limit)], 5.0)
    assert len(limits._arrivals) == 100_000
    assert limits.take([("0", limit)], 5.0) is None
    assert limits.take([("100009", limit)], 5.0) is not None
