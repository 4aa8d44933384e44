"""Whom a model is fitted on, and who sets its thresholds: different people, and enough of them. For ``training``."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from scoreboard_anticheat_ml.sequences import Bools, Names

_FEWEST_HONEST = 3  # people on each side with a window of each length; with fewer nothing is left to draw a line by
_FEWEST_CHEATS = 2


class TooFewPlayers(ValueError):
    """There are too few players to train on; the message says which are missing."""


def fitted_on(person: Names, share: float, chance: Generator) -> Bools:
    """(n,) which sequences are fitted on: about ``share`` of the people, each with all that belongs to the person.

    Args:
        person: (n,) whose rhythm each sequence is.
        share: Of the people.
        chance: Draws as often as there are sequences.
    """
    _, first, place = np.unique(person, return_index=True, return_inverse=True)
    chosen: Bools = chance.random(len(person))[first[place]] < share
    return chosen


def check(person: Names, honest: Bools, cheating: Bools, reach: Mapping[int, Bools], fitting: Bools) -> None:
    """See to it that both sides have honest people and cheats for windows of every length.

    Args:
        person: (n,) whose rhythm each sequence is.
        honest: (n,) whether it is an honest player's.
        cheating: (n,) whether it is a cheat's whom the model is shown.
        reach: For each length whether (n,) the sequence has such a window.
        fitting: (n,) the side that is fitted on.

    Raises:
        TooFewPlayers: One side has fewer than three honest people or two cheats.
    """
    for length, long_enough in reach.items():
        for side, name in ((fitting, "to fit on"), (~fitting, "to set thresholds by")):
            people = len(np.unique(person[honest & long_enough & side]))
            cheats = int((cheating & long_enough & side).sum())
            if people < _FEWEST_HONEST or cheats < _FEWEST_CHEATS:
                raise TooFewPlayers(
                    f"For windows of {length} events there are {people} honest people and {cheats} cheats {name};"
                    f" at least {_FEWEST_HONEST} and {_FEWEST_CHEATS} are needed."
                )
