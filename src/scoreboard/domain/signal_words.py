"""What signals mean, in words for reviewers. Players never read these: they would tell a cheat what to change."""

from scoreboard.domain.signals import MEANING

REPORTED = "reported_"
MODERATOR_REQUEST = "moderator_request"
APPEAL = "appeal"
_BY_PEOPLE = {
    f"{REPORTED}cheating": "Reported by players for cheating",
    f"{REPORTED}name": "Reported by players for the name",
    f"{REPORTED}other": "Reported by players",
    MODERATOR_REQUEST: "Brought up by a moderator",
    APPEAL: "Appeals against a decision",
}


def words_of(signal: str, reference: str | None = None) -> str:
    """What a signal says about a player.

    ``reference`` is what was noted with it: a detector of the model brings its own words there.
    """
    for known, meaning in MEANING.items():
        if known == signal:
            return meaning.words
    return _BY_PEOPLE.get(signal) or reference or signal.replace("_", " ")


def unit_of(signal: str, *, by_model: bool) -> str | None:
    """The unit of what was measured: it follows the number. None where nothing is measured, as in a report.

    A model's detector notes the model's raw score with every signal.
    """
    if by_model:
        return "score of the model"
    return next((meaning.unit for known, meaning in MEANING.items() if known == signal), None)
