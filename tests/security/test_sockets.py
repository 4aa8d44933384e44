"""What an attacker sends to a live socket ends at worst that socket. Somebody who watches a board notices nothing."""

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.conftest import Contestant, Stage
from tests.contract.live_clients import PlainClient
from tests.security.conftest import Count
from tests.stage import Service

PLAIN = "/api/v1/ws/leaderboard"
STOCK = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"
KIB = 1024


@dataclass
class Witness:
    """Somebody who watches a board through all the attacks."""

    client: PlainClient
    stage: Stage
    board: str
    player: Contestant
    score: int = 0

    async def hears_the_next_score(self) -> None:
        self.score += 7
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


# --- Socket.IO ------------------------------------------------------------------------------------------------------

STOCK_ATTACKS: dict[str, list[str | bytes]] = {
    "an event of 9 KiB": ['42["message",{"type":"ping","x":"' + "x" * 9 * KIB + '"}]'],
    "an event of a megabyte": ["42" + "x" * KIB * KIB],
    "depth": ['42["message",' + "[" * 3500 + "]" * 3500 + "]"],
    "lists that do not end": ["42" + "[" * 8000],
    "no event": ["42", "42{}", "42[]", "42[1]", "42[null]", "42[[]]", '42"x"'],
    "no packet": ["4", "4x", "49", "\x00", "", "bAAAA"],
    "an event of ours": ['42["disconnect"]', '42["connect"]', '42["scoreboard_updated",{}]'],
    "an event of nobody": ['42["__class__",{}]', '42["*",{}]'],
    "another namespace": ["40/admin,", '40/admin,{"token":"x"}', '42/admin,["message",{}]'],
    "acknowledgements": [f"43{n}[]" for n in range(60)],
    "attachments that never come": ['451-["message",{"_placeholder":true,"num":0}]', '42["message",{}]'],
    "attachments beyond number": ['45999999999-["message",{"_placeholder":true,"num":0}]'],
    "an attachment": ['451-["message",{"_placeholder":true,"num":0}]', b"\x00" * 100],
    "a binary message": [b"\x04\x00\xff" * 100],
    "an id without end": ["42" + "9" * 5000 + '["message",{}]'],
    "a flood": ['42["message",{"type":"activity"}]'] * 200,
    "a flood of connects": ["40"] * 200,
    "upgrades": ["2probe", "5", "5", "6", "1"],
    "guesses": [f'42["auth",{{"token":"{n}.x.y"}}]' for n in range(50)],
}


@pytest.mark.parametrize("name", list(STOCK_ATTACKS))
async def test_attacks_on_socket_io(realtime: Service, name: str, count: Count) -> None:
    url = realtime.url.replace("http", "ws", 1) + STOCK
    async with connect(url, compression=None, max_size=None) as socket:
        assert str(await socket.recv()).startswith("0{")
        try:
            await socket.send("40")
            assert str(await socket.recv()).startswith("40{")
            for packet in STOCK_ATTACKS[name]:
                await socket.send(packet)
            async with asyncio.timeout(0.2):
                while True:
                    heard = str(await socket.recv())
                    assert not any(word in heard for word in ("Traceback", "File ", "Error:", "auth.ok"))
        except (ConnectionClosed, TimeoutError):
            pass
    count("attacks on sockets", 1)


async def test_polling_that_nobody_asked_for(realtime: Service, count: Count) -> None:
    async def opened(client: httpx.AsyncClient) -> str:
        reply = await client.get(POLLING)
        return str(json.loads(reply.text[1:])["sid"])

    async with httpx.AsyncClient(base_url=realtime.url, timeout=5) as client:
        for path in (
            f"{POLLING}&sid={secrets.token_hex(10)}",
            "/socket.io/?EIO=3&transport=polling",
            "/socket.io/?EIO=4&transport=flashsocket",
            "/socket.io/?EIO=x&transport=polling",
            "/socket.io/",
            f"{POLLING}&sid=../../x",
        ):
            for method in ("GET", "POST"):
                reply = await client.request(method, path, content=b"42[]" if method == "POST" else None)
                assert reply.status_code in (400, 403, 404, 405), (method, path, reply.status_code, reply.text)
                assert "Traceback" not in reply.text
        for body in (b"x" * 9000, b"\xff\xfe\x00", b"4" + b"[" * 8000, b"\x1e" * 5000, b"d=4%34" * 50):
            sid = await opened(client)
            reply = await client.post(f"{POLLING}&sid={sid}", content=body)
            assert reply.status_code in (200, 400, 413), (body[:10], reply.status_code)
        sid = await opened(client)
        assert (await client.put(f"{POLLING}&sid={sid}", content=b"4")).status_code in (400, 405)
    count("attacks on sockets", 1)


# --- Who may connect ------------------------------------------------------------------------------------------------

STRANGERS = [
    "https://evil.example",
    "null",
    "file://",
    "http://localhost",
    "http://localhost:8001",
    "https://localhost:8000",
    "http://localhost:8000/",
    "http://localhost:8000.evil.example",
    "http://localhost:8000@evil.example",
    "http://evil.example/http://localhost:8000",
    "http://sub.localhost:8000",
    "HTTP://LOCALHOST:8000",
    "http://127.0.0.1:8000, https://evil.example",
    "http://[::1]:8000",
]


@pytest.mark.parametrize("origin", STRANGERS)
async def test_pages_of_strangers_reach_no_transport(realtime: Service, origin: str, count: Count) -> None:
    url = realtime.url.replace("http", "ws", 1)
    for path in (PLAIN, STOCK):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url + path, additional_headers={"Origin": origin})
        assert refused.value.response.status_code == 403
    async with httpx.AsyncClient(base_url=realtime.url) as client:
        for path in (POLLING, "/api/v1/live/boards/main"):
            reply = await client.get(path, headers={"Origin": origin})
            assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")
            assert "access-control-allow-origin" not in reply.headers
    count("attacks on sockets", 1)


async def test_two_origins_are_no_way_in(realtime: Service, count: Count) -> None:
    """Whichever of the two a proxy believes, ours must be the stricter one."""
    for pair in (("http://localhost:8000", "https://evil.example"), ("https://evil.example", "http://localhost:8000")):
        reader, writer = await asyncio.open_connection("127.0.0.1", realtime.port)
        lines = [f"GET {POLLING} HTTP/1.1", "Host: x", *(f"Origin: {origin}" for origin in pair), "Connection: close"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        reply = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert b" 403 " in reply.split(b"\r\n")[0], (pair, reply[:100])
    count("attacks on sockets", 1)


async def test_a_token_in_the_address_opens_nothing(realtime: Service, stage: Stage, count: Count) -> None:
    """Addresses end up in logs of proxies, so nobody may get used to this."""
    ada = await stage.player()
    url = f"{realtime.url.replace('http', 'ws', 1)}{PLAIN}?token={ada.token}&access_token={ada.token}"
    async with connect(url, compression=None) as socket:
        await socket.send('{"type":"subscribe","channels":["me"]}')
        assert json.loads(await socket.recv())["error"]["code"] == "UNAUTHENTICATED"
    count("attacks on sockets", 1)
