"""python-socketio as it comes, under uvicorn, as a peer: ``python -m benchmarks.peers.stock PORT EVENT``.

A line on stdin sends one event to all.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import socketio
import uvicorn

from benchmarks.peers.trigger import on_line
from scoreboard.telemetry import utc_now


async def _serve(port: int, event: dict[str, Any]) -> None:
    server = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)
    sending: set[asyncio.Task[None]] = set()
    seq = 0

    async def subscribe(sid: str, _: Any) -> None:
        await server.enter_room(sid, "board:main")
        await server.emit("scoreboard_initial", event, to=sid)

    def send() -> None:
        nonlocal seq
        seq += 1
        told = event | {"seq": seq, "at": utc_now().isoformat()}
        task = asyncio.get_running_loop().create_task(server.emit("scoreboard_updated", told, room="board:main"))
        sending.add(task)
        task.add_done_callback(sending.discard)

    server.on("subscribe", subscribe)
    on_line(send)
    application = socketio.ASGIApp(server)
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_level="error",
        lifespan="off",
        backlog=4096,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))))
