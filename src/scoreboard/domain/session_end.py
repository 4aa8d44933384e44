"""What whoever comes with an ended session is told: why it ended, where that matters."""

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import APPEAL

_TOLD = {
    "suspended": (ErrorCode.ACCOUNT_SUSPENDED, f"This account is suspended. {APPEAL}"),
    "banned": (ErrorCode.ACCOUNT_BANNED, f"This account is closed. {APPEAL}"),
    "erased": (ErrorCode.ACCOUNT_BANNED, "This account is closed."),
}
_ELSE = (ErrorCode.TOKEN_REVOKED, "This session was ended. Please log in again.")


def session_ended(reason: str) -> Refusal:
    """The refusal of a request or a connection whose session ended for this reason.

    Always a new one: an exception that is raised again and again would keep the frames of every time.
    """
    return Refusal(*_TOLD.get(reason, _ELSE))
