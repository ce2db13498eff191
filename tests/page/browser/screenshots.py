"""The pictures of docs/page.md and of the README, from a real gateway: python screenshots.py FOLDER [MINUTES]."""

import asyncio
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from conftest import chromium
from PIL import Image
from playwright.async_api import Page, async_playwright
from whole_site import Site

MINUTES = 8.0
"""How long the gateway runs before the first picture: a trend needs history."""
MOST_BYTES = 150_000
COLOURS = 256
"""Of a picture: the page is grey, and what is not must keep its colour."""
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
DARK: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "color_scheme": "dark",
    "device_scale_factor": 2,
    "is_mobile": True,
}


def main(folder: Path, minutes: float) -> None:
    """Start a site, wait, and draw."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gridsentinel-screenshots-") as place:
        site = Site(Path(place))
        try:
            site.start()
            time.sleep(60 * minutes)
            asyncio.run(draw(site, folder))
        finally:
            site.stop()


async def draw(site: Site, folder: Path) -> None:
    """Draw every picture."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium())
        wide = await browser.new_context(**WIDE)
        page = await entered(await wide.new_page(), site)
        await take(page, folder / "overview.png", "overview", "[aria-label^='feeder5, worst']", full=True)
        await page.evaluate("location.hash = 'alarms?find=feeder1/ia'")
        await page.click("button.row >> nth=0")
        await page.fill("#find", "")
        await page.focus("button.row >> nth=0")
        await take(page, folder / "alarms.png", None, ".details", full=True)
        await take(
            page, folder / "trend.png", "trend?points=feeder1.ia,feeder2.ia,bus1.va&hours=1", ".legend .read", full=True
        )
        dark = await browser.new_context(**DARK)
        page = await entered(await dark.new_page(), site)
        await take(page, folder / "phone.png", "overview", ".oneline .value")
        await browser.close()


async def entered(page: Page, site: Site) -> Page:
    """Log in."""
    await page.goto(site.url)
    await page.fill("#token", site.tokens["anna"])
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".oneline .value")
    return page


async def take(page: Page, path: Path, view: str | None, ready: str, *, full: bool = False) -> None:
    """Show a view and take its picture."""
    if view is not None:
        await page.evaluate("view => { location.hash = view; }", view)
    await page.wait_for_selector(ready)
    await page.wait_for_timeout(2500)  # the values and the lists of this view have come, and none is half-way
    written(await page.screenshot(full_page=full), path)


def written(taken: bytes, path: Path) -> None:
    """Write a picture with few colours, and so few bytes."""
    picture = Image.open(io.BytesIO(taken))
    picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    size = path.stat().st_size
    sys.stdout.write(f"{path} {picture.width} x {picture.height}, {size} bytes\n")
    assert size <= MOST_BYTES, f"{path} is larger than {MOST_BYTES} bytes"


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else MINUTES)
