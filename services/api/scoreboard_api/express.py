"""The express lane: hot routes answered before the framework's layers, which cost more than the routes themselves.

Only the way to the route differs; handlers, refusals and CORS are the same as for every other route. The framework's
metrics middleware does not see these requests: they are marked, and the outermost layer counts them in its place.
"""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from scoreboard.domain.errors import Refusal

Refuse = Callable[[Request, Refusal], Response]


class ExpressLane:
    """An ASGI application in front of another one.

    Args:
        app: gets every request that no hot route answers.
        routes: the hot routes; their endpoints take a request and return a response.
        refuse: turns a refusal into a response.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route], refuse: Refuse) -> None:
        self._app = app
        self._routes = routes
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    scope["app"] = self._app
                    scope["state"]["express"] = True
                    await self._answer(route, Request(scope, receive, send), send)
                    return
        await self._app(scope, receive, send)

    async def _answer(self, route: Route, request: Request, send: Send) -> None:
        try:
            response = await route.endpoint(request)
        except Refusal as refusal:
            response = self._refuse(request, refusal)
        await response(request.scope, request.receive, send)
