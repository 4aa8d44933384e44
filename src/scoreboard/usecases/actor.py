"""Who wants a change, for the rules that ask and for the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.domain.player import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person. ``request_id`` leads from the audit row to the lines of the log."""

    id: UUID
    role: Role
    request_id: str | None = None


def require_uninvolved(actor: Actor, affected: Iterable[UUID]) -> None:
    """Make sure that nobody corrects their own results.

    Raises:
        Refusal: FORBIDDEN when the actor is among those affected.
    """
    if actor.id in affected:
        raise Refusal(ErrorCode.FORBIDDEN, "Your own results are among these; somebody else has to decide about them.")
