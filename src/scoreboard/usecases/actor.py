"""Who wants a change, for the rules that ask and for the audit log."""

from dataclasses import dataclass
from uuid import UUID

from scoreboard.domain.player import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person. ``request_id`` leads from the audit row to the lines of the log."""

    id: UUID
    role: Role
    request_id: str | None = None
