"""What a player does beside the timing: kinds, time to finish, points, success, cooldowns. NaN where unknown."""

from collections.abc import Callable

import numpy as np

from scoreboard_anticheat_ml.features.catalogue import Feature
from scoreboard_anticheat_ml.features.memory import entropy, frequencies
from scoreboard_anticheat_ml.features.spread import tightest
from scoreboard_anticheat_ml.features.statistics import TINY, correlation, ranks
from scoreboard_anticheat_ml.sequences import F32, I16, I64, Bools
from scoreboard_anticheat_ml.windows import Windows

FEATURES = (
    Feature("age_shortest", "shortest time to finish against the usual", "one much quicker", "all equally quick"),
    Feature("age_spread", "variation of the time to finish", "always the same time", "varies wildly"),
    Feature("age_tight", "width of the tightest half of the times to finish", "always the same time", "no usual time"),
    Feature("age_with_pace", "how time to finish follows the pace", "has nothing to do with it", "follows the pace"),
    Feature("kind_surprise", "what the last action leaves open of the next", "a fixed order", "by lot"),
    Feature("kind_pace", "how much the pace depends on the action", "the same pace for all", "each its own pace"),
    Feature("success", "share of successful actions", "fails often", "never fails"),
    Feature("points_share", "points as a share of the most possible", "few points", "always near the most"),
    Feature("points_spread", "variation of the points", "always the same points", "varies wildly"),
    Feature("points_capped", "share of actions at 97 % of the most and above", "never at the top", "always at the top"),
    Feature("points_for_time", "how points follow the time taken", "slower earns less", "slower earns more"),
    Feature("cooldown_sniped", "share taken within a moment of a cooldown's end", "never at once", "always at once"),
    Feature("cooldown_late", "usual delay after a cooldown's end", "at once", "takes its time"),
    Feature("cooldown_spread", "variation of that delay", "always the same", "varies"),
)

GROUPS = AGE, KIND, SUCCESS, POINTS, COOLDOWN = slice(0, 4), slice(4, 6), slice(6, 7), slice(7, 11), slice(11, 14)

_CAP = 0.97
_SNIPED_S = 0.3  # a person does not react to the end of a wait within this, action after action
_SNIPED_SHARE = 0.02
_FEWEST = 5
_MOST_KINDS = 8  # more share numbers: which one it is does not matter, only that it changes


def measure(given: Windows, rank: F32) -> list[F32]:
    """(n,) each of ``FEATURES``, in their order; ``rank`` the (n, W-1) ranks of the intervals."""
    measured = np.full((len(FEATURES), len(given)), np.nan, np.float32)
    several: Bools = np.ptp(given.kind, axis=1) > 0
    failed: Bools = np.asarray(~given.ok.all(axis=1))
    late = lateness(given)
    awaited: Bools = np.isfinite(late).sum(axis=1) >= _FEWEST
    _fill(measured[AGE], _known(given.age), lambda rows: _ages(given.age[rows], rank[rows]))
    _fill(measured[KIND], several, lambda rows: _kinds(given.kind[rows], rank[rows]))
    _fill(measured[SUCCESS], failed, lambda rows: [given.ok[rows].mean(axis=1)])
    _fill(measured[POINTS], _known(given.share), lambda rows: _points(given.share[rows], rank[rows]))
    _fill(measured[COOLDOWN], awaited, lambda rows: _cooldowns(late[rows], given, rows))
    return list(measured)


def _fill(into: F32, rows: Bools, measure_rows: Callable[[I64], list[F32]]) -> None:
    chosen = np.flatnonzero(rows)
    if len(chosen):
        into[:, chosen] = measure_rows(chosen)


def _known(values: F32) -> Bools:
    """(n,) whether at least half of a row is known."""
    known: Bools = np.isfinite(values).sum(axis=1) * 2 >= values.shape[1]
    return known


def _filled(values: F32) -> F32:
    """Unknown values replaced by their row's median."""
    if np.isfinite(values).all():
        return values
    return np.where(np.isfinite(values), values, np.nanmedian(values, axis=1, keepdims=True)).astype(np.float32)


def _ages(age: F32, rank: F32) -> list[F32]:
    known = np.maximum(_filled(age), 0)
    ordered = np.sort(known, axis=1)
    middle = np.maximum(ordered[:, ordered.shape[1] // 2], 1e-3)
    return [
        ordered[:, ordered.shape[1] // 20] / middle,
        ordered.std(axis=1) / np.maximum(ordered.mean(axis=1), 1e-3),
        tightest(ordered, 0.5) / middle,
        correlation(ranks(known[:, 1:]), rank),
    ]


def _kinds(kind: I16, rank: F32) -> list[F32]:
    codes: I64 = kind.astype(np.int64) % _MOST_KINDS
    alone = entropy(frequencies(codes, _MOST_KINDS))
    together = entropy(frequencies(codes[:, :-1] * _MOST_KINDS + codes[:, 1:], _MOST_KINDS**2))
    surprise = ((together - alone) / np.maximum(alone, 1e-3)).astype(np.float32)
    return [surprise, _explained(codes[:, 1:], rank)]


def _explained(codes: I64, rank: F32) -> F32:
    """Share of the ranks' variance between kinds, beyond what as many random groups would have."""
    total = np.einsum("ij,ij->i", rank, rank)
    between = np.zeros(len(rank))
    used = np.zeros(len(rank))
    for code in range(_MOST_KINDS):
        mask = codes == code
        count = mask.sum(axis=1)
        between += np.einsum("ij,ij->i", rank, mask) ** 2 / np.maximum(count, 1)
        used += count > 0
    explained: F32 = (between / np.maximum(total, TINY) - (used - 1) / (rank.shape[1] - 1)).astype(np.float32)
    return explained


def _points(share: F32, rank: F32) -> list[F32]:
    known = _filled(share)
    return [
        known.mean(axis=1),
        known.std(axis=1),
        (known >= _CAP).mean(axis=1),
        correlation(ranks(known[:, 1:]), rank),
    ]


def lateness(given: Windows) -> F32:
    """(n, W) seconds from the end of a kind's cooldown to its next use; NaN where there was nothing to wait for."""
    late = np.full(given.t.shape, np.nan, np.float32)
    rows = np.flatnonzero((given.cooldown > 0).any(axis=1))
    if not len(rows):
        return late
    order = np.argsort(given.kind[rows], axis=1, kind="stable")
    t = np.take_along_axis(given.t[rows], order, axis=1)
    kind = np.take_along_axis(given.kind[rows], order, axis=1)
    cooldown = np.take_along_axis(given.cooldown[rows], order, axis=1)
    waited = (np.diff(t, axis=1) - cooldown[:, 1:]).astype(np.float32)
    waited[(kind[:, 1:] != kind[:, :-1]) | (cooldown[:, 1:] <= 0)] = np.nan
    late[rows, 1:] = waited
    return late


def _cooldowns(late: F32, given: Windows, rows: I64) -> list[F32]:
    cooldown = np.max(given.cooldown[rows], axis=1)
    moment = np.minimum(_SNIPED_S, _SNIPED_SHARE * cooldown)[:, None]
    known = np.isfinite(late).sum(axis=1)
    with np.errstate(invalid="ignore"):
        sniped = (np.abs(late) <= moment).sum(axis=1) / known
    ordered = np.sort(late, axis=1)  # unknown ones come last
    low, middle, high = (
        np.take_along_axis(ordered, (share * (known - 1)).astype(np.int64)[:, None], axis=1)[:, 0]
        for share in (0.25, 0.5, 0.75)
    )
    return [sniped, middle / cooldown, (high - low) / cooldown]
