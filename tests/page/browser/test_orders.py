"""What a user may do, by keyboard alone: acknowledge and shelve, with his name; and what a reader may not."""

import json
import queue
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from whole_site import PATIENCE_S, Site

pytestmark = pytest.mark.browser

Opened = Callable[..., Awaitable[Any]]


@pytest.fixture
def told(site: Site) -> Iterator["queue.Queue[dict[str, Any]]"]:
    """Receive the alarms that reach the broker."""
    came: queue.Queue[dict[str, Any]] = queue.Queue()
    ready: queue.Queue[bool] = queue.Queue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe("gridsentinel/demo/gw1/alarm", qos=1)
    client.on_subscribe = lambda *_: ready.put(True)
    client.on_message = lambda _client, _data, message: came.put(json.loads(message.payload))
    client.connect("127.0.0.1", site.broker_port)
    client.loop_start()
    ready.get(timeout=PATIENCE_S)
    yield came
    client.disconnect()
    client.loop_stop()


def arrived(came: "queue.Queue[dict[str, Any]]", alarm: str, state: str) -> dict[str, Any]:
    """Wait for a state of an alarm at the broker."""
    while True:
        message = came.get(timeout=PATIENCE_S)
        if (message["id"], message["state"]) == (alarm, state):
            return message


async def focus(seen: Any, alarm: str, state: str) -> None:
    """Search for one alarm and go to it, without a pointer."""
    page = seen.page
    await page.keyboard.press("2")
    await page.wait_for_selector("ol.alarms > li")
    await page.keyboard.press("/")
    await page.keyboard.type(alarm)
    await page.wait_for_selector(f"ol.alarms > li[data-state={state}]:only-child")
    for _ in range(8):  # state, four severities, an incident or two
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.classList.contains('row')"):
            return
    pytest.fail("Tab does not reach the alarm")


async def test_alarms_are_acknowledged_and_shelved_by_keyboard(open_page: Opened, site: Site, told: Any) -> None:
    """`a` and Enter acknowledge, `s` shelves and unshelves; the broker and the audit log hear who did."""
    seen = await open_page()
    alarm = "feeder5/comm_lost"
    before = next(each for each in site.ask("alarms")["alarms"] if each["id"] == alarm)["state"]
    await focus(seen, alarm, before)
    await seen.page.keyboard.press("a")
    if before == "active_unacked":
        await seen.page.wait_for_selector("dialog[open] >> text=anna")
        await seen.page.keyboard.press("Enter")

        assert arrived(told, alarm, "active_acked")["by"] == "anna"
    await seen.page.wait_for_selector("li[data-state=active_acked]")
    await seen.page.keyboard.press("s")
    await seen.page.wait_for_selector("dialog[open] select")
    await seen.page.keyboard.press("Enter")

    assert arrived(told, alarm, "shelved")["by"] == "anna"
    await seen.page.wait_for_selector("li[data-state=shelved] button.row:focus")
    await seen.page.keyboard.press("s")
    await seen.page.wait_for_selector("dialog[open] >> text=Unshelve this alarm?")
    await seen.page.keyboard.press("Enter")
    arrived(told, alarm, "active_acked")
    entries = [line for line in site.audit().splitlines() if alarm in line and "anna" in line]

    assert {word for word in ("ack", "shelve", "unshelve") if any(f'"{word}"' in line for line in entries)} >= {
        "shelve", "unshelve",
    }  # fmt: skip
    assert seen.faults == []


async def test_a_reader_is_told_that_he_only_reads(open_page: Opened) -> None:
    """Who may read sees everything, no order, and why there is none; the keys do nothing for him."""
    seen = await open_page("ben")
    await focus(seen, "feeder5/comm_lost", (await states(seen))["feeder5/comm_lost"])
    await seen.page.keyboard.press("Enter")
    await seen.page.wait_for_selector("text=You may only read")
    await seen.page.keyboard.press("a")
    await seen.page.keyboard.press("s")

    assert await seen.page.locator("dialog").count() == 0
    assert await seen.page.locator("[data-order]").count() == 0
    assert await seen.page.inner_text("#user") == "ben, reads only"


async def states(seen: Any) -> dict[str, str]:
    """Return the state of each alarm, as the page asks for it."""
    told = await seen.page.evaluate("fetch('/api/v1/alarms').then((answer) => answer.json())")
    return {each["id"]: each["state"] for each in told["alarms"]}


async def test_everything_is_reached_by_keyboard(open_page: Opened, site: Site) -> None:
    """The skip link, the views by number, a list by arrows, search, help, a trend's pointer, and the way out."""
    seen = await open_page()
    page = seen.page
    await page.reload()
    await page.wait_for_selector(".oneline .value")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog[open] >> text=acknowledge the alarm")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("dialog", state="detached")
    await page.keyboard.press("4")
    await page.wait_for_selector(".space .line")
    await page.keyboard.press("/")
    await page.keyboard.type("feeder3.i")
    await page.wait_for_selector(".line:has-text('feeder3.ia')")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open] >> text=feeder3.ib")
    await page.wait_for_selector("dialog[open] >> text=holding register 110")
    await page.keyboard.press("Escape")
    await page.keyboard.press("3")
    await page.wait_for_selector(".chartframe")
    await page.focus(".chartframe")
    newest = await page.get_attribute(".chartframe", "aria-valuetext")
    await page.keyboard.press("Home")

    assert newest.startswith("newest: feeder1.p")
    assert not (await page.get_attribute(".chartframe", "aria-valuetext")).startswith("newest")
    await page.focus("#logout")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#token:focus")
    assert seen.faults == []
