"""Verdicts: what the independent findings about a player's windows amount to. They are fused by policy, never added."""

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Self

from scoreboard_anticheat_ml.assess import Assessment
from scoreboard_anticheat_ml.detectors import rules
from scoreboard_anticheat_ml.detectors.synchrony import HARD_Z
from scoreboard_anticheat_ml.windows import Windows

_WATCH, _FLAG, _SURE = 1, 2, 3  # how many of the thresholds' rates a level passes


class BadPolicy(ValueError):
    """The policy's file is not one; the message says why."""


class Verdict(StrEnum):
    """What follows from a window, in rising order."""

    NONE = "none"
    WATCH = "watch"
    FLAG = "flag"
    HOLD = "hold"
    SUSPEND = "suspend"


@dataclass(frozen=True, slots=True)
class Policy:
    """When which verdict is drawn.

    Attributes:
        shift: Added to every threshold of the model's score; above 0 is milder.
        hold_windows: How many of the last three windows have to pass the flag threshold for a hold.
        suspend_windows: How many of them have to pass the surest threshold for a suspension.
        suspend_events: Fewest events before an automatic suspension.
        hard_rules_hold: Whether a broken hard rule holds by itself; otherwise it flags.
        synchrony_z: From which z accounts count as acting together.
        novelty: From which novelty a window is watched; 1 is beyond 99 % of honest windows.
        most: The severest verdict that may be drawn.
    """

    shift: float = 0.0
    hold_windows: int = 2
    suspend_windows: int = 3
    suspend_events: int = 200
    hard_rules_hold: bool = True
    synchrony_z: float = HARD_Z
    novelty: float = 1.0
    most: Verdict = Verdict.SUSPEND

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JSON object with any of the attributes.

        Raises:
            BadPolicy: It cannot be read, or a name or value is none of ours.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadPolicy(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(found, dict):
            raise BadPolicy(f"{path} has to hold one JSON object.")
        kinds = {field.name: type(getattr(cls(), field.name)) for field in fields(cls)}
        unknown = sorted(set(found) - set(kinds))
        if unknown:
            raise BadPolicy(f"{path}: there is no {', '.join(unknown)} in a policy; there are {', '.join(kinds)}.")
        try:
            return cls(**{name: kinds[name](value) for name, value in found.items()})
        except (TypeError, ValueError) as error:
            raise BadPolicy(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in one window of a player."""

    level: int
    rules: int
    synchrony: float
    changed: bool
    novelty: float
    events: int


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What is remembered of a player: the levels of the last three windows, the newest last."""

    levels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, which detectors speak for it, and what to remember."""

    verdict: Verdict
    detectors: tuple[str, ...]
    state: PlayerState


def decide(policy: Policy, state: PlayerState, seen: Seen) -> Decision:
    """Draw the verdict of one window. Novelty and a change point alone never do more than watch and flag."""
    levels = (*state.levels, seen.level)[-3:]
    together = seen.synchrony >= policy.synchrony_z
    proof = bool(seen.rules) or together
    verdict = _severest(policy, levels, proof, seen)
    severities = list(Verdict)
    capped = min(verdict, policy.most, key=severities.index)
    return Decision(capped, _detectors(policy, seen, levels), PlayerState(levels))


def _severest(policy: Policy, levels: tuple[int, ...], proof: bool, seen: Seen) -> Verdict:
    sure = sum(level >= _SURE for level in levels)
    if sure >= policy.suspend_windows and proof and seen.events >= policy.suspend_events:
        return Verdict.SUSPEND
    if _strong(policy, levels) or (proof and policy.hard_rules_hold):
        return Verdict.HOLD
    if seen.level >= _FLAG or proof:
        return Verdict.FLAG
    if seen.level >= _WATCH or seen.changed or seen.novelty > policy.novelty:
        return Verdict.WATCH
    return Verdict.NONE


def _strong(policy: Policy, levels: tuple[int, ...]) -> bool:
    """Whether the model holds on account of enough of the last windows, this one or those before it."""
    return sum(level >= _FLAG for level in levels) >= policy.hold_windows


def _detectors(policy: Policy, seen: Seen, levels: tuple[int, ...]) -> tuple[str, ...]:
    found = [rule.name for rule in rules.broken(seen.rules)]
    found += ["synchrony"] * (seen.synchrony >= policy.synchrony_z)
    found += ["model"] * (seen.level >= _WATCH or _strong(policy, levels))
    found += ["changepoint"] * seen.changed
    found += ["novelty"] * (seen.novelty > policy.novelty)
    return tuple(found)


def judge(assessment: Assessment, windows: Windows, policy: Policy, states: dict[int, PlayerState]) -> list[Decision]:
    """The decisions for a batch, remembered in ``states`` by ``windows.player``.

    A player's windows have to come in the order of their ends, over all batches.
    """
    decisions = []
    levels = assessment.levels(policy.shift)
    for row, player in enumerate(windows.player.tolist()):
        seen = Seen(
            level=int(levels[row]),
            rules=int(assessment.rules[row]),
            synchrony=float(assessment.synchrony[row]),
            changed=bool(assessment.changed[row]),
            novelty=float(assessment.novelty[row]),
            events=int(windows.end[row]),
        )
        decision = decide(policy, states.get(player, PlayerState()), seen)
        states[player] = decision.state
        decisions.append(decision)
    return decisions
