"""docs/commissioning.md, compared with the simulated substation and the profiles."""

import re
import shlex
from pathlib import Path

import pytest

from gateway.config import profile
from simulator import scenario
from simulator.configuration import demo_ports
from simulator.substation import serve as simulate

PAGE = (Path(__file__).parents[3] / "docs" / "commissioning.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(found[1], found[2]) for found in FENCE.finditer(PAGE)]
AT = "gridsentinel decode tcp://127.0.0.1:"
SIMULATED = [
    (text, BLOCKS[index + 1][1] if not BLOCKS[index + 1][0] else "")
    for index, (language, text) in enumerate(BLOCKS)
    if language == "sh" and text.startswith(AT)
]
"""Commands for the simulated substation, with what the page shows below them."""


@pytest.mark.parametrize(("command", "shown"), SIMULATED)
async def test_the_examples_work(decode, command, shown):
    """Every command against the simulator ends well, and finds the point, or the blocks, that the page shows."""
    port = int(command.removeprefix(AT).split()[0])
    bay = next(bay for bay, served in demo_ports().items() if served == port)
    async with simulate(scenario.load("normal")) as substation:
        said = await decode(*shlex.split(command.replace(str(port), str(substation.ports[bay])))[2:])

    assert said.code == 0, said.err
    stable = [
        line for line in shown.splitlines() if line.startswith("  - {") or " answers" in line or "refused" in line
    ]
    for line in stable:
        assert line.split("# now")[0] in said.out


def test_examples_are_there():
    """The page shows at least a range, bits and a map."""
    assert len(SIMULATED) >= 4


def test_every_profile_is_listed():
    """The table of the page has each profile once."""
    listed = [name for row in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(.*?)`", row)]

    assert sorted(listed) == list(profile.names())
