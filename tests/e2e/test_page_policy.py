"""The pages under their own policy in a real browser: nothing that they do is blocked, and what must be blocked is."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, expect

from scoreboard.usecases.configure import DEMO_BOARDS, DEMO_KINDS, configure
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.browser import Visit, watched
from tests.stage import Service, Stores, free_port, settings_from

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

NO_SCORE_YET = re.compile("the server responded with a status of 404")
PATIENCE = 30_000  # milliseconds; the machine may be busy
WITNESS = """
globalThis.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


async def violations(visit: Visit) -> list[str]:
    """What the page's policy has blocked."""
    seen: list[str] = await visit.page.evaluate("() => globalThis.violations")
    return seen


Open = Callable[[str], Awaitable[Visit]]


@pytest.fixture(scope="module")
async def address(browser: Browser, stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where the API is; realtime runs beside it."""
    api, realtime = free_port(), free_port()
    environment = await stores.environment(
        SCOREBOARD_REALTIME_URL=f"http://127.0.0.1:{realtime}", SCOREBOARD_ALLOWED_ORIGINS=f"http://127.0.0.1:{api}"
    )
    patient = settings_from({**environment, "SCOREBOARD_REDIS_TIMEOUT": "10"})  # the machine may be busy
    seeding = open_platform(patient, application="test-seed")
    await configure(seeding, DEMO_BOARDS, DEMO_KINDS, managed_by="test")
    await restore_missing(seeding)
    await seeding.close()
    logs = tmp_path_factory.mktemp("page-policy")
    services = [
        Service("realtime", environment, logs / "realtime.log", realtime),
        Service("api", environment, logs / "api.log", api),
    ]
    try:
        for service in services:
            service.start()
        for service in services:
            await service.ready()
        yield services[1].url
    finally:
        for service in services:
            if service.process is not None:
                service.stop()


@pytest.fixture
async def visit(browser: Browser, address: str) -> AsyncIterator[Open]:
    """Open a path in a browser context of its own."""
    contexts = []

    async def opened(path: str) -> Visit:
        context = await browser.new_context(base_url=address)
        contexts.append(context)
        await context.add_init_script(WITNESS)
        seen = await watched(context)
        seen.expected = [NO_SCORE_YET]
        await seen.page.goto(path)
        return seen

    yield opened
    for context in contexts:
        await context.close()


async def test_the_live_page_does_all_its_work_under_its_policy(visit: Open) -> None:
    seen = await visit("/")
    await expect(seen.page.locator(".pill")).to_have_attribute("data-phase", "live", timeout=PATIENCE)
    await seen.page.locator("#theme-toggle").click()
    await seen.page.get_by_role("main").get_by_role("button", name="Create account").click()
    dialog = seen.page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("policy tester")
    await dialog.get_by_label("Password").fill("correct horse battery")
    await dialog.get_by_role("button", name="Create account").click()
    await expect(seen.page.locator("#session")).to_contain_text("policy tester", timeout=PATIENCE)
    assert await violations(seen) == []
    assert seen.unexpected() == []


async def test_the_reference_does_all_its_work_under_its_policy(visit: Open) -> None:
    seen = await visit("/docs")
    await expect(seen.page.locator(".opblock").first).to_be_visible(timeout=PATIENCE)
    for block in ("auth", "boards"):
        await seen.page.locator(f'[id^="operations-{block}"]').first.locator(".opblock-summary-control").click()
    await expect(seen.page.locator(".opblock.is-open .responses-table").first).to_be_visible(timeout=PATIENCE)
    assert await violations(seen) == []
    assert seen.unexpected() == []


@pytest.mark.parametrize("path", ["/problems/cooldown", "/nowhere"])
async def test_pages_without_modules(visit: Open, path: str) -> None:
    seen = await visit(path)
    await expect(seen.page.locator("h1")).to_be_visible(timeout=PATIENCE)
    assert await seen.page.evaluate("() => getComputedStyle(document.body).fontFamily.includes('Inter')")
    assert await violations(seen) == []
    assert seen.unexpected() == []


# What somebody who got words into a page would try. Each must be stopped by the policy itself.
ATTEMPTS = {
    "markup from text": "() => { document.createElement('div').innerHTML = '<img src=x onerror=1>'; }",
    "a policy of one's own": "() => { trustedTypes.createPolicy('mine', { createHTML: (text) => text }); }",
    "a script by address": "() => { document.createElement('script').src = 'https://elsewhere.example.org/x.js'; }",
    "a timer with text": "() => { setTimeout('1 + 1'); }",
}


@pytest.mark.parametrize("path", ["/", "/console", "/problems/cooldown", "/nowhere"])
async def test_text_never_becomes_markup_or_script(visit: Open, path: str) -> None:
    seen = await visit(path)
    for number, (what, attempt) in enumerate(ATTEMPTS.items(), 1):
        stopped = await seen.page.evaluate(
            f"() => {{ try {{ ({attempt})(); return ''; }} catch (e) {{ return e.name; }} }}"
        )
        assert stopped in ("TypeError", "EvalError"), what
        await seen.page.wait_for_function("(number) => globalThis.violations.length >= number", arg=number)


async def test_other_places_cannot_be_reached(visit: Open, address: str) -> None:
    seen = await visit("/problems/cooldown")
    assert (
        await seen.page.evaluate("() => fetch('https://elsewhere.example.org/').then(() => 'sent', () => 'stopped')")
        == "stopped"
    )
    frame = "const frame = document.createElement('iframe'); frame.src = address; document.body.append(frame);"
    await seen.page.evaluate(f"(address) => {{ {frame} }}", address)
    await seen.page.wait_for_function("() => globalThis.violations.length > 1")
    assert {line.split()[0] for line in await violations(seen)} == {"connect-src", "frame-src"}
