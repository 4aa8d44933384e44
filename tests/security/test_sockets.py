"""What an attacker sends to a live socket ends at worst that socket. Somebody who watches a board notices nothing."""

import asyncio
import base64
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.contract.conftest import Contestant, Stage
from tests.contract.live_clients import PlainClient
from tests.security.conftest import Count
from tests.stage import Service

PLAIN = "/api/v1/ws/leaderboard"
STOCK = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"
KIB = 1024
SIGN_OF_LIFE_S = 10.0


@dataclass
class Witness:
    """Somebody who watches a board through all the attacks."""

    client: PlainClient
    stage: Stage
    board: str
    player: Contestant
    score: int = 0
    spoke_at: float = 0.0

    async def hears_the_next_score(self) -> None:
        self.score += 7
        if time.monotonic() - self.spoke_at > SIGN_OF_LIFE_S:  # who stays silent for fifty seconds is let go
            await self.client.say({"type": "ping"})
            self.spoke_at = time.monotonic()
        await self.stage.score(self.player, self.board, 7)
        update = await self.client.hear("leaderboard.update", within=5)
        assert update["data"][0]["score"] == self.score


@pytest_asyncio.fixture(scope="module")
async def witness(realtime: Service, stage: Stage) -> AsyncIterator[Witness]:
    watching = Witness(PlainClient(realtime.url), stage, await stage.board(), await stage.player())
    await watching.client.open()
    await watching.client.say({"type": "subscribe", "channels": [f"board:{watching.board}"]})
    await watching.client.hear("subscribed")
    await watching.client.hear("leaderboard.initial")
    yield watching
    await watching.client.leave()


@pytest_asyncio.fixture(autouse=True)
async def others_notice_nothing(witness: Witness) -> AsyncIterator[None]:
    """After every attack the one connection that was there before hears of the next score."""
    yield
    await witness.hears_the_next_score()


@dataclass(frozen=True)
class Fate:
    """What became of a socket: the last error it was told, and how it was closed, if it was."""

    code: str | None
    closed: int | None


async def fate(socket: ClientConnection, seconds: float = 1.0) -> Fate:
    """Ask for a sign of life; read on until it comes or the socket ends."""
    code = None
    try:
        await socket.send('{"type":"ping","timestamp":4711}')
        async with asyncio.timeout(seconds + 4):
            while True:
                message = json.loads(await socket.recv())
                if message["type"] == "error":
                    code = message["error"]["code"]
                if message["type"] == "pong" and message["timestamp"] == 4711:
                    return Fate(code, None)
    except ConnectionClosed:
        pass
    return Fate(code, socket.close_code)


# --- The plain WebSocket --------------------------------------------------------------------------------------------

Attack = Callable[[ClientConnection], Awaitable[Any]]


def text(content: str | bytes) -> Attack:
    return lambda socket: socket.send(content)


async def messages_in_a_row(socket: ClientConnection) -> None:
    for _ in range(200):
        await socket.send('{"type":"activity"}')


async def pings_in_a_row(socket: ClientConnection) -> None:
    for _ in range(2000):
        await socket.ping()


async def a_message_without_end(socket: ClientConnection) -> None:
    async def parts() -> AsyncIterator[str]:
        for _ in range(200):
            yield "x" * KIB

    await socket.send(parts())


async def logins_in_a_row(socket: ClientConnection) -> None:
    for _ in range(50):
        await socket.send(json.dumps({"type": "auth", "token": secrets.token_hex(40)}))


def subscribe(*channels: Any, **fields: Any) -> Attack:
    return text(json.dumps({"type": "subscribe", "channels": list(channels), **fields}))


