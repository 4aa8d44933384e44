"""The platform with the anti-cheat enforced, moderators, players who play by hand or by script, and browsers.

A module of tests imports the fixtures ``court`` and ``visit``; each test takes a board of its own from ``BOARDS``.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from playwright.async_api import Browser, expect

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.player import Role
from scoreboard.usecases.change_role import change_role
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.browser import Visit, watched
from tests.stage import PASSWORD, Person, Service, Stores, free_port, patient, register, until

BOARDS = tuple(Board(f"court-{number}", f"Court {number}") for number in range(1, 9))
KINDS = tuple(
    ActionKind(board.key, f"Play {board.title}", min_points=0, max_points=10, boards=(board.key,)) for board in BOARDS
)
PACE = 0.2
"""Seconds between two results of a script."""
SHY = 3
"""Results after which a script grows bold and reports points that nobody can make."""
LONGEST = 20
"""Results within which a script must be held."""
PATIENCE = 15_000
WITNESS = """
globalThis.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


@dataclass
class Court:
    """Everything that runs, and who has to do with it."""

    api: Service
    realtime: Service
    worker: Service
    platform: Platform
    http: httpx.AsyncClient
    staff: dict[str, str] = field(default_factory=dict)

    async def appoint(self, role: Role = Role.MODERATOR) -> str:
        """A new account with this role; its name."""
        person = await register(self.http, fresh(str(role)))
        await change_role(self.platform, person.username, role)
        return person.username

    async def signed_in(self, name: str) -> Person:
        """A session of an account over HTTP."""
        reply = await self.http.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
        assert reply.status_code == 200, reply.text
        session = reply.json()
        return Person(self.http, session["player"]["id"], name, session)

    async def player(self, name: str) -> Person:
        """A new player."""
        return await register(self.http, fresh(name))

    async def by_hand(self, player: Person, board: str, results: int = 1) -> None:
        """Results too few to be anything but a person's."""
        for _ in range(results):
            reply = await player.complete(await player.begin(board), points=10)
            assert reply.status_code == 200, reply.text

    async def by_script(self, player: Person, board: str, more: int = 2) -> list[dict[str, Any]]:
        """Play like a clock, asking for too much as well, until results are held, and ``more`` results after that.

        That it asks for too much makes the machine's own unevenness no matter. Returns all replies, oldest first.
        """
        replies: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        first = loop.time()
        while sum(reply["verdict"] == "hold" for reply in replies) < 1 + more:
            assert len(replies) < LONGEST, f"not held after {LONGEST} results: {replies[-1]}"
            begun = await player.begin(board)
            if len(replies) >= SHY:
                refused = await player.complete(begun, points=10**6)
                assert refused.status_code == 422, refused.text
            reply = await player.complete(begun, points=10)
            assert reply.status_code in (200, 202), reply.text
            replies.append(reply.json())
            await asyncio.sleep(max(0.0, first + PACE * len(replies) - loop.time()))
        return replies

    async def empty_queue(self) -> None:
        """Decide whatever other tests have left open, in favour of the players."""
        by = await self.signed_in(await self.appoint())
        for item in (await by.get("/api/v1/moderation/cases", limit=100)).json()["items"]:
            case = f"/api/v1/moderation/cases/{item['id']}"
            ways = (await by.get(case)).json()["may"]["decide"]
            wanted = {"decision": next(way for way in ways if way in ("release", "dismiss")), "note": "left over"}
            decided = await by.post(f"{case}/decide", wanted, Idempotency_Key=secrets.token_hex(8))
            assert decided.status_code == 200, decided.text

    async def standing(self, board: str, player: Person) -> int | None:
        """The player's score as everybody sees it."""
        top = (await self.http.get(f"/api/v1/boards/{board}/top")).json()
        return next((entry["score"] for entry in top["entries"] if entry["player_id"] == player.id), None)


Open = Callable[..., Awaitable[Visit]]


@pytest.fixture(scope="module")
async def court(browser: Browser, stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Court]:
    api, realtime = free_port(), free_port()
    environment = await stores.environment(
        SCOREBOARD_REALTIME_URL=f"http://127.0.0.1:{realtime}",
        SCOREBOARD_ALLOWED_ORIGINS=f"http://127.0.0.1:{api}",
        SCOREBOARD_SOCKETS_PER_ADDRESS="500",
        SCOREBOARD_DRAIN_SECONDS="1",
        SCOREBOARD_ANTICHEAT_MODE="enforce",
        # What the pages about the platform show follows quickly.
        SCOREBOARD_ROLLUP_EVERY="0.5",
        SCOREBOARD_ROLLUP_SETTLE="1",
        SCOREBOARD_VITALS_EVERY="0.5",
        SCOREBOARD_VITALS_SLOT="2",
        # Scripts are to be held here; that they are suspended in the end is another test's matter.
        SCOREBOARD_SUSPICION_SUSPEND="1",
    )
    platform = open_platform(patient(environment), application="test-console")
    await configure(platform, BOARDS, KINDS, managed_by="test")
    await restore_missing(platform)
    logs = tmp_path_factory.mktemp("console")
    services = [
        Service("worker", environment, logs / "worker.log"),
        Service("realtime", environment, logs / "realtime.log", realtime),
        Service("api", environment, logs / "api.log", api),
    ]
    for service in services:
        service.start()
    try:
        for service in services:
            await service.ready(within=60)
        async with httpx.AsyncClient(base_url=services[2].url, timeout=30) as http:
            yield Court(services[2], services[1], services[0], platform, http)
    finally:
        for service in services:
            service.stop()
        await platform.close()


@pytest.fixture
async def visit(browser: Browser, court: Court) -> AsyncIterator[Open]:
    """Opens a path in a browser of its own. In the end no page has complained, and no policy has stopped anything."""
    visits: list[Visit] = []

    async def open_page(path: str = "/console", **context: Any) -> Visit:
        own = await browser.new_context(base_url=court.api.url, **context)
        await own.add_init_script(WITNESS)
        opened = await watched(own)
        visits.append(opened)
        await opened.page.goto(path)
        return opened

    yield open_page
    stopped = [text for each in visits for text in await each.page.evaluate("() => globalThis.violations")]
    for each in visits:
        await each.page.context.close()
    assert stopped == []
    assert [text for each in visits for text in each.unexpected()] == []


async def enter(visited: Visit, name: str) -> None:
    """Sign in at the console's door."""
    page = visited.page
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Log in").click()
    await expect(page.locator(".who__name")).to_have_text(name, timeout=PATIENCE)


async def open_case(visited: Visit, player: str) -> None:
    """Open a player's case from the queue, and wait for its evidence."""
    await visited.page.locator(".ticket").get_by_role("link", name=player).click(timeout=PATIENCE)
    await expect(visited.page.get_by_role("heading", level=2, name=player)).to_be_visible(timeout=PATIENCE)


async def gone(court: Court, board: str, player: Person) -> None:
    """Wait until a player is off a board."""

    async def away() -> bool:
        return await court.standing(board, player) is None

    await until(away, what=f"{player.username} leaving {board}")


def fresh(name: str) -> str:
    """A name that nobody has yet."""
    return f"{name}-{secrets.token_hex(3)}"
