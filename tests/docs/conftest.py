"""The pages, cut into what can be checked: fenced blocks, code in the text, tables; and what a real gateway says."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.config.loader import load
from gateway.orders import Order
from simulator import scenario
from simulator.substation import serve

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
OF_EXAMPLE = re.compile(r"# (?:add to |instead of )?[\w./-]+\.(?:py|yaml)(?: of the example)?\n")
"""The first line of a block that belongs to a worked example: the file it is, or that it changes."""

PREFIX = "gridsentinel/nairobi-west/gw1/"
CONFIG = """
gateway: {{site: nairobi-west, name: gw1, state_dir: {folder}/state}}
uplink: {{url: {url}, window_s: 1}}
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://127.0.0.1:{port}
    points:
      - {{name: va, address: "holding:100", type: float32, unit: V, deadband: 0, limits: {{high: 1}},
         role: {{bay: feeder1, quantity: voltage, phase: a}}}}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: what it says, in which language, and where: page, line, and the heading above."""

    page: str
    line: int
    heading: str
    language: str
    text: str

    @property
    def of_example(self) -> bool:
        return OF_EXAMPLE.match(self.text) is not None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    """Yield the fenced blocks of all pages."""
    for page in PAGES:
        text = page.read_text()
        rest = FENCE.sub(lambda found: " " * len(found[0]), text)
        for found in FENCE.finditer(text):
            above = HEADING.findall(rest, 0, found.start())
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page.name, line, above[-1] if above else "", found[1], found[2])


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", page.read_text())


def words() -> Iterator[tuple[str, str]]:
    """Yield (page, code) for all code within the text of all pages."""
    for page in PAGES:
        for found in CODE.finditer(prose(page)):
            yield page.name, found[1]


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below `heading` of a page in docs/, without the table's head."""
    text = (ROOT / "docs" / page).read_text()
    below = re.split(rf"^#+ {re.escape(heading)}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    table = re.search(r"^\|.*?\n\|[-| ]+\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table is not None, f"{page} has no table below {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]


@pytest.fixture
def table() -> Callable[[str, str], list[list[str]]]:
    """Return `rows`."""
    return rows


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one case for each block, each piece of code, each page."""
    if "yaml_block" in metafunc.fixturenames:
        found = [block for block in blocks() if block.language == "yaml" and not block.of_example]
        metafunc.parametrize("yaml_block", found, ids=str)
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture(scope="session")
def every_block() -> list[Block]:
    """Return the fenced blocks of all pages."""
    return list(blocks())


@pytest.fixture(scope="session")
def every_word() -> list[tuple[str, str]]:
    """Return (page, code) for all code within the text of all pages."""
    return list(words())


@pytest.fixture
async def said(mosquitto, subscribe, tmp_path: Path) -> Any:
    """Let a gateway poll a simulated feeder, be asked everything, and stop; return what it said by topic."""
    heard = subscribe(mosquitto, f"{PREFIX}#")
    path = tmp_path / "gateway.yaml"
    async with serve(scenario.load("normal")) as substation:
        path.write_text(CONFIG.format(folder=tmp_path, url=mosquitto.url, port=substation.ports["feeder1"]))
        gateway = Gateway(path, load(path))
        running = asyncio.create_task(gateway.run())
        await heard.until(lambda heard: heard.on("/alarm") and heard.on("/telemetry") and heard.on("/change"))
        for order in ({"do": "ack", "alarm": "feeder1/va/limit_high", "by": "anna"}, {"do": "gaps"}, {"do": "no"}):
            heard.say(f"{PREFIX}command", json.dumps({"id": order["do"], **order}).encode())
        await heard.until(lambda heard: len(heard.on("/reply")) == 3)
        gateway.order(Order.STOP)
        async with asyncio.timeout(60):
            await running
        await heard.until(lambda heard: not heard.on("/status")[-1]["online"])
    return heard
