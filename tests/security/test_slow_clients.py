"""Clients that send a head or a body without an end, or none at all, do not keep a connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.stage import Service, Stores

DEADLINE = 0.5
WHOLE = 2.0
POSTS = {"api": b"/api/v1/auth/login", "realtime": b"/socket.io/?EIO=4&transport=polling&sid=x"}


@pytest_asyncio.fixture(scope="module", params=["api", "realtime"])
async def hurried(
    request: pytest.FixtureRequest, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    environment = await stores.environment(
        SCOREBOARD_HEAD_DEADLINE=str(DEADLINE),
        SCOREBOARD_HEAD_LIMIT="8192",
        SCOREBOARD_DATABASE_LOCK_TIMEOUT="1",
        SCOREBOARD_DATABASE_STATEMENT_TIMEOUT="1.5",
        SCOREBOARD_REQUEST_DEADLINE=str(WHOLE),
    )
    log: Path = tmp_path_factory.mktemp("slow") / f"{request.param}.log"
    service = Service(request.param, environment, log)
    service.start()
    try:
        await service.ready()
        yield service
    finally:
        service.stop()


async def spoken(service: Service, *parts: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send these parts; all that comes back until the server closes, and how long that took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    began = time.monotonic()
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        answer = await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        answer = b"reset"
    finally:
        writer.close()
    return answer, time.monotonic() - began


async def test_who_says_nothing_is_let_go(hurried: Service) -> None:
    answer, seconds = await spoken(hurried)
    assert answer == b""
    assert DEADLINE * 0.9 <= seconds < DEADLINE + 3


async def test_a_head_that_never_ends_is_cut_off_in_time(hurried: Service) -> None:
    answer, seconds = await spoken(hurried, b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert DEADLINE * 0.9 <= seconds < DEADLINE + 3


async def test_a_head_that_drips_is_cut_off_too(hurried: Service) -> None:
    drops = [b"GET /health/live HTTP/1.1\r\n", *(f"X-{n}: y\r\n".encode() for n in range(30))]
    answer, seconds = await spoken(hurried, *drops, pause=0.05)
    assert answer.startswith((b"HTTP/1.1 408 ", b"reset"))
    assert seconds < 5


async def test_a_head_that_is_too_long_is_cut_off_at_once(hurried: Service) -> None:
    lines = [f"X-{n}: {'y' * 1000}\r\n".encode() for n in range(200)]
    answer, seconds = await spoken(hurried, b"GET /health/live HTTP/1.1\r\nHost: x\r\n", *lines, pause=0.002)
    assert answer.startswith((b"HTTP/1.1 431 ", b"reset"))
    assert seconds < DEADLINE + 3


async def test_a_second_request_on_the_connection_has_the_same_deadline(hurried: Service) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, seconds = await spoken(hurried, whole, b"GET /health/live HTTP/1.1\r\nX-Slow: ", pause=0.1)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert b"HTTP/1.1 408 " in answer
    assert seconds < DEADLINE + 3


async def test_honest_clients_notice_nothing(hurried: Service) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 6000 + b"\r\n\r\n"
    last = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer, _ = await spoken(hurried, whole, whole, last, pause=0.3)
    assert answer.count(b"HTTP/1.1 200 ") == 3


def post(service: Service, *lines: bytes) -> bytes:
    head = [b"POST %s HTTP/1.1" % POSTS[service.name], b"Host: x", b"Content-Type: application/json", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


async def test_two_lengths_for_one_body_are_refused(hurried: Service) -> None:
    """A proxy that believes one of them and we the other one would be two requests where it saw one."""
    for lines in (
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 6"),
    ):
        answer, _ = await spoken(
            hurried, post(hurried, *lines) + b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 400 "), lines
        assert answer.count(b"HTTP/1.1 ") == 1, lines


async def test_a_body_without_a_length_is_bounded_too(hurried: Service) -> None:
    """What is refused is not read on: the connection ends."""
    chunks = [b"400\r\n" + b"x" * 1024 + b"\r\n"] * 100
    answer, seconds = await spoken(hurried, post(hurried, b"Transfer-Encoding: chunked"), *chunks, pause=0.002)
    assert answer == b"reset" or (answer.startswith(b"HTTP/1.1 413 ") and b"PAYLOAD_TOO_LARGE" in answer)
    assert seconds < DEADLINE + 3


@pytest.mark.parametrize("drops", [0, 8])
async def test_a_body_that_never_ends_is_cut_off_in_time(hurried: Service, drops: int) -> None:
    head = post(hurried, b"Content-Length: 100", b"Connection: close")
    answer, seconds = await spoken(hurried, head, *[b"x"] * drops, pause=0.2)
    # Who goes on sending to a connection that was closed may lose the answer.
    assert (drops and answer == b"reset") or (answer.startswith(b"HTTP/1.1 504 ") and b"DEADLINE_EXCEEDED" in answer)
    assert seconds < WHOLE + 3


async def test_one_byte_after_a_reply_keeps_no_connection(hurried: Service) -> None:
    """What is left of a body that nobody read."""
    whole = b"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    answer, seconds = await spoken(hurried, whole, b"x", pause=0.2)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert seconds < DEADLINE + 3


@pytest.mark.parametrize(
    "odd",
    [
        b"".join(b"X-%d: y\r\n" % n for n in range(200)),
        b"X-Long: " + b"y" * 8190 + b"\r\n",
        b"Content-Length: 5\r\n",
    ],
    ids=["two hundred headers", "a long one", "a body"],
)
async def test_a_handshake_that_cannot_be_read_keeps_no_connection(stores: Stores, tmp_path: Path, odd: bytes) -> None:
    environment = await stores.environment(SCOREBOARD_HEAD_DEADLINE=str(DEADLINE))
    service = Service("realtime", environment, tmp_path / "realtime.log")
    service.start()
    try:
        await service.ready()
        lines = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        head = b"GET /api/v1/ws/leaderboard HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 13\r\n" + lines
        answer, seconds = await spoken(service, head + odd + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert seconds < DEADLINE + 3
    finally:
        service.stop()
