"""One substation, five ways to ask it: every measurement is the same by each of them."""

import asyncio
import time

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from gateway.config.model import Config
from protocols.driver import Outside
from protocols.model import Batch, Quality
from protocols.points import Points
from simulator.configuration import HEAD, device
from simulator.meter import BAYS
from simulator.registers import MAPS
from simulator.scenario import parse
from simulator.speakers import SPEAKERS
from simulator.substation import serve

PATIENCE_S = 30
RESOLUTION = {f"{bay}.{register.name}": register.scale for bay, registers in MAPS.items() for register in registers}
"""What one digit of a Modbus register is worth; the others resolve at least as well, but for whole kWh."""


@pytest.fixture
async def substation(word):
    """A substation at one instant that stays, the same for every `word`."""
    async with serve(parse("name: x", "x.yaml"), ways=(word,)) as substation:
        substation.freeze()
        yield substation


@pytest.mark.parametrize("word", SPEAKERS)
async def test_every_measurement_of_every_bay_is_what_the_grid_says(substation, word):
    """Read by the gateway's own driver with the configuration that the simulator writes, good, to the last digit."""
    text = HEAD + "".join(device(word, bay, url) for bay, url in substation.urls[word].items())
    devices = TypeAdapter(Config).validate_python(yaml.safe_load(text)).devices
    points = Points.of([(each, each.points) for each in devices])
    found = Found(points)
    drivers = [each[0].driver(each, points, Outside(clock=time.time_ns)) for each in _conversations(devices).values()]
    try:
        async with asyncio.timeout(PATIENCE_S):
            for driver in drivers:
                await driver.connect()
            while differing := found.differing(substation.grid):
                for driver in drivers:
                    await found.read(driver)
    except TimeoutError:
        pytest.fail(f"{differing}")
    finally:
        for driver in drivers:
            await driver.close()

    assert len(points) == sum(len(names) for names in BAYS.values())
    assert not found.quality.any()


class Found:
    """What the drivers said last."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._values = np.full(len(points), np.nan)
        self.quality = np.full(len(points), Quality.INVALID, np.uint16)

    async def read(self, driver) -> None:
        for scan in driver.scans:
            for read in await driver.read(scan):
                if isinstance(read, Batch):
                    self._values[read.rows], self.quality[read.rows] = read.values, read.quality

    def differing(self, grid) -> list[str]:
        """Return the points that are not what the grid says, or not good."""
        return [
            f"{self._points.label(row)} {self._values[row]}"
            for row in range(len(self._points))
            if not self._is(row, grid)
        ]

    def _is(self, row: int, grid) -> bool:
        name = f"{self._points.device(row).partition('-')[0]}.{self._points.names[row]}"
        digit = 1.0 if name.endswith(".e") else RESOLUTION[name]
        return not self.quality[row] and self._values[row] == pytest.approx(grid[name], rel=1e-6, abs=0.51 * digit)


def _conversations(devices) -> dict[str, list]:
    """Return the devices that share an endpoint, together."""
    found: dict[str, list] = {}
    for each in devices:
        found.setdefault(each.endpoint, []).append(each)
    return found
