"""From windows that are due to what the models found in them. Pure computation: runs beside the event loop."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from scoreboard.domain.model import ACTING, Detection, Found, JudgedWindow, is_worth_telling, wanted_verdict
from scoreboard.storage.timings import Timing
from scoreboard_anticheat_ml.assess import Assessment, assess
from scoreboard_anticheat_ml.crowd import Together
from scoreboard_anticheat_ml.detectors import rules
from scoreboard_anticheat_ml.explain import compare, explain
from scoreboard_anticheat_ml.features import SCHEMA_HASH
from scoreboard_anticheat_ml.fusion import Decision, Policy, Seen, Verdict, decide
from scoreboard_anticheat_ml.memory import Memory, Remembered
from scoreboard_anticheat_ml.model import Model
from scoreboard_anticheat_ml.opened_models import Ready
from scoreboard_anticheat_ml.sequences import F32, F64
from scoreboard_anticheat_ml.windows import EVERY, Windows, stack

_FIRST = (20, 50)
_WATCHED_EVERY = 10
_WORDS = {
    "synchrony": "acts at the same moments as other accounts",
    "changepoint": "changes from a person's rhythm to a program's in the middle",
    "novelty": "unlike the rhythm of nearly all people",
}
_REASONS = 3
_ALONE = Together(0.0)
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """A window that is to be scored: the completion that ends it, how many the player had, and the events."""

    last: Timing
    events: int
    window: Windows


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the drift report wants of the current model's windows: features (F,), length and raw score."""

    features: F32
    length: int
    score: float


def is_regular(events: int) -> bool:
    """Whether every player is scored after so many completions."""
    return events in _FIRST or (events > _FIRST[-1] and events % EVERY == 0)


def is_due(events: int, *, watched: bool) -> bool:
    """Whether a player is scored after so many completions; one who is watched is scored more often."""
    return is_regular(events) or (watched and events >= _FIRST[0] and events % _WATCHED_EVERY == 0)


def judge_windows(
    due: Sequence[Due], asked: Sequence[Ready], memory: Memory, together: Mapping[UUID, Together], pause_s: float
) -> tuple[list[JudgedWindow], list[Measured]]:
    """Judge windows in the order of the ledger, and remember what later ones depend on.

    Args:
        due: In order. A window between the regular ones counts only if its player is watched by then.
        asked: The current model first, then the one in shadow beside it.
        memory: Of all these players; changed.
        together: Whom a player acts together with; who is not named acts alone.
        pause_s: Reviewers are told the same again after so many seconds.

    Returns:
        The windows of all models in order, and what the current model measured.
    """
    found = [_assessed(due, ready.opened.model, together) for ready in asked]
    judged: list[JudgedWindow] = []
    measured: list[Measured] = []
    for place, window in enumerate(due):
        remembered = memory.of(asked[0].id, window.last.player_id)
        if not is_regular(window.events) and not remembered.watched:
            continue
        for number, ready in enumerate(asked):
            assessment, row = found[number][place]
            own = remembered if number == 0 else memory.of(ready.id, window.last.player_id)
            beside = together.get(window.last.player_id, _ALONE)
            judged.append(_judged(window, ready, assessment, row, own, beside, pause_s if number == 0 else None))
        assessment, row = found[0][place]
        measured.append(Measured(assessment.features[row], window.window.length, float(assessment.score[row])))
    return judged, measured


def _assessed(due: Sequence[Due], model: Model, together: Mapping[UUID, Together]) -> dict[int, tuple[Assessment, int]]:
    """For each window its batch's assessment and its row there; windows of one length are a batch."""
    lengths: dict[int, list[int]] = {}
    for place, window in enumerate(due):
        lengths.setdefault(window.window.length, []).append(place)
    found = {}
    for places in lengths.values():
        windows = stack([due[place].window for place in places])
        windows = replace(windows, player=np.arange(len(places)))
        own = np.array([together.get(due[place].last.player_id, _ALONE).z for place in places], np.float32)
        assessment = assess(windows, model, own)
        found.update({place: (assessment, row) for row, place in enumerate(places)})
    return found


def _judged(
    due: Due,
    ready: Ready,
    assessment: Assessment,
    row: int,
    remembered: Remembered,
    beside: Together,
    pause_s: float | None,
) -> JudgedWindow:
    seen = Seen(
        level=int(assessment.level[row]),
        rules=int(assessment.rules[row]),
        synchrony=float(assessment.synchrony[row]),
        changed=bool(assessment.changed[row]),
        novelty=float(assessment.novelty[row]),
        events=due.events,
    )
    decision = decide(Policy(), remembered.state, seen)
    remembered.state = decision.state
    remembered.watched = decision.verdict is not Verdict.NONE
    found = Found(decision.verdict)
    judged = JudgedWindow(
        due.last.player_id,
        ready.id,
        due.last.seq,
        due.events,
        due.window.length,
        float(assessment.score[row]),
        float(assessment.probability[row]),
        seen.level,
        found,
        tuple(Detection(name, _WORDS.get(name, "")) for name in decision.detectors),
        due.last.kind_key,
        due.last.at,
        trace_id=due.last.trace_id,
    )
    told = (
        None
        if pause_s is None
        else is_worth_telling(wanted_verdict(found), decision.detectors, due.last.at, remembered.told, pause_s)
    )
    return (
        _explained(judged, due, ready, assessment.features[row], decision, seen, beside)
        if told and ready.stage in ACTING
        else judged
    )


def _explained(
    judged: JudgedWindow,
    due: Due,
    ready: Ready,
    features: F32,
    decision: Decision,
    seen: Seen,
    beside: Together,
) -> JudgedWindow:
    """With the words and figures that a reviewer sees. It takes a hundred times as long as the score."""
    model, length = ready.opened.model, due.window.length
    contributions = explain(model, features, length)
    words = {
        **_WORDS,
        **{rule.name: rule.words for rule in rules.broken(seen.rules)},
        "model": "; ".join(each.sentence() for each in contributions[:_REASONS]) or "the rhythm as a whole",
    }
    moments = due.window.t[0]
    histogram = compare(model, moments)
    median = float(np.median(np.diff(moments)))
    detail = {
        "model_id": ready.id,
        "threshold_id": threshold_id(model),
        "schema_hash": SCHEMA_HASH,
        "window": length,
        "end_seq": judged.end_seq,
        "score": _number(judged.score),
        "probability": _number(judged.probability),
        "contributions": [
            {
                "feature": each.name,
                "words": each.words,
                "value": _number(each.value),
                "human_median": _number(each.human_median),
                "percentile": _number(each.percentile),
                "contribution": _number(each.weight),
            }
            for each in contributions
        ],
        "together": [{"player_id": str(other), "moments": common} for other, common in beside.ring],
        "histogram": {
            "edges": _numbers(histogram.edges * median),
            "player": _numbers(histogram.player),
            "humans": _numbers(histogram.people),
        },
    }
    detections = tuple(Detection(name, words.get(name, name)) for name in decision.detectors)
    return replace(judged, detections=detections, detail=detail)


def threshold_id(model: Model) -> str:
    """Names the thresholds that a verdict was drawn by."""
    text = json.dumps(model.thresholds.as_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _number(value: float) -> float | None:
    """Fit for JSON."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _numbers(values: F64) -> list[Any]:
    return [_number(float(value)) for value in values]
