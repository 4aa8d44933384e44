"""Attacks over Socket.IO, and who may not connect at all."""

import asyncio
import json
import secrets

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.conftest import Stage
from tests.security.conftest import Count
from tests.security.test_sockets import KIB, PLAIN, POLLING, STOCK, others_notice_nothing, witness
from tests.stage import Service

__all__ = ["others_notice_nothing", "witness"]

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
