"""Training: from labelled sequences to a model. The same data and seed give the same model."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest

from scoreboard_anticheat_ml import calibration, reference, sides, thresholds
from scoreboard_anticheat_ml.features import SCHEMA_HASH, conduct, extract, first
from scoreboard_anticheat_ml.features.statistics import TINY
from scoreboard_anticheat_ml.model import TIMING, Model
from scoreboard_anticheat_ml.segments import segments
from scoreboard_anticheat_ml.sequences import F32, F64, I64, Bools, Names, Sequences
from scoreboard_anticheat_ml.windows import LENGTHS, ROWS, Prepared

HUMAN = "human"
APART = ("sync_ring", "grinder")  # alone and for an hour these are people; synchrony and the rule of rest find them
BY_CONDUCT = ("score_inflation", "instant_finisher", "cooldown_sniper")  # what gives them away is not the timing
_FIT_SHARE = 0.6
_HUMAN_WINDOWS = 6  # of one length from one honest player
_CHEAT_WINDOWS = 3
_MASKED = 0.6  # share of windows that pretend to know nothing but the timing
_SHOWN = 8  # so many events of a cheat have to be in a window that is called one
_FIRST_PASSES = 0.02  # share of the windows worth a flag that the first tier may let pass; the next window comes soon
GROUPS = tuple(
    slice(TIMING + group.start, TIMING + group.stop) for group in conduct.GROUPS
)  # known or unknown together


@dataclass(frozen=True, slots=True)
class Effort:
    """How much boosting: ``boosters`` seeds of ``rounds`` trees each."""

    boosters: int
    rounds: int


FULL = Effort(boosters=3, rounds=300)
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Sequences and who played them.

    Attributes:
        sequences: All on one platform.
        family: (n,) ``HUMAN`` or the name of a family of cheats.
        cheats_from: (n,) the first event that is not a person's; 0 for most cheats, and for people.
        person: (n,) whose rhythm it is: several may be one person's, and an imitation is that of the person imitated.
    """

    sequences: Sequences
    family: Names
    cheats_from: I64
    person: Names

    def digest(self) -> str:
        """Names this data."""
        given = self.sequences
        parts = (given.off, given.t, given.age, given.kind, given.points, given.ok, given.cooldown)
        return sha256(b"".join(part.tobytes() for part in parts) + "\n".join(self.family).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Features of windows of all lengths. (n,) but ``features`` (n, F) and ``cheap`` (n, ``first.COLUMNS``)."""

    features: F32
    cheap: F32
    length: I64
    player: I64
    segment: I64
    family: Names

    def take(self, rows: I64 | Bools) -> "Measured":
        """These rows."""
        return Measured(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def cheating(self) -> Bools:
        """(n,) whether a window is a cheat's."""
        found: Bools = self.family != HUMAN
        return found


def measure(data: Labelled, *, seed: int, progress: Progress) -> Measured:
    """Windows at random places of every sequence, of each length, measured."""
    chance = np.random.default_rng(seed)
    prepared = Prepared.of(data.sequences)
    parts = []
    for place, length in enumerate(LENGTHS):
        progress(f"measuring windows of {length}", place / len(LENGTHS))
        player, end = _places(data, length, chance)
        for begin in range(0, len(player), ROWS):
            windows = prepared.windows(player[begin : begin + ROWS], end[begin : begin + ROWS], length)
            family = data.family[windows.player]
            own = (np.full(len(windows), length), windows.player, segments(windows), family)
            parts.append(Measured(extract(windows), first.measure(windows), *own))
    return Measured(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Measured)}
    )


def _places(data: Labelled, length: int, chance: np.random.Generator) -> tuple[I64, I64]:
    """Which windows to take: the first one of each sequence and some at random."""
    player, end = [], []
    first_ends = _earliest(data, length)
    for index, events in enumerate(data.sequences.lengths()):
        wanted = _HUMAN_WINDOWS if data.family[index] == HUMAN else _CHEAT_WINDOWS
        earliest = int(first_ends[index])
        if events < earliest:
            continue
        ends = np.unique(np.append(earliest, chance.integers(earliest, events + 1, wanted - 1)))
        player.extend([index] * len(ends))
        end.extend(ends.tolist())
    return np.array(player, np.int64), np.array(end, np.int64)


