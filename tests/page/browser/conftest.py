"""What the tests in a real browser share: a whole site, and a page in headless Chromium that tells of every fault."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright
from whole_site import Site

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
PATIENCE_MS = 30_000

Opened = Callable[..., Awaitable["Seen"]]


def chromium() -> dict[str, Any]:
    """Return how the browser is started: Debian's, not one of Playwright's own."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.fail("no chromium: make browser fetches it")
    return {"executable_path": program, "args": [] if os.geteuid() else ["--no-sandbox"]}  # root gets no sandbox


class Seen:
    """A page, and what went wrong in it: errors of the console, and requests to anywhere else."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        page.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(f"{url}/") else self.faults.append(asked.url))

    async def enter(self, token: str) -> None:
        """Log in, by keyboard."""
        await self.page.goto(self.url)
        await self.page.fill("#token", token)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("body[data-state=in][data-link=live]")

    async def view(self, name: str, ready: str) -> None:
        """Go to a view, and return when `ready` is there."""
        await self.page.evaluate("name => { location.hash = name; }", name)
        await self.page.wait_for_selector(ready)

    async def replace(self, path: str, change: Callable[[Any], Any]) -> None:
        """Change every answer to `path` on its way to the page."""

        async def altered(route: Route) -> None:
            answer = await route.fetch()
            await route.fulfill(response=answer, json=change(await answer.json()))

        await self.page.route(f"**/api/v1/{path}*", altered)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one site for all tests; each leaves the gateway running."""
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Run a headless Chromium."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(**chromium())
        yield running
        await running.close()


@pytest.fixture
async def open_page(browser: Browser, site: Site) -> AsyncIterator[Opened]:
    """Open pages: `user` logs in, the other keys are those of a browser context."""
    async with AsyncExitStack() as stack:

        async def opened(user: str | None = "anna", **keys: Any) -> Seen:
            context = await browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **keys})
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            seen = Seen(await context.new_page(), site.url)
            if user is not None:
                await seen.enter(site.tokens[user])
            return seen

        yield opened
