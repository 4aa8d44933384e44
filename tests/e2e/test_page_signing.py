"""The live page signs what its player does, with a key that no script can carry away."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from scoreboard.usecases.configure import seed_demo
from scoreboard.usecases.platform import open_platform
from scoreboard.usecases.rebuild_leaderboard import restore_missing
from tests.browser import watched
from tests.e2e.test_page_live import fresh
from tests.stage import Service, Stores, patient

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# Notes how the page imports keys: what it asks for, and whether the browser would give the key away again.
WATCH_KEYS = """
window.keys = [];
const original = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = async (...asked) => {
  const key = await original(...asked);
  window.keys.push({ extractable: key.extractable, usages: key.usages, given: await crypto.subtle.exportKey("raw", key)
    .then(() => true, () => false) });
  return key;
};
"""
SLOW_CLOCK = "const right = Date.now.bind(Date); Date.now = () => right() - 120_000;"


@pytest.fixture(scope="module")
async def api(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """An API that wants every action signed."""
    environment = await stores.environment(SCOREBOARD_REQUIRE_SIGNATURES="true")
    seeding = open_platform(patient(environment), application="test-seed")
    await seed_demo(seeding)
    await restore_missing(seeding)
    await seeding.close()
    service = Service("api", environment, tmp_path_factory.mktemp("page-signing") / "api.log")
    service.start()
    try:
        await service.ready()
        yield service
    finally:
        service.stop()


@pytest.mark.parametrize("clock", ["right", "slow"])
async def test_a_player_plays_signed_also_by_a_wrong_clock(browser: Browser, api: Service, clock: str) -> None:
    context = await browser.new_context(base_url=api.url)
    await context.add_init_script(WATCH_KEYS + (SLOW_CLOCK if clock == "slow" else ""))
    visited = await watched(context)
    page = visited.page
    sent: list[tuple[str, int]] = []
    page.on(
        "response",
        lambda reply: (
            sent.append((reply.request.headers.get("signature-input", ""), reply.status))
            if reply.request.method == "POST" and "/actions" in reply.url
            else None
        ),
    )
    await page.goto("/")
    await visited.opens_account("Create account", fresh("eve"))
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.get_by_label("Answer a quiz").check()
    await page.get_by_role("button", name="Start").click()
    complete = page.get_by_role("button", name="Complete", exact=True)
    await expect(complete).not_to_have_attribute("aria-disabled", "true", timeout=10_000)
    await complete.click()
    await expect(page.locator(".outcome__points")).to_contain_text("+10")
    assert [status for _, status in sent] == ([401, 201, 200] if clock == "slow" else [201, 200])
    covered = 'sb=("@method" "@path" "@query" "content-digest" "idempotency-key");'
    assert all(how.startswith(covered) for how, _ in sent)
    assert await page.evaluate("window.keys") == [{"extractable": False, "usages": ["sign"], "given": False}]
    stored = await page.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])")
    assert "key" not in stored.lower()
    await context.close()
