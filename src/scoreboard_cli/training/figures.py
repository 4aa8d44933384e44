"""What a table of judged windows comes to: the figures of the detection card, each as a pure function of the table.

Shares are rounded to three digits: what is beyond them depends on the processor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta
from sklearn.metrics import average_precision_score

from scoreboard_anticheat_ml.fusion import Verdict
from scoreboard_anticheat_ml.segments import SEGMENTS, words
from scoreboard_anticheat_ml.sequences import F64, I64, Names
from scoreboard_anticheat_ml.training import APART, HUMAN
from scoreboard_anticheat_ml.windows import LENGTHS
from scoreboard_cli.training.trials import SEVERITY, Table

RATES = (0.01, 0.001)
CERTAINTY = 0.95
_REPEATS = 300
_BINS = 10
_ENOUGH = 1000  # honest windows of a segment before its rate says something


def share(value: float) -> float:
    """Rounded as the card has it."""
    return round(float(value), 3)


def limit(honest: F64, rate: float) -> float:
    """The score that at most ``rate`` of honest windows exceed."""
    return float(np.sort(honest)[::-1][int(rate * len(honest))])


@dataclass(frozen=True, slots=True)
class Caught:
    """Windows of one family: how many were above the limit, of how many."""

    caught: int
    windows: int

    @property
    def rate(self) -> float:
        """The true positive rate."""
        return self.caught / self.windows


def caught(score: F64, family: Names, rate: float) -> dict[str, Caught]:
    """Each family's windows above the limit that ``rate`` of honest windows exceed.

    Args:
        score: (n,) to order by.
        family: (n,) ``HUMAN`` or a family.
        rate: The false positive rate.
    """
    above = score > limit(score[family == HUMAN], rate)
    names = sorted(set(family.tolist()) - {HUMAN})
    return {name: Caught(int(above[family == name].sum()), int((family == name).sum())) for name in names}


def flagged(table: Table) -> dict[str, Caught]:
    """Each family's windows that the thresholds in use flag or worse, or that are proven by a rule or synchrony."""
    above = table.verdict >= SEVERITY[Verdict.FLAG]
    names = sorted(set(table.family.tolist()) - {HUMAN})
    return {name: Caught(int(above[table.family == name].sum()), int((table.family == name).sum())) for name in names}


def macro(found: Mapping[str, Caught]) -> float:
    """The mean over families, each counting the same."""
    return float(np.mean([each.rate for each in found.values()]))


def macro_interval(table: Table, rate: float, seed: int) -> tuple[float, float]:
    """Between what the macro figure lies with ``CERTAINTY``: bootstrap over people and cheats, not over windows."""
    rng = np.random.default_rng(seed)
    keys = np.char.add(np.char.add(table.family.astype(str), "/"), table.person.astype(str))
    people, person = np.unique(keys, return_inverse=True)
    family_of = np.array([key.partition("/")[0] for key in people])
    order = np.argsort(-table.score, kind="stable")
    score, owner, family = table.score[order], person[order], table.family[order]
    found = [_macro_once(score, family, _drawn(family_of, rng)[owner], rate) for _ in range(_REPEATS)]
    tail = (1 - CERTAINTY) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def _drawn(family_of: Names, rng: np.random.Generator) -> I64:
    """(people,) how often each is drawn, as many of each family as there are."""
    times = np.zeros(len(family_of), np.int64)
    for name in sorted(set(family_of.tolist())):
        members = np.flatnonzero(family_of == name)
        np.add.at(times, rng.choice(members, len(members)), 1)
    return times


def _macro_once(score: F64, family: Names, weight: I64, rate: float) -> float:
    honest = family == HUMAN
    passed = np.cumsum(np.where(honest, weight, 0))
    first_over = int(np.searchsorted(passed, rate * passed[-1], side="right"))
    above = score > score[min(first_over, len(score) - 1)]
    rates = []
    for name in sorted(set(family.tolist()) - {HUMAN}):
        own = weight * (family == name)
        if own.sum():
            rates.append((own * above).sum() / own.sum())
    return float(np.mean(rates))


def weights(family: Names) -> F64:
    """(n,) such that honest and cheating windows weigh the same, and so do families."""
    names, place, counts = np.unique(family, return_inverse=True, return_counts=True)
    families = max(1, len(names) - 1)
    weight: F64 = np.where(family == HUMAN, 0.5, 0.5 / families) / counts[place]
    return weight


