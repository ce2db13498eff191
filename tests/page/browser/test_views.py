"""Every view, with a wide screen and on a phone, light and dark: shown, readable, and without a fault."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

pytestmark = pytest.mark.browser

VIEWS = {
    "overview": ".oneline .value",
    "alarms": "ol.alarms > li",
    "trend?points=feeder1.ia,bus1.va&hours=1": ".legend:has-text('H 300') .read",
    "points": ".space .line",
    "devices": "td meter",
    "delivery": "meter.large",
    "cyber": "td code",
    "reports": "text=so far",
}
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
Opened = Callable[..., Awaitable[Any]]


async def faults_of_access(page: Any) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 A and AA, colours and their contrast among it."""
    await page.evaluate(AXE)
    found = await page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_view_is_shown_without_a_fault(open_page: Opened, colours: str) -> None:
    """Each view shows what it is for; nothing goes to the console or to anywhere else; axe finds nothing against AA."""
    seen = await open_page(color_scheme=colours)
    wrong = []
    for name, ready in VIEWS.items():
        await seen.view(name, ready)
        wrong += [f"{name} {fault}" for fault in await faults_of_access(seen.page)]

    assert wrong == []
    assert seen.faults == []


async def test_a_phone_needs_no_sideways_scrolling(open_page: Opened) -> None:
    """At 360 pixels no view is wider than the screen, and what is touched is large enough."""
    seen = await open_page(color_scheme="dark", **PHONE)
    wrong, widths = [], {}
    for name, ready in VIEWS.items():
        await seen.view(name, ready)
        widths[name] = await seen.page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{name} {fault}" for fault in await faults_of_access(seen.page)]

    assert set(widths.values()) == {360}, widths
    assert wrong == []


async def test_the_login_is_readable_and_says_what_is_wrong(open_page: Opened) -> None:
    """A wrong token is told in words, nothing of the gateway is shown before, and axe finds nothing."""
    seen = await open_page(user=None)
    await seen.page.goto(seen.url)
    await seen.page.fill("#token", "wrong")
    await seen.page.keyboard.press("Enter")
    await seen.page.wait_for_selector("text=does not know this token")

    assert await faults_of_access(seen.page) == []
    await seen.page.evaluate("document.querySelector('h2').style.color = '#bbb'")
    assert [each.split(":")[0] for each in await faults_of_access(seen.page)] == ["color-contrast"]
    assert not await seen.page.is_visible("nav")
    assert "feeder" not in await seen.page.inner_text("body")


async def test_the_diagram_tells_breakers_flow_and_quality(open_page: Opened) -> None:
    """A tripped feeder is open and without flow; of a silent device nothing is claimed, and its alarm is marked."""
    seen = await open_page()
    await seen.page.wait_for_selector("[aria-label='breaker of feeder2 open']")
    await seen.page.wait_for_selector("[aria-label='breaker of feeder5 unknown']")
    await seen.page.wait_for_selector("[aria-label='breaker of t1 closed']")
    await seen.page.wait_for_selector("[aria-label='feeder5, worst alarm critical']")
    known = seen.page.locator(".reading", has=seen.page.locator("title", has_text="feeder5.p"))
    said = await known.get_attribute("data-quality"), await known.locator(".flag").text_content()

    assert said in {("bad", "B"), ("unread", "U")}  # unread where it fell silent before its first reading
    assert await seen.page.locator("[aria-label='no power flows']").count() >= 1
    assert await seen.page.locator("[aria-label='power flows into the bus']").count() == 2


async def test_the_colours_are_remembered(open_page: Opened) -> None:
    """The switch goes from the system's colours to dark, and a new visit is still dark."""
    seen = await open_page(color_scheme="light")
    light = await seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    await seen.page.click("#theme")
    await seen.page.reload()
    await seen.page.wait_for_selector("html[data-theme=dark]")

    assert light != await seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def staged(told: Any) -> Any:
    """Let there be two alarms that wait to be acknowledged, and one that is shelved."""
    one, states = told["alarms"][0], ("active_unacked", "active_unacked", "shelved")
    told["alarms"] = [{**one, "id": f"{one['id']}{at}", "state": state} for at, state in enumerate(states)]
    return {**told, "count": len(states)}


ORDERS = (("active_unacked", "a", "Acknowledge"), ("active_unacked", "s", "Shelve"), ("shelved", "s", "Unshelve"))


@pytest.mark.parametrize(
    "keys", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
async def test_every_dialog_is_readable(open_page: Opened, keys: dict[str, Any]) -> None:
    """Orders, a refusal, a point and the help: axe finds nothing in them, and each gives the focus back."""
    seen = await open_page(**keys)
    page, wrong = seen.page, []
    await seen.replace("alarms", staged)
    await seen.view("alarms", "ol.alarms > li[data-state=shelved]")
    for state, key, told in ORDERS:
        row = f"ol.alarms > li[data-state={state}] button.row >> nth=0"
        await page.focus(row)
        await page.keyboard.press(key)
        await page.wait_for_selector(f"dialog[open] >> text={told} this alarm?")
        wrong += [f"{told} {fault}" for fault in await faults_of_access(page)]
        await page.keyboard.press("Escape")
        await page.wait_for_selector("dialog", state="detached")
        assert await page.evaluate("document.activeElement.classList.contains('row')")
    await page.route("**/api/v1/alarms/ack", lambda route: route.fulfill(status=409, json={"error": "no such alarm"}))
    await page.focus("ol.alarms > li[data-state=active_unacked] button.row >> nth=0")
    await page.keyboard.press("a")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open] .fault:not(:empty)")
    wrong += [f"refused {fault}" for fault in await faults_of_access(page)]
    await page.keyboard.press("Escape")
    await seen.view("points", ".space .line")
    await page.click(".space .line >> nth=0")
    await page.wait_for_selector("dialog[open] >> text=Trend")
    wrong += [f"point {fault}" for fault in await faults_of_access(page)]
    await page.keyboard.press("Escape")
    await page.wait_for_selector("dialog", state="detached")
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog[open] >> text=acknowledge the alarm")
    wrong += [f"help {fault}" for fault in await faults_of_access(page)]
    await page.evaluate("document.querySelector('dialog h2').style.opacity = 0.2")
    pale = {each.split(":")[0] for each in await faults_of_access(page)}
    await page.unroute_all(behavior="ignoreErrors")

    assert wrong == []
    assert pale == {"color-contrast"}
