"""The pages in a real browser, against the whole platform: what one player does, the others see."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import httpx2 as httpx
import pytest
from playwright.async_api import Browser, expect

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.usecases.configure import DEMO_BOARDS, DEMO_KINDS, configure
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.browser import Visit, watched
from tests.stage import PASSWORD, Person, Service, Stores, free_port, patient, register

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

# Each test has a board of its own, declared before anything starts, so that nobody else's players are on it.
ARENAS = [Board(f"arena-{number}", f"Arena {number}") for number in range(1, 6)]
KINDS = [
    ActionKind(board.key, "Points", min_points=0, max_points=1000, direct=True, boards=(board.key,)) for board in ARENAS
]
AWAY = re.compile(r"ERR_CONNECTION_REFUSED|WebSocket connection to .* failed|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")


@dataclass
class Running:
    """The three services, on a database with the demo's boards and the arenas."""

    api: Service
    realtime: Service
    worker: Service


Open = Callable[..., Awaitable[Visit]]


@pytest.fixture(scope="module")
async def running(browser: Browser, stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    api, realtime = free_port(), free_port()
    environment = await stores.environment(
        SCOREBOARD_REALTIME_URL=f"http://127.0.0.1:{realtime}",
        SCOREBOARD_ALLOWED_ORIGINS=f"http://127.0.0.1:{api}",
        SCOREBOARD_SOCKETS_PER_ADDRESS="500",
        SCOREBOARD_DRAIN_SECONDS="2",
    )
    seeding = open_platform(patient(environment), application="test-seed")
    await configure(seeding, [*DEMO_BOARDS, *ARENAS], [*DEMO_KINDS, *KINDS], managed_by="test")
    await restore_missing(seeding)
    await seeding.close()
    logs = tmp_path_factory.mktemp("page-live")
    services = Running(
        Service("api", environment, logs / "api.log", api),
        Service("realtime", environment, logs / "realtime.log", realtime),
        Service("worker", environment, logs / "worker.log"),
    )
    each = (services.worker, services.realtime, services.api)
    for service in each:
        service.start()
    try:
        for service in each:
            await service.ready()
        yield services
    finally:
        for service in each:
            service.stop()


@pytest.fixture
async def http(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.api.url) as http:
        yield http


@pytest.fixture
async def visit(browser: Browser, running: Running) -> AsyncIterator[Open]:
    """Opens a path in a browser context of its own. In the end nothing may have been complained about."""
    visits: list[Visit] = []

    async def open_page(path: str = "/", **context: object) -> Visit:
        own = await browser.new_context(base_url=running.api.url, **context)  # type: ignore[arg-type]
        opened = await watched(own)
        visits.append(opened)
        await opened.page.goto(path)
        return opened

    yield open_page
    for each in visits:
        await each.page.context.close()
    assert [text for each in visits for text in each.unexpected()] == []


arenas: Iterator[Board] = iter(ARENAS)


@pytest.fixture
def arena() -> str:
    return next(arenas).key


async def gain(player: Person, arena: str, points: int) -> None:
    body = {"action_id": secrets.token_hex(8), "kind": arena, "points": points}
    reply = await player.post("/api/v1/scores/update", body)
    assert reply.status_code == 200, reply.text


async def log_in(http: httpx.AsyncClient, name: str) -> Person:
    """The same player in a second session."""
    reply = await http.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert reply.status_code == 200, reply.text
    session = reply.json()
    return Person(http, session["player"]["id"], name, session)


def fresh(name: str) -> str:
    return f"{name}-{secrets.token_hex(3)}"


async def test_a_score_of_somebody_else_moves_names(visit: Open, http: httpx.AsyncClient, arena: str) -> None:
    ada, bob = await register(http, fresh("ada")), await register(http, fresh("bob"))
    await gain(ada, arena, 50)
    await gain(bob, arena, 30)
    watching = await visit(f"/?board={arena}")
    await watching.shows(ada.username, bob.username)
    await watching.goes_live()
    await watching.page.evaluate("window.neverReloaded = true")
    await gain(bob, arena, 40)
    await watching.shows(bob.username, ada.username, timeout=2_000)
    await expect(watching.page.locator("#rows tr").first.locator(".score")).to_have_text("70")
    assert await watching.page.evaluate("window.neverReloaded")
    carol = await register(http, fresh("carol"))
    await gain(carol, arena, 60)
    await watching.shows(bob.username, carol.username, ada.username, timeout=2_000)
    await expect(watching.page.locator("#board-meta")).to_contain_text("3 players")


async def test_everybody_sees_the_same(visit: Open, http: httpx.AsyncClient, arena: str) -> None:
    players = [await register(http, fresh(name)) for name in ("kim", "lea", "max")]
    for player, points in zip(players, (3, 2, 1), strict=True):
        await gain(player, arena, points)
    pages = [await visit(f"/?board={arena}"), await visit(f"/?board={arena}", color_scheme="dark")]
    for page in pages:
        await page.goes_live()
        await page.shows(*(player.username for player in players))
    for points in (10, 20, 30):
        for player in players:
            await gain(player, arena, points)
    await gain(players[2], arena, 100)
    for page in pages:
        await page.shows(players[2].username, players[0].username, players[1].username)


async def test_register_play_and_see_the_own_rank(visit: Open, http: httpx.AsyncClient) -> None:
    name = fresh("eve")
    page = (visited := await visit()).page
    await visited.goes_live()
    await visited.opens_account("Create account", name)
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#standing")).to_contain_text("You have no score here yet")
    await page.get_by_label("Answer a quiz").check()
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator(".countdown")).to_be_visible()
    complete = page.get_by_role("button", name="Complete", exact=True)
    await expect(complete).not_to_have_attribute("aria-disabled", "true")
    await complete.click()
    await expect(page.locator(".outcome__points")).to_contain_text("+10")
    await expect(page.locator("#my-score")).to_have_text("10")
    mine = (await (await log_in(http, name)).get("/api/v1/boards/main/me")).json()
    assert mine["score"] == 10
    await expect(page.locator(".standing__rank")).to_have_text(re.compile(rf"^{mine['rank']}(st|nd|rd|th)$"))
    await expect(page.locator(".row--mine .name")).to_have_text(name)