def precision(table: Table) -> float:
    """The area under precision and recall, were half of all windows cheating."""
    return float(average_precision_score(~table.honest, table.score, sample_weight=weights(table.family)))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """(bins,) what the model said and how it was; ``error`` is the weighted mean difference."""

    said: F64
    was: F64
    weight: F64
    error: float


def calibration(table: Table) -> Curve:
    """How far probabilities can be believed. Families that only the synchrony detector can know are left out."""
    own = table.take(~np.isin(table.family, APART))
    weight, cheating = weights(own.family), ~own.honest
    bins = np.minimum((own.probability * _BINS).astype(int), _BINS - 1)
    total: F64 = np.bincount(bins, weight, _BINS).astype(np.float64)
    used = total > 0
    said = np.bincount(bins, weight * own.probability, _BINS)[used] / total[used]
    was = np.bincount(bins, weight * cheating, _BINS)[used] / total[used]
    return Curve(said, was, total[used], float((total[used] * np.abs(said - was)).sum()))


@dataclass(frozen=True, slots=True)
class Segment:
    """Honest windows of one segment, and how many of them passed the watch and the flag threshold."""

    words: str
    windows: int
    watched: int
    flagged: int


def segments(table: Table) -> list[Segment]:
    """Every segment that has honest windows."""
    own = table.take(table.honest)
    found = []
    for number in range(SEGMENTS):
        level = own.level[own.segment == number]
        if len(level):
            found.append(Segment(words(number), len(level), int((level >= 1).sum()), int((level >= 2).sum())))
    return found


def segment_ratio(found: list[Segment]) -> float:
    """How many times as often as everybody the segment is watched that is watched most."""
    everybody = sum(each.watched for each in found) / sum(each.windows for each in found)
    rates = [each.watched / each.windows for each in found if each.windows >= _ENOUGH]
    return max(rates, default=everybody) / everybody if everybody else 1.0


def at_most(count: int, of: int) -> float:
    """What the true share lies below with ``CERTAINTY``, when ``count`` of ``of`` were seen (Clopper-Pearson)."""
    return 1.0 if count == of else float(beta.ppf(CERTAINTY, count + 1, of - count))


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """(players,) what became of each, over all of its windows.

    Attributes:
        family: Its label.
        worst: Place of the severest verdict in ``Verdict``.
        first: Events seen at the first flag, counted from the beginning of the cheating; 0 where there was none.
    """

    family: Names
    worst: I64
    first: I64


def outcomes(table: Table) -> Outcomes:
    """Each player once, in the order of their numbers."""
    players, start = np.unique(table.player, return_index=True)
    worst = np.maximum.reduceat(table.verdict, start) if len(players) else np.zeros(0, np.int64)
    flagged = table.verdict >= SEVERITY[Verdict.FLAG]
    never = np.iinfo(np.int64).max
    ends = np.where(flagged & (table.honest | (table.end > table.since)), table.end - table.since, never)
    first = np.minimum.reduceat(ends, start) if len(players) else np.zeros(0, np.int64)
    return Outcomes(table.family[start], worst, np.where(first == never, 0, first))


def counted(found: Outcomes, honest: bool) -> dict[str, int]:
    """How many honest, or cheating, players were marked (held or suspended), given to review, or left alone."""
    worst = found.worst[(found.family == HUMAN) == honest]
    marked = int((worst >= SEVERITY[Verdict.HOLD]).sum())
    review = int((worst == SEVERITY[Verdict.FLAG]).sum())
    return {"mark": marked, "review": review, "none": len(worst) - marked - review}


def until_flag(found: Outcomes) -> dict[str, dict[str, int]]:
    """For each family: players, how many were flagged, and after how many events half and nine tenths of those were."""
    told = {}
    for name in sorted(set(found.family.tolist()) - {HUMAN}):
        first = found.first[found.family == name]
        seen = np.sort(first[first > 0])
        told[name] = {
            "players": len(first),
            "flagged": len(seen),
            "within_20": int((seen <= LENGTHS[0]).sum()),
            "half": int(seen[(len(seen) - 1) // 2]) if len(seen) else 0,
            "nine_tenths": int(seen[int(0.9 * (len(seen) - 1))]) if len(seen) else 0,
        }
    return told
