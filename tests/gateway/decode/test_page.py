"""docs/commissioning.md, compared with the simulated substation and the profiles."""

import re
import shlex
from pathlib import Path

import pytest

from gateway.config import profile
from simulator import scenario
from simulator.configuration import demo_urls
from simulator.substation import serve as simulate

PAGE = (Path(__file__).parents[3] / "docs" / "commissioning.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(found[1], found[2]) for found in FENCE.finditer(PAGE)]
DECODE = re.compile(r"gridsentinel decode '?(opc\.tcp://127|tcp://127|rtu:///dev/shm)")
SIMULATED = [
    (text, BLOCKS[index + 1][1] if not BLOCKS[index + 1][0] else "")
    for index, (language, text) in enumerate(BLOCKS)
    if language == "sh" and DECODE.match(text)
]
"""Commands for the simulated substation, with what the page shows below them."""


@pytest.mark.parametrize(("command", "shown"), SIMULATED)
async def test_the_examples_work(decode, command, shown):
    """Every command against the simulator ends well, and finds the point, or the blocks, that the page shows."""
    url = shlex.split(command)[2]
    word, bay = next((word, bay) for word, bays in demo_urls().items() for bay in bays if bays[bay] == url)
    async with simulate(scenario.load("normal"), ways=(word,)) as substation:
        said = await decode(*shlex.split(command.replace(url, substation.urls[word][bay]))[2:], "--timeout", "30")

    assert said.code == 0, said.err
    stable = [
        line for line in shown.splitlines() if line.startswith("  - {") or " answers" in line or "refused" in line
    ]
    for line in stable:
        assert line.split("# now")[0] in said.out


def test_examples_are_there():
    """The page shows at least a range, bits, a map, a SunSpec meter, and another protocol than Modbus."""
    assert len(SIMULATED) >= 6


def test_every_profile_is_listed():
    """The table of the page has each profile once."""
    listed = [
        name for row in re.findall(r"^\| (`[\w-]+/.*?`) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(.*?)`", row)
    ]

    assert sorted(listed) == list(profile.names())