def _earliest(data: Labelled, length: int) -> I64:
    """(n,) the first end of a window of this length that counts as what its sequence is."""
    found: I64 = np.maximum(length, data.cheats_from + max(_SHOWN, length // 4))
    return found


def train(data: Labelled, *, seed: int, progress: Progress, effort: Effort = FULL) -> Model:
    """Fit everything on one part of the people; calibrate and set thresholds on the others.

    Args:
        data: Honest players and cheats, at least a few hundred honest ones.
        seed: Of every choice made here.
        progress: Told what is being done, and what share of it is done.
        effort: How much boosting.

    Raises:
        TooFewPlayers: There is a length of window that too few honest people or cheats have.
    """
    chance = np.random.default_rng([seed, 1])
    fit_players = sides.fitted_on(data.person, _FIT_SHARE, chance)
    shown = (data.family != HUMAN) & ~np.isin(data.family, APART)
    reach = {length: data.sequences.lengths() >= _earliest(data, length) for length in LENGTHS}
    sides.check(data.person, data.family == HUMAN, shown, reach, fit_players)
    measured = measure(data, seed=seed, progress=progress)
    masked = mask(measured, chance)
    fitting = fit_players[measured.player] & ~np.isin(measured.family, APART)
    boosted = boosters(masked.take(fitting), seed=seed, count=effort.boosters, rounds=effort.rounds, progress=progress)
    return _assembled(data, masked.take(~fit_players[measured.player]), masked.take(fitting), boosted, seed, progress)


def mask(measured: Measured, chance: np.random.Generator) -> Measured:
    """Hide what is known beside the timing so that knowing it says nothing about who cheats.

    A share of windows knows nothing but the timing. Of the others, each group of features is hidden on the side that
    knows it more often until both know it as often.
    """
    features = measured.features.copy()
    bare = (chance.random(len(features)) < _MASKED) & ~np.isin(measured.family, BY_CONDUCT)
    features[bare, TIMING:] = np.nan
    cheap = measured.cheap.copy()
    cheap[np.flatnonzero(bare)[:, None], first.CONDUCT] = np.nan
    side = weights(measured)
    draw = chance.random((len(features), len(GROUPS)))
    for place, group in enumerate(GROUPS):
        known = np.isfinite(features[:, group.start])
        cheats = _share(known, side, measured.cheating & ~np.isin(measured.family, BY_CONDUCT))
        people = _share(known, side, ~measured.cheating)
        keep = np.where(measured.cheating, min(1.0, people / max(cheats, TINY)), min(1.0, cheats / max(people, TINY)))
        hidden = known & (draw[:, place] > keep) & ~np.isin(measured.family, BY_CONDUCT)
        features[hidden, group] = np.nan
    return replace(measured, features=features, cheap=cheap)


def _share(known: Bools, weight: F64, rows: Bools) -> float:
    return float(weight[rows & known].sum() / max(weight[rows].sum(), TINY))


def weights(measured: Measured) -> F64:
    """(n,) such that honest and cheating windows weigh the same, and so do lengths, families and players."""
    keys = np.char.add(np.char.add(measured.family.astype(str), "/"), measured.length.astype(str))
    _, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weight = 1.0 / counts[group]
    for side in (measured.cheating, ~measured.cheating):
        weight[side] *= len(weight) / 2 / max(weight[side].sum(), 1e-12)
    return weight


def boosters(
    given: Measured, *, seed: int, count: int = FULL.boosters, rounds: int = FULL.rounds, progress: Progress
) -> tuple[HistGradientBoostingClassifier, ...]:
    """The same data fitted with several seeds."""
    matrix = _known(_matrix(given))
    fitted = []
    for number in range(count):
        progress(f"boosting, {number + 1} of {count}", number / count)
        fitted.append(_booster(seed + number, rounds).fit(matrix, given.cheating, sample_weight=weights(given)))
    return tuple(fitted)


def _booster(seed: int, rounds: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_iter=rounds,
        max_leaf_nodes=16,
        min_samples_leaf=60,
        l2_regularization=5.0,
        max_features=0.2,
        early_stopping=False,
        random_state=seed,
    )


def _assembled(
    data: Labelled,
    held: Measured,
    fitted: Measured,
    boosters: tuple[HistGradientBoostingClassifier, ...],
    seed: int,
    progress: Progress,
) -> Model:
    progress("calibrating", 0.0)
    honest = ~held.cheating
    score = np.mean([booster.decision_function(_matrix(held)) for booster in boosters], axis=0)
    judged = ~np.isin(held.family, APART)
    curve = calibration.fit(score[judged], held.cheating[judged], weights(held)[judged], held.length[judged])
    limits = thresholds.fit(score[honest], held.length[honest], held.segment[honest])
    people = fitted.take(~fitted.cheating)
    known = reference.fit(people.features, people.length, _intervals(data))
    quick, quick_limits = _first(fitted, held, score, seed)
    forest, forest_limits = _forest(people, held.take(honest), known, seed)
    facts: dict[str, Any] = {"seed": seed, "data": data.digest(), "players": len(data.sequences)}
    return Model(
        boosters=boosters,
        first=quick,
        first_limits=quick_limits,
        forest=forest,
        forest_limits=forest_limits,
        calibration=curve,
        thresholds=limits,
        reference=known,
        model_id=sha256(f"{SCHEMA_HASH}/{facts}".encode()).hexdigest()[:12],
        facts=facts,
    )


def _matrix(given: Measured) -> F32:
    return np.column_stack([given.features, given.length.astype(np.float32)])


def _known(matrix: F32) -> F32:
    """Columns that nobody's windows know become constant: boosting cannot bin a column of nothing."""
    matrix[:, np.isnan(matrix).all(axis=0)] = 0
    return matrix


def _intervals(data: Labelled) -> F64:
    honest = np.flatnonzero(data.family == HUMAN)
    parts = [np.diff(data.sequences.t[data.sequences.of(int(index))]) for index in honest]
    shapes = [reference.histogram(part) for part in parts if len(part)]
    typical: F64 = np.mean(shapes, axis=0)
    return typical


def _first(fitted: Measured, held: Measured, score: F64, seed: int) -> tuple[HistGradientBoostingClassifier, F64]:
    """The first tier, and for each length its score that all but a few of the windows worth a flag exceed.

    Worth a flag is what the whole model scores above the 0.1 % threshold of all honest windows; where nothing is, every
    window passes on.
    """
    small = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, learning_rate=0.3, min_samples_leaf=100, random_state=seed
    )
    judged = fitted.take(~np.isin(fitted.family, APART))
    small.fit(_known(judged.cheap.copy()), judged.cheating, sample_weight=weights(judged))
    quick: F64 = small.decision_function(held.cheap)
    limits = []
    for of in LENGTHS:
        rows = held.length == of
        worth = rows & (score > np.quantile(score[rows & ~held.cheating], 1 - thresholds.RATES[1]))
        limits.append(np.quantile(quick[worth], _FIRST_PASSES) if worth.any() else quick[rows].min())
    return small, np.array(limits)


def _forest(people: Measured, held: Measured, known: reference.Reference, seed: int) -> tuple[IsolationForest, F64]:
    forest = IsolationForest(n_estimators=100, max_samples=512, random_state=seed)
    forest.fit(known.filled(people.features)[:, :TIMING])
    strange = -forest.score_samples(known.filled(held.features)[:, :TIMING])
    return forest, np.array([np.quantile(strange[held.length == of], 0.99) for of in LENGTHS])
