"""A frozen page never looks alive, and a page that lives is frugal."""

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from whole_site import Site

pytestmark = pytest.mark.browser

Opened = Callable[..., Awaitable[Any]]
VEILED = "getComputedStyle(document.getElementById('veil')).opacity > 0.5"
LINES_MOST = 60
"""Rows of the list of points that exist at once, whatever its length: those in view, and some to spare."""


async def test_a_gateway_that_hangs_is_told_at_once_and_large(open_page: Opened, site: Site) -> None:
    """Within seconds the page says so above all else, and fades; when the gateway is back, the page lives."""
    seen = await open_page()
    site.signal(signal.SIGSTOP)
    try:
        await seen.page.wait_for_selector("#loss:visible", timeout=10_000)
        said = await seen.page.inner_text("#loss")
        await seen.page.wait_for_function(VEILED)
        age = await seen.page.inner_text("#age")
    finally:
        site.signal(signal.SIGCONT)

    assert said.startswith("NO CONNECTION TO THE GATEWAY")
    assert age.endswith("old")
    await seen.page.wait_for_selector("#loss", state="hidden")
    await seen.page.wait_for_function(f"!({VEILED})")


async def test_a_gateway_that_was_killed_comes_back_to_the_login(open_page: Opened, site: Site) -> None:
    """A kill shows at once; the new gateway knows no session, so the page asks for the token again."""
    seen = await open_page()
    site.signal(signal.SIGKILL)
    try:
        await seen.page.wait_for_selector("#loss:visible", timeout=5_000)
    finally:
        site.start_gateway()
    await seen.page.wait_for_selector("#token:visible")

    assert not await seen.page.is_visible("#loss")
    assert "feeder" not in await seen.page.inner_text("body")


async def test_without_an_answer_the_veil_falls_even_if_the_script_hangs(open_page: Opened) -> None:
    """The veil is an animation of the browser's own, which each answer starts anew, five seconds ahead."""
    seen = await open_page()
    animation = "document.getElementById('veil').getAnimations()[0]"
    before = await seen.page.evaluate("document.getElementById('veil').dataset.beat")
    await seen.page.wait_for_function("beat => document.getElementById('veil').dataset.beat !== beat", arg=before)
    delay, at = await seen.page.evaluate(f"[{animation}.effect.getTiming().delay, {animation}.currentTime]")

    assert delay == 5000
    assert at < 2000
    await seen.page.evaluate(f"{animation}.currentTime = 5001")
    assert await seen.page.evaluate(VEILED)


async def test_values_touch_only_what_changed_and_is_in_view(open_page: Opened, site: Site) -> None:
    """Of all points few have a row; while values come, no element is made or taken away: only text changes."""
    seen = await open_page()
    await seen.view("points", ".space .line")
    seen_points = int((await seen.page.inner_text(".panel [role=status]")).split()[0])
    changes = await seen.page.evaluate(
        """() => new Promise((settle) => {
          const seen = { childList: 0, characterData: 0 };
          const watching = new MutationObserver((all) => all.forEach((each) => {
            const text = [...each.addedNodes].every((node) => node.nodeType === Node.TEXT_NODE);
            seen[each.type === "childList" && !text ? "childList" : "characterData"]++;
            if (seen.characterData > 60) { watching.disconnect(); settle(seen); }
          }));
          watching.observe(document.querySelector(".window"), { subtree: true, childList: true, characterData: true });
        })"""
    )

    assert seen_points == len(site.ask("points")["points"])
    assert await seen.page.locator(".space .line").count() < LINES_MOST < seen_points
    assert changes["childList"] == 0
