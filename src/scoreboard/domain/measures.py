"""Measures one oddity each in how a player acted lately, and says how much it weighs.

Pure functions over ``domain/pace``; ``domain/judgement`` asks all of them about each completion. Each is neutral for a
short history, and its weight grows with the oddity and never leaves 0..1. The limits were set so that no honest player
of the simulator and no person in recorded play (mouse clicks, real-time strategy, chess, forum posts) is held; ADR 0016
has the figures.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import mul

from scoreboard.domain.pace import AT_ONCE, COOLED, NO_CLOCK, NO_PAUSE, NO_SHARE, UNKNOWN, WHOLE_SHARE, Pace
from scoreboard.domain.signals import Measured, Signal

_STRONG = 0.3
_WEAK = 0.1
_SHORT, _LONG = 10, 20
_TAPPING_US = 250_000
"""Below this pauses are tapping, which trained hands do evenly (a spread of 5 %); above, people never are."""
_EVEN = {(_SHORT, False): 0.05, (_SHORT, True): 0.03, (_LONG, False): 0.10, (_LONG, True): 0.05}


def _strength(value: float, limit: float) -> float:
    """1 from half the limit down, 0 from the limit up, straight between."""
    return min(max(2 * (limit - value) / limit, 0.0), 1.0)


def spread_of(values: Sequence[int], least_mean: float = 1.0) -> float:
    """Standard deviation as a share of the mean, which counts as ``least_mean`` at least."""
    count = len(values)
    mean = sum(values) / count
    deviation = max(sum(map(mul, values, values)) / count - mean * mean, 0.0) ** 0.5
    return float(deviation / max(mean, least_mean))


def regular_intervals(pace: Pace) -> Measured | None:
    """The player's own part of the last 10 or 20 pauses is as even as no person's.

    What cooldowns and least durations made everybody wait is taken off before, so that who waits for a countdown and
    then presses is not taken for a clock.
    """
    found: Measured | None = None
    for count in (_SHORT, _LONG):
        last = pace.free(count)
        if len(last) < count:
            break
        most, whole = max(last), sum(last)
        if most == UNKNOWN or most > 2 * min(last) or whole < count * _LEAST_MEAN_US:
            break  # so uneven that no limit is near; the longer window is no more even
        spread = spread_of(last)
        weight = _STRONG * _strength(spread, _EVEN[count, whole < count * _TAPPING_US])
        if weight > (found.weight if found else 0.0):
            found = Measured(Signal.REGULAR_INTERVALS, spread, weight)
    return found


_LEAST_MEAN_US = 50_000
"""What comes in closer than this was sent together, and its pauses are the server's own."""
_LONGEST_LOOP = 8
_PAIRS = 12
_ALIKE = 0.04


def repeated_pattern(pace: Pace) -> Measured | None:
    """Each of the last twelve pauses is that of one to eight places before, to within a few per cent."""
    free = pace.free()
    count = len(free)
    if count < _PAIRS + 1 or free[-1] == UNKNOWN:
        return None
    newest, most = free[-1], min(_LONGEST_LOOP, count - _PAIRS)
    alike = _ALIKE * newest
    for lag in range(1, most + 1):
        if not -alike <= newest - free[-1 - lag] <= alike:
            continue
        worst = _worst_difference(free, lag)
        if worst < _ALIKE and sum(free[-_PAIRS:]) >= _PAIRS * _TAPPING_US:
            return Measured(Signal.REPEATED_PATTERN, worst, _STRONG * _strength(worst, _ALIKE))
    return None


def _worst_difference(free: Sequence[int], lag: int) -> float:
    worst = 0.0
    for now, before in zip(free[-_PAIRS:], free[-_PAIRS - lag : -lag], strict=True):
        difference = abs(now - before) / (now or 1)
        if difference >= _ALIKE or now == UNKNOWN:
            return 1.0
        worst = max(worst, difference)
    return worst


_RATE = 40.0
"""Actions a second over 20 of them. Hands reach 12; where a game sends several at one press they are fewer than 20."""


def frequency(pace: Pace) -> Measured | None:
    """More actions in a row than hands can do, counted by when they came in."""
    if pace.count <= _LONG:
        return None
    rate = _LONG * 1e6 / max(pace.span(_LONG), 1)
    if rate <= _RATE:
        return None
    return Measured(Signal.FREQUENCY, rate, _STRONG * (1 - _RATE / rate))


_LEAST_SPARE_MS = 250
_EVEN_SPARE = 0.08


