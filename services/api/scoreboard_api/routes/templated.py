"""A Starlette route that says which one it is, as FastAPI's own do: logs need the template, never the path."""

from starlette.routing import Match, Route
from starlette.types import Scope


class TemplatedRoute(Route):
    """Leaves itself in the scope of every request that it matches."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's, with ``route`` added to the scope."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE:
            child_scope["route"] = self
        return match, child_scope

    def find(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters in a path, all of them text; None where this route does not answer such a request."""
        if method not in (self.methods or ()):
            return None
        match = self.path_regex.match(path)
        return None if match is None else match.groupdict()
