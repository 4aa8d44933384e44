"""The express lane: hot routes answered before the framework's layers, which cost more than the routes themselves.

Only the way to the route differs; handlers and refusals are the same as for every other route. The framework's
metrics middleware does not see these requests: they are marked, and the outermost layer counts them in its place.
"""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scoreboard.domain.errors import Refusal
from scoreboard_api.hot_request import HotRequest
from scoreboard_api.routes.templated import TemplatedRoute

Refuse = Callable[[Request, Refusal], Response]


class ExpressLane:
    """An ASGI application in front of another one.

    Args:
        app: gets every request that no hot route answers.
        routes: the hot routes; their endpoints take a request and return a response.
        refuse: turns a refusal into a response.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[TemplatedRoute], refuse: Refuse) -> None:
        self._app = app
        self._routes = routes
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            method, path = scope["method"], scope["path"]
            for route in self._routes:
                found = route.find(method, path)
                if found is not None:
                    scope["path_params"], scope["route"], scope["app"] = found, route, self._app
                    scope["state"]["express"] = True
                    request = HotRequest(scope, receive, send)
                    try:
                        response = await route.endpoint(request)
                    except Refusal as refusal:
                        response = self._refuse(request, refusal)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)
