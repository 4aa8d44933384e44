"""The anti-cheat at the end of the layers: what a completion is refused with is weighed before it is answered."""

from collections.abc import Awaitable, Callable
from functools import wraps
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from scoreboard.domain.errors import Refusal
from scoreboard.usecases.weigh_refusal import weigh_refusal
from scoreboard_api.defence import wiring_of

Handler = Callable[[Request], Awaitable[Response]]


def weighed(handler: Handler) -> Handler:
    """A route about completions: its refusals count against whom the verified access token names."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            player = request.scope["state"].get("player_id")
            if player is None:
                raise
            weighed_refusal = await weigh_refusal(wiring_of(request).platform, UUID(player), refusal)
            if weighed_refusal is refusal:
                raise
            raise weighed_refusal from refusal

    return answer
