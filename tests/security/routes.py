"""Every route of the API and of realtime, from the applications themselves: what a test has to know of, or fail."""

from collections.abc import Iterator
from typing import Any

from scoreboard.usecases.platform import open_platform
from scoreboard_api.app import create_app
from scoreboard_realtime.app import Realtime
from scoreboard_realtime.transports.socketio import PATH as SOCKETIO_PATH
from tests.stage import make_keys, settings_from


def nested(routes: Any) -> Iterator[tuple[str, set[str]]]:
    """Path and methods of each route. FastAPI keeps an included router as one entry with its own list."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            yield from ((each.path, each.methods) for each in route.effective_route_contexts())
        elif hasattr(route, "routes"):
            yield from ((f"{route.path}{path}", methods) for path, methods in nested(route.routes))
        else:
            yield route.path, getattr(route, "methods", None) or {"WEBSOCKET"}


def labels(routes: Any, prefix: str = "") -> set[str]:
    return {f"{prefix}{method} {path}" for path, methods in nested(routes) for method in methods - {"HEAD"}}


def nowhere() -> dict[str, str]:
    """Stores that nobody contacts: an application is built without them."""
    return {**make_keys(), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/no", "REDIS_URL": "redis://127.0.0.1:1"}


async def api_routes() -> set[str]:
    app: Any
    app, wiring = create_app(settings_from(nowhere()))
    while not hasattr(app, "routes"):  # through the layers around the framework
        app = getattr(app, "app", None) or app._app
    await wiring.close()
    return labels(app.routes)


async def realtime_routes() -> set[str]:
    platform = open_platform(settings_from(nowhere()), application="test")
    service: Any = Realtime(platform)
    found = labels(service.application._application.other_asgi_app.routes, "realtime ")
    await platform.close()
    return {*found, f"realtime SOCKETIO {SOCKETIO_PATH}"}