LIVES, TOO_BIG, FLOOD, BAD_TOKEN = None, 1009, 4429, 1008
CUT = 1006  # the server closed while we were still sending: we may not get to read its reason
REFUSED_IN_WORDS = [Fate("VALIDATION_ERROR", LIVES)]
PLAIN_ATTACKS: dict[str, tuple[Attack, list[Fate]]] = {
    "a message of 8 KiB and a byte": (
        text(json.dumps({"type": "ping", "x": "x" * 8 * KIB})),
        [Fate("PAYLOAD_TOO_LARGE", TOO_BIG)],
    ),
    "a message of a megabyte": (text("x" * KIB * KIB), [Fate(None, TOO_BIG), Fate(None, CUT)]),
    "a message without end": (a_message_without_end, [Fate(None, TOO_BIG), Fate(None, CUT)]),
    "a binary message of 9 KiB": (text(b"\x00" * 9 * KIB), [Fate("PAYLOAD_TOO_LARGE", TOO_BIG)]),
    "a binary message": (text(b"\x00\xff\xfe\x01" * 100), REFUSED_IN_WORDS),
    "compressed rubbish": (text(base64.b64encode(b"\x1f\x8b\x08" + bytes(3000)).decode()), REFUSED_IN_WORDS),
    "an empty message": (text(""), REFUSED_IN_WORDS),
    "lists in lists": (text("[" * 8000), REFUSED_IN_WORDS),
    "objects in objects": (text('{"type":' * 700 + "1" + "}" * 700), REFUSED_IN_WORDS),
    "depth in a known message": (
        text('{"type":"subscribe","since":' + "[" * 3000 + "]" * 3000 + "}"),
        REFUSED_IN_WORDS,
    ),
    "a number without end": (text('{"type":"ping","timestamp":' + "9" * 5000 + "}"), REFUSED_IN_WORDS),
    "infinity": (text('{"type":"ping","timestamp":1e999}'), REFUSED_IN_WORDS),
    "not a number": (text('{"type":"ping","timestamp":NaN}'), REFUSED_IN_WORDS),
    "a type of another type": (text('{"type":{"$ne":null}}'), REFUSED_IN_WORDS),
    "half a surrogate": (text('{"type":"\\ud800"}'), REFUSED_IN_WORDS),
    "a prototype": (text('{"__proto__":{"type":"auth"},"constructor":{}}'), REFUSED_IN_WORDS),
    "a score over the socket": (text('{"type":"score.update","points":1000}'), REFUSED_IN_WORDS),
    "a message of ours": (text('{"type":"server.drain"}'), REFUSED_IN_WORDS),
    "a path for a board": (subscribe("board:../../etc/passwd"), REFUSED_IN_WORDS),
    "a statement for a board": (subscribe("board:main'; DROP TABLE players;--"), REFUSED_IN_WORDS),
    "a pattern for a board": (subscribe("board:*"), REFUSED_IN_WORDS),
    "the news of somebody else": (subscribe("player:00000000-0000-0000-0000-000000000001"), REFUSED_IN_WORDS),
    "channels beyond number": (subscribe(*(f"board:b{n}" for n in range(400))), REFUSED_IN_WORDS),
    "a position that cannot be": (subscribe("board:main", since={"epoch": "x", "seq": -(10**30)}), REFUSED_IN_WORDS),
    "the news of nobody": (subscribe("me"), [Fate("UNAUTHENTICATED", LIVES)]),
    "a token of nobody": (text('{"type":"auth","token":"x.y.z"}'), [Fate("INVALID_TOKEN", BAD_TOKEN)]),
    "a token of 8000 characters": (
        text(json.dumps({"type": "auth", "token": "x" * 8000})),
        REFUSED_IN_WORDS,
    ),
    "guesses in a row": (logins_in_a_row, [Fate("INVALID_TOKEN", BAD_TOKEN)]),
    "a flood of messages": (messages_in_a_row, [Fate("TOO_MANY_REQUESTS", FLOOD)]),
    "a flood of pings": (pings_in_a_row, [Fate(None, LIVES), Fate(None, FLOOD)]),
}


@pytest.mark.parametrize("name", list(PLAIN_ATTACKS))
async def test_attacks_on_the_plain_websocket(realtime: Service, name: str, count: Count) -> None:
    attack, expected = PLAIN_ATTACKS[name]
    url = realtime.url.replace("http", "ws", 1) + PLAIN
    async with connect(url, compression=None, ping_interval=None, max_size=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            await attack(socket)
        assert await fate(socket) in expected
    count("attacks on sockets", 1)


# Frames that no proper client sends: opcode and flags, then a masked body.
FRAMES: dict[str, bytes] = {
    "a frame without a mask": b"\x81\x02hi",
    "reserved bits": b"\xf1\x80\0\0\0\0",
    "an unknown opcode": b"\x83\x80\0\0\0\0",
    "a continuation of nothing": b"\x80\x81\0\0\0\0x",
    "a ping of 126 bytes": b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126,
    "a length of 2^63": b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0",
    "text that is not UTF-8": b"\x81\x82\0\0\0\0\xc3\x28",
    "a close code that cannot be": b"\x88\x82\0\0\0\0\x00\x01",
    "half a frame": b"\x81\xfe\x01",
}


async def raw_socket(service: Service, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert b" 101 " in head.split(b"\r\n")[0], head
    return reader, writer


@pytest.mark.parametrize("path", [PLAIN, STOCK], ids=["websocket", "socketio"])
@pytest.mark.parametrize("name", list(FRAMES))
async def test_frames_that_break_the_protocol(realtime: Service, name: str, path: str, count: Count) -> None:
    reader, writer = await raw_socket(realtime, path)
    writer.write(FRAMES[name])
    if name == "half a frame":
        writer.close()
    with_end = await asyncio.wait_for(reader.read(), 8)  # until the server ends the connection
    assert b"Traceback" not in with_end
    writer.close()
    count("attacks on sockets", 1)