async def test_the_session_survives_a_reload_and_ends_with_logging_out(visit: Open) -> None:
    name = fresh("fay")
    page = (visited := await visit()).page
    await visited.opens_account("Create account", name)
    await expect(page.locator(".who__name")).to_have_text(name)
    await page.reload()
    await expect(page.locator(".who__name")).to_have_text(name)
    await visited.goes_live()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.locator("#session").get_by_role("button", name="Log in")).to_be_visible()
    await page.reload()
    await expect(page.locator("#session").get_by_role("button", name="Log in")).to_be_enabled()
    await visited.goes_live()


async def test_a_session_ended_elsewhere_ends_here_at_once(visit: Open, http: httpx.AsyncClient) -> None:
    name = fresh("gil")
    page = (visited := await visit()).page
    await visited.goes_live()
    await visited.opens_account("Create account", name)
    await expect(page.locator(".who__name")).to_have_text(name)
    elsewhere = await log_in(http, name)
    assert (await elsewhere.post("/api/v1/auth/logout", {"everywhere": True})).status_code == 204
    await expect(page.locator("#toasts")).to_contain_text("You were logged out")
    await expect(page.locator("#session").get_by_role("button", name="Log in")).to_be_visible()
    await visited.goes_live()


async def test_wrong_passwords_and_taken_names_are_explained(visit: Open, http: httpx.AsyncClient) -> None:
    known = await register(http, fresh("hal"))
    page = (visited := await visit()).page
    dialog = page.get_by_role("dialog")
    await visited.opens_account("Log in", known.username, "not the password")
    await expect(dialog.get_by_role("alert")).to_have_text("That name and password do not match.")
    await dialog.get_by_role("button", name="Create an account").click()
    await dialog.get_by_label("Password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Create account").click()
    await expect(dialog).to_contain_text("This name is taken")
    await dialog.get_by_label("Password").fill("short")
    await dialog.get_by_role("button", name="Create account").click()
    await expect(dialog).to_contain_text("Use at least 8 characters")


async def test_choosing_a_board(visit: Open) -> None:
    page = (visited := await visit()).page
    await expect(page.get_by_role("heading", level=1)).to_have_text("All players")
    await page.get_by_role("link", name="Best single match").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Best single match")
    assert page.url.endswith("/?board=sprint")
    await visited.goes_live()
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("All players")
    await page.goto("/?board=no-such-board")
    await expect(page.get_by_role("heading", level=1)).to_have_text("All players")


async def test_names_are_inert_text(visit: Open, http: httpx.AsyncClient, arena: str) -> None:
    hostile = await register(http, "<img src=x onerror=alert(1)>")
    visited = await visit(f"/?board={arena}")
    dialogs: list[str] = []
    visited.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await visited.goes_live()
    await gain(hostile, arena, 5)
    await visited.shows(hostile.username)
    assert await visited.page.locator("#main img").count() == 0
    assert dialogs == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_the_page_outlives_the_realtime_service(
    visit: Open, http: httpx.AsyncClient, arena: str, running: Running, how: str
) -> None:
    ida, joe = await register(http, fresh("ida")), await register(http, fresh("joe"))
    await gain(ida, arena, 20)
    await gain(joe, arena, 10)
    visited = await visit(f"/?board={arena}")
    visited.expected.append(AWAY)
    await visited.goes_live()
    await visited.shows(ida.username, joe.username)
    await asyncio.to_thread(getattr(running.realtime, how))
    try:
        await expect(visited.pill).to_have_attribute("data-phase", re.compile("waiting|connecting|restarting"))
        await gain(joe, arena, 15)
        # Without the live connection the page reads the board itself.
        await visited.shows(joe.username, ida.username, timeout=15_000)
    finally:
        running.realtime.start()
        await running.realtime.ready()
    await visited.goes_live(timeout=40_000)
    await gain(ida, arena, 15)
    await visited.shows(ida.username, joe.username, timeout=2_000)


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/validation-error", "/nowhere"])
async def test_small_screens_need_no_sideways_scrolling(visit: Open, path: str) -> None:
    page = (await visit(path, viewport={"width": 390, "height": 844})).page
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_reference_shows_and_sends_requests(visit: Open) -> None:
    page = (await visit("/docs")).page
    operation = page.locator(".opblock", has=page.locator("[data-path='/api/v1/boards']"))
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    await expect(operation.locator(".live-responses-table")).to_contain_text("All players")
    await page.get_by_role("button", name="Switch to dark colours").click()
    await expect(page.locator("html")).to_have_class("dark-mode")
    await page.get_by_role("link", name="Live board").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("All players")


async def test_errors_lead_to_their_page(visit: Open, http: httpx.AsyncClient) -> None:
    problem = (await http.get("/api/v1/players/me")).json()
    page = (await visit(problem["type"])).page
    await expect(page.get_by_role("heading", level=1)).to_have_text(problem["title"])
    await expect(page.get_by_role("main")).to_contain_text(problem["code"])
