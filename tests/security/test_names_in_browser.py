"""Two hundred hostile names and titles in a real browser: shown letter by letter, and nothing of them happens.

The page's policy (CSP, Trusted Types) is switched off for the hardest of the visits: it is the second line, and here
the first one has to hold alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from scoreboard.domain.action import ActionKind
from scoreboard.domain.board import Board
from scoreboard.domain.completion import CompletionRequest
from scoreboard.security.identifiers import new_id
from scoreboard.usecases.announce import OutboxMarker
from scoreboard.usecases.complete_actions import complete_actions
from scoreboard.usecases.completion_answers import Completion
from scoreboard.usecases.configure import configure
from scoreboard.usecases.platform import Platform, open_platform
from scoreboard.usecases.rebuild_leaderboard import rebuild_leaderboards
from tests.browser import NAMES
from tests.security.callers import open_player
from tests.security.conftest import Count
from tests.security.hostile_names import hostile_names, hostile_titles
from tests.stage import PASSWORD, Service, Stores, free_port, patient, register

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
EACH = 100
TITLES = hostile_titles()
BOARDS = [Board(f"names-{n}", title, size=EACH) for n, title in enumerate(TITLES)]
KINDS = [
    ActionKind(board.key, title, min_points=0, max_points=10**6, direct=True, boards=(board.key,))
    for board, title in zip(BOARDS, reversed(TITLES), strict=True)
]
WATCH = """
window.ran = [];
window.pwn = () => { window.ran.push("pwn"); };
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.ran.push(name); };
document.addEventListener("securitypolicyviolation", (event) => window.ran.push(event.violatedDirective));
"""
STRANGE = """() => [...document.querySelectorAll(
  "iframe, object, embed, base, form:not(dialog form), marquee, template, math, video, audio, main script, main style, "
  + "main link, main img, [onerror], [onload], [onclick], [onfocus], [ontoggle], [srcdoc], [href^='javascript:']"
)].map((element) => element.outerHTML.slice(0, 200))"""


@dataclass
class Stage:
    api: Service
    realtime: Service
    platform: Platform
    marker: OutboxMarker
    names: list[str] = field(default_factory=list)

    async def fill(self, board: str, names: list[str]) -> None:
        """Everybody with one of these names scores on the board, each a little less than the one before."""
        requests = []
        for place, name in enumerate(names):
            player = await open_player(self.platform, name=name)
            points = 1000 - place
            requests.append(
                CompletionRequest(
                    player.id, new_id(), name.encode(), client_id=f"{board}{place}", kind_key=board, points=points
                )
            )
        answers = await complete_actions(self.platform, requests, self.marker)
        assert all(isinstance(answer, Completion) for answer in answers), answers


@pytest_asyncio.fixture(scope="module")
async def stage(browser: Browser, stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    api, realtime = free_port(), free_port()
    environment = await stores.environment(
        SCOREBOARD_REALTIME_URL=f"http://127.0.0.1:{realtime}",
        SCOREBOARD_ALLOWED_ORIGINS=f"http://127.0.0.1:{api}",
        SCOREBOARD_DRAIN_SECONDS="1",
    )
    platform = open_platform(patient(environment), application="test-names")
    await configure(platform, [Board("main", "All players"), *BOARDS], KINDS, managed_by="test")
    await rebuild_leaderboards(platform, None, lambda done, total: None)
    logs = tmp_path_factory.mktemp("names")
    services = [
        Service("realtime", environment, logs / "realtime.log", realtime),
        Service("api", environment, logs / "api.log", api),
    ]
    for service in services:
        service.start()
    try:
        for service in services:
            await service.ready()
        yield Stage(services[1], services[0], platform, OutboxMarker(platform))
    finally:
        for service in services:
            service.stop()
        await platform.close()


@asynccontextmanager
async def visit(browser: Browser, stage: Stage, path: str, *, policy: bool) -> AsyncIterator[Page]:
    """Open a page; in the end nothing has run, no dialog was shown, and no request has left for elsewhere."""
    context = await browser.new_context(base_url=stage.api.url, bypass_csp=not policy)
    await context.add_init_script(WATCH)
    page = await context.new_page()
    dialogs: list[str] = []
    hosts: set[str] = set()
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        await page.goto(path)
        yield page
        assert await page.evaluate("window.ran") == []
        assert await page.evaluate(STRANGE) == []
        assert dialogs == []
        ours = {urlsplit(service.url).netloc for service in (stage.api, stage.realtime)}
        assert hosts - {""} <= ours, hosts
    finally:
        await context.close()


async def shown(page: Page, names: list[str]) -> None:
    wanted = "wanted => JSON.stringify((" + NAMES + ")()) === JSON.stringify(wanted)"
    try:
        await page.wait_for_function(wanted, arg=names, timeout=15_000)
    except Exception as error:
        there = await page.evaluate(NAMES)
        differing = [(one, other) for one, other in zip(names, there, strict=False) if one != other]
        raise AssertionError(f"{len(there)} names, differing: {differing[:5]}") from error


@pytest.mark.parametrize("policy", [False, True], ids=["without the policy", "with the policy"])
async def test_two_hundred_names_are_only_text(browser: Browser, stage: Stage, policy: bool, count: Count) -> None:
    if not stage.names:
        stage.names = hostile_names(2 * EACH)
        for number in range(2):
            await stage.fill(BOARDS[number].key, stage.names[number * EACH : (number + 1) * EACH])
    for number in range(2):
        names = stage.names[number * EACH : (number + 1) * EACH]
        async with visit(browser, stage, f"/?board={BOARDS[number].key}", policy=policy) as page:
            await shown(page, names)
            await expect(page.get_by_role("heading", level=1)).to_have_text(TITLES[number])
            assert await page.title() == f"{TITLES[number]} · Scoreboard"
            tabs = await page.locator("#boards .tab").all_text_contents()
            assert set(TITLES) <= set(tabs)
            # Whatever waits for a pointer or the focus gets both.
            for row in range(0, EACH, 9):
                await page.locator("#rows .name").nth(row).hover(force=True, timeout=5_000)
            for _ in range(10):
                await page.keyboard.press("Tab")
    count("names in a browser", 2 * EACH)


async def test_names_that_arrive_live_and_titles_of_kinds(browser: Browser, stage: Stage) -> None:
    board = BOARDS[2].key
    async with visit(browser, stage, f"/?board={board}", policy=False) as page:
        await expect(page.locator(".pill")).to_have_attribute("data-phase", "live", timeout=15_000)
        offers = page.locator(".offer__kind span:first-child")
        await expect(offers).to_have_count(len(KINDS))
        assert set(await offers.all_text_contents()) == set(TITLES)
        late = [
            f"{name[:28]}~{n}" for n, name in enumerate(("<img src=x onerror=pwn()>", "<svg onload=pwn()>", "<b>x</b>"))
        ]
        await stage.fill(board, late)
        await shown(page, late)


async def test_ones_own_name_after_the_log_in(browser: Browser, stage: Stage) -> None:
    name = "<img src=y onerror=pwn()>"
    async with httpx.AsyncClient(base_url=stage.api.url) as client:
        await register(client, name)
    async with visit(browser, stage, f"/?board={BOARDS[3].key}", policy=False) as page:
        await page.get_by_role("main").get_by_role("button", name="Log in").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill(name)
        await dialog.get_by_label("Password").fill(PASSWORD)
        await dialog.get_by_role("button", name="Log in").click()
        await expect(page.locator(".who__name")).to_have_text(name)
        await expect(page.locator(".kind__title")).to_have_text(_kinds_first(3))
        await asyncio.sleep(0.2)  # a picture that cannot be loaded takes a moment to say so


def _kinds_first(number: int) -> list[str]:
    """Titles of the kinds as the page orders them: those that count on this board first."""
    own = KINDS[number].title
    return [own, *(kind.title for kind in KINDS if kind.title != own)]


def test_the_names_are_allowed() -> None:
    names = hostile_names(2 * EACH)
    assert len(set(names)) == 2 * EACH
    assert sum("<" in name for name in names) > EACH
