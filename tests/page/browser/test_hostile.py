"""What devices, brokers and configurations say is text, whatever they say."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from whole_site import HOSTILE, ODD, Site

pytestmark = pytest.mark.browser

ALARM = {
    "text": f"{HOSTILE}<script>fetch('/')</script>",
    "device": f"feeder1{HOSTILE}",
    "advice": HOSTILE,
    "causes": [HOSTILE],
}
FACT = {"key": f"it's $(id) {HOSTILE}", "value": HOSTILE, "state": "waits"}
Changed = Mapping[str, Any]


def alarms(answer: Changed) -> Changed:
    return {**answer, "alarms": [{**each, **ALARM} for each in answer["alarms"]]}


def status(answer: Changed) -> Changed:
    return {**answer, "devices": {f"{HOSTILE}{name}": each for name, each in answer["devices"].items()}}


def cyber(answer: Changed) -> Changed:
    return {**answer, "facts": [{**each, **FACT} for each in answer["facts"]]}


async def test_markup_of_others_stays_text(open_page: Callable[..., Awaitable[Any]], site: Site) -> None:
    """Names, texts, keys and a unit full of markup are shown as they are written; none of it becomes an element."""
    seen = await open_page(user=None)
    for change in (alarms, status, cyber):
        await seen.replace(change.__name__, change)
    await seen.enter(site.tokens["anna"])
    text = {}
    for view, ready in {
        "overview": ".worst li",
        "alarms": "button.row",
        "devices": "td a",
        "cyber": ".command",
        f"points?find=feeder1.{ODD}": ".space .line",
        f"trend?points=feeder1.{ODD}": ".legend strong",
    }.items():
        await seen.view(view, ready)
        if view == "alarms":
            await seen.page.locator("button.row").first.click()
        text[view] = await seen.page.inner_text("main")

        assert HOSTILE in text[view], view
        assert await seen.page.locator("img, main script, iframe, object").count() == 0, view
    assert seen.faults == []
    assert f"'it'\\''s $(id) {HOSTILE}'" in text["cyber"]