def regular_durations(pace: Pace) -> Measured | None:
    """The last ten actions all took the same time. Some clients finish by themselves: it weighs little."""
    if pace.count < _SHORT or pace.newest.spare == UNKNOWN:
        return None
    last = pace.spare(_SHORT)
    most = max(last)
    if most == UNKNOWN or most > 2 * min(last) + 2 * _LEAST_SPARE_MS:
        return None
    spread = spread_of(last, _LEAST_SPARE_MS)
    weight = _WEAK * _strength(spread, _EVEN_SPARE)
    return Measured(Signal.REGULAR_DURATIONS, spread, weight) if weight else None


_BARELY_MS = 100
_BARELY_SHARE = 0.7


def barely_possible(pace: Pace) -> Measured | None:
    """Most of the last ten actions were finished less than a reaction after the rules first allowed it."""
    if pace.count < _SHORT or pace.newest.spare > _BARELY_MS:
        return None
    last = pace.spare(_SHORT)
    share = sum(spare <= _BARELY_MS for spare in last) / _SHORT
    if share < _BARELY_SHARE:
        return None
    return Measured(Signal.BARELY_POSSIBLE, share, _WEAK * (share - _BARELY_SHARE + 0.1) / (1.1 - _BARELY_SHARE))


_NO_PAUSES = 9


def no_pause(pace: Pace) -> Measured | None:
    """Nearly all of the last ten were begun and finished, one after the other, with no time to see or to press."""
    if pace.count < _SHORT or not pace.newest.haste & NO_PAUSE:
        return None
    last = pace.haste(_SHORT)
    count = sum(haste & NO_PAUSE for haste in last) // NO_PAUSE
    if count < _NO_PAUSES:
        return None
    return Measured(Signal.NO_PAUSE, count / _SHORT, _STRONG * (count - _NO_PAUSES + 1) / (_SHORT - _NO_PAUSES + 1))


_SNIPES = 3


def cooldown_sniping(pace: Pace) -> Measured | None:
    """The newest action and most others that had to wait for a cooldown came the moment it was over."""
    if not pace.newest.haste & AT_ONCE:
        return None
    waits = [haste & AT_ONCE for haste in pace.haste() if haste & COOLED]
    at_once = sum(waits) // AT_ONCE
    share = at_once / max(len(waits), 1)
    if at_once < _SNIPES or share <= 0.5:
        return None
    return Measured(Signal.COOLDOWN_SNIPING, share, 2 * _STRONG * (share - 0.5))


_EARLIER, _LATEST = 8, 4
_AT_CAP, _JUMP = 0.97 * WHOLE_SHARE, 0.5


def progression_jump(pace: Pace) -> Measured | None:
    """The last four results lie at the cap, and those before them were far below it."""
    if not _AT_CAP <= pace.newest.share != NO_SHARE:
        return None
    shares = [share for share in pace.share() if share != NO_SHARE]
    latest, earlier = shares[-_LATEST:], shares[:-_LATEST]
    if len(earlier) < _EARLIER or min(latest) < _AT_CAP:
        return None
    jump = (sum(latest) / len(latest) - sum(earlier) / len(earlier)) / WHOLE_SHARE
    if jump < _JUMP:
        return None
    return Measured(Signal.PROGRESSION_JUMP, jump, _WEAK + _WEAK * (jump - _JUMP) / (1 - _JUMP))


_CLOCK_JUMP = 3
_CLOCK_JUMPS = 3
_CLOCKS = 10


def clock_anomaly(pace: Pace) -> Measured | None:
    """The clock of signed requests jumped to and fro by seconds, several times within ten of them."""
    if pace.newest.clock == NO_CLOCK:
        return None
    clocks = [clock for clock in pace.clock(_CLOCKS) if clock != NO_CLOCK]
    jumps = [jump for a, b in pairwise(clocks) if (jump := abs(a - b)) >= _CLOCK_JUMP]
    if len(jumps) < _CLOCK_JUMPS:
        return None
    return Measured(Signal.CLOCK_ANOMALY, float(max(jumps)), _WEAK * len(jumps) / (_CLOCKS - 1))


CROWD = 30
"""So many players at one address within seconds are not told from a class or a hall behind it."""


def shared_address(players: int) -> Measured | None:
    """More players completed from one address within seconds than share one at play."""
    if players < CROWD:
        return None
    return Measured(Signal.SHARED_ADDRESS, float(players), _WEAK * (1 - CROWD / (2 * players)))


_OF_PACE: tuple[Callable[[Pace], Measured | None], ...] = (
    regular_intervals,
    repeated_pattern,
    no_pause,
    frequency,
    regular_durations,
    barely_possible,
    cooldown_sniping,
    progression_jump,
    clock_anomaly,
)


def measure(pace: Pace, players_at_address: int = 0) -> list[Measured]:
    """Every signal that says something about the newest completion."""
    found = [measured for signal in _OF_PACE if (measured := signal(pace)) is not None]
    crowded = shared_address(players_at_address) if players_at_address else None
    return [*found, crowded] if crowded is not None else found
