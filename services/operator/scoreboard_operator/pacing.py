"""When a resource is looked at again. Pure: settings, verdict and a random share in, seconds out."""

from scoreboard_operator.settings import OperatorSettings
from scoreboard_operator.verdicts import State, Verdict

NEVER = float("inf")
_MOST_DOUBLINGS = 20


def wait_after(verdict: Verdict, failures: int, settings: OperatorSettings, share: float) -> float:
    """Seconds until the next round; infinite where only a change of the resource can help.

    Args:
        verdict: of the round that has just ended.
        settings: the lengths.
        failures: rounds without an answer in a row, this one included.
        share: random, 0 to 1; spreads waits by ``operator_spread`` around their length, retries over their upper half.
    """
    if verdict.state in (State.INVALID, State.PAUSED):
        return NEVER
    if verdict.state is State.DEGRADED:
        doubled = settings.operator_retry_first * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS)
        return max(min(doubled, settings.operator_retry_longest) * (0.5 + share / 2), verdict.retry_after)
    every = {
        State.DECLARED: settings.operator_drift_every,
        State.WAITING: settings.operator_waiting_every,
        State.CONFLICT: settings.operator_conflict_every,
    }[verdict.state]
    return every * (1 + settings.operator_spread * (2 * share - 1))
