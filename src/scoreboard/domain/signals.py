"""The signals by name: what each means to a reviewer, and how far it leads.

``domain/measures`` measures those of accepted completions, ``domain/suspicion`` knows those of refused ones and adds
all of them up. A signal that honest circumstances can bring about (a client that finishes by itself, a class behind one
address) has a ceiling: however often it comes, it does not raise the suspicion above that by itself.
"""

from enum import StrEnum
from typing import NamedTuple


class Signal(StrEnum):
    """One measured oddity. The first four come from refused requests, the others from what was accepted."""

    IMPOSSIBLE_POINTS = "impossible_points"
    IMPOSSIBLY_FAST = "impossibly_fast"
    ANOTHER_PLAYERS_ACTION = "another_players_action"
    SPENT_TOKEN = "spent_token"  # noqa: S105 - a name, not a secret
    REGULAR_INTERVALS = "regular_intervals"
    REPEATED_PATTERN = "repeated_pattern"
    NO_PAUSE = "no_pause"
    FREQUENCY = "frequency"
    REGULAR_DURATIONS = "regular_durations"
    BARELY_POSSIBLE = "barely_possible"
    COOLDOWN_SNIPING = "cooldown_sniping"
    PROGRESSION_JUMP = "progression_jump"
    SHARED_ADDRESS = "shared_address"
    CLOCK_ANOMALY = "clock_anomaly"


BIT = {signal: 1 << position for position, signal in enumerate(Signal)}
"""Where each signal stands among those that ``pace`` remembers as noted."""


class Meaning(NamedTuple):
    """A signal in words for reviewers: what was seen, what people show instead, and the unit of what was measured."""

    words: str
    reference: str
    unit: str


MEANING = {
    Signal.IMPOSSIBLE_POINTS: Meaning("Reported points that the action cannot give", "never by hand", "attempts"),
    Signal.IMPOSSIBLY_FAST: Meaning(
        "Finished actions before it was possible", "at most 0.25 s too early", "s too early"
    ),
    Signal.ANOTHER_PLAYERS_ACTION: Meaning("Sent the action of another player", "never by hand", "attempts"),
    Signal.SPENT_TOKEN: Meaning("Used an action token for something else", "never by hand", "attempts"),
    Signal.REGULAR_INTERVALS: Meaning(
        "The pauses between actions hardly differ", "a spread of 0.2 of their mean and more", "of their mean"
    ),
    Signal.REPEATED_PATTERN: Meaning(
        "The same sequence of pauses comes again and again", "differences of 0.5 and more", "of the pause"
    ),
    Signal.NO_PAUSE: Meaning(
        "Begins and finishes without a moment's pause", "fewer than 0.3 of the last ten", "of the last ten"
    ),
    Signal.FREQUENCY: Meaning("More actions than hands can do", "up to 12 a second", "a second"),
    Signal.REGULAR_DURATIONS: Meaning(
        "Every action takes the same time", "a spread of 0.2 of their mean and more", "of their mean"
    ),
    Signal.BARELY_POSSIBLE: Meaning(
        "Actions are finished the moment the rules allow it", "fewer than 0.3 of the last ten", "of the last ten"
    ),
    Signal.COOLDOWN_SNIPING: Meaning(
        "Acts again the moment a cooldown ends", "fewer than 0.3 of the last ones", "of the last ones"
    ),
    Signal.PROGRESSION_JUMP: Meaning(
        "Suddenly the most points, again and again", "a rise of less than 0.3 of the cap", "of the cap"
    ),
    Signal.SHARED_ADDRESS: Meaning(
        "Many players act from one address at the same moment", "fewer than 30 players", "players"
    ),
    Signal.CLOCK_ANOMALY: Meaning("The clock of the device keeps jumping", "jumps below 2 s", "s"),
}

_CEILINGS = {
    Signal.FREQUENCY: 0.65,
    Signal.REGULAR_DURATIONS: 0.45,
    Signal.BARELY_POSSIBLE: 0.45,
    Signal.COOLDOWN_SNIPING: 0.65,
    Signal.PROGRESSION_JUMP: 0.6,
    Signal.SHARED_ADDRESS: 0.3,
    Signal.CLOCK_ANOMALY: 0.3,
}


def ceiling_of(signal: Signal) -> float:
    """The suspicion above which this signal alone does not lead."""
    return _CEILINGS.get(signal, 1.0)


class Measured(NamedTuple):
    """A signal with what was measured and how much it weighs, 0..1."""

    signal: Signal
    value: float
    weight: float
