"""``websockets.broadcast`` as a peer: ``python -m benchmarks.peers.broadcast PORT EVENT``.

Plain WebSocket, no tokens. A line on stdin sends one event to all.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.peers.trigger import on_line
from scoreboard.telemetry import utc_now


async def _serve(port: int, event: dict[str, object]) -> None:
    connected: set[ServerConnection] = set()
    seq = 0

    async def hold(socket: ServerConnection) -> None:
        connected.add(socket)
        await socket.send(json.dumps(event))
        try:
            await socket.wait_closed()
        finally:
            connected.discard(socket)

    def send() -> None:
        nonlocal seq
        seq += 1
        broadcast(connected, json.dumps(event | {"seq": seq, "at": utc_now().isoformat()}, separators=(",", ":")))

    on_line(send)
    async with serve(hold, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096):
        await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))))
