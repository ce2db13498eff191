"""The simulated substation as the daemon's Modbus drivers see it, faster than real time: no socket, the same digits.

Values have the resolution of their registers, bays look at moments of their own within each second, a device that does
not answer is an event and brings no readings, a register that is refused is an event and brings none either.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import yaml
from pydantic import TypeAdapter

from gateway.config.model import Config
from protocols.model import Batch, Event, EventKind, Fed, Rows, Tick, Values
from protocols.points import Points
from simulator.conduct import Conduct
from simulator.configuration import configuration, demo_urls
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX
from simulator.registers import MAPS, RANGES

NS = 1_000_000_000
MIDNIGHT_NS = 1_772_409_600 * NS
"""2026-03-02, a Monday, UTC: midnight of the grid's first day."""
TICK_NS = 1_000_000
"""How long after the readings of a second time passes for the checks."""
TIMEOUT_S = 1.0
"""An answer that is later than this is none; as in the configuration."""


def config() -> Config:
    """Return config/demo.yaml as far as its bays are asked by Modbus TCP."""
    told = yaml.safe_load(configuration(demo_urls()))
    told["devices"] = [device for device in told["devices"] if device["name"] in BAYS]
    return TypeAdapter(Config).validate_python(told)


def points_of(gateway: Config) -> Points:
    """Return its table of points."""
    return Points.of([(device, device.points) for device in gateway.devices])


class Poll:
    """One poll of every bay each second: turns what a grid shows into what a pipeline is fed."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._row = {points.label(row): row for row in range(len(points))}
        registers = [
            {each.name: each for each in MAPS[points.device(row)]}[points.names[row]] for row in self._row.values()
        ]
        self._at = np.array([INDEX[label] for label in self._row])
        self._scale = np.array([each.scale for each in registers])
        self._float = np.array([each.type == "float32" for each in registers])
        ranges = np.array([RANGES.get(each.type, (0, 1)) for each in registers])
        self._low, self._high = ranges[:, 0], ranges[:, 1]
        self._lost: set[str] = set()
        self._refused: frozenset[str] = frozenset()

    def read(self, grid: Grid, conducts: Mapping[str, Conduct]) -> Iterator[Fed]:
        """Yield what one poll of all bays brings, then the tick that ends its second."""
        now_ns = MIDNIGHT_NS + round(grid.time_s * NS)
        yield from self._links(conducts, now_ns)
        yield from self._refusals(conducts, now_ns)
        rows = self._answered()
        if len(rows):
            values, quality = self.digits(grid.values)[rows], np.zeros(len(rows), np.uint16)
            yield Batch(rows, values, quality, np.full(len(rows), now_ns), now_ns)
        yield Tick(now_ns + TICK_NS)

    def digits(self, values: Values) -> Values:
        """Return float64[n]: the grid's `values` by row, as registers hold and drivers decode them."""
        shown = values[self._at]
        raw = np.clip(np.round(shown / self._scale), self._low, self._high)
        return np.where(self._float, shown.astype(np.float32).astype(np.float64), raw * self._scale)

    def _answered(self) -> Rows:
        absent = [row for bay in self._lost for row in self._points.rows_of[bay]]
        absent += [self._row[point] for point in self._refused]
        return np.setdiff1d(np.arange(len(self._points)), absent).astype(np.int32)

    def _links(self, conducts: Mapping[str, Conduct], now_ns: int) -> Iterator[Event]:
        bad = {bay for bay, conduct in conducts.items() if conduct.answers != "well" or conduct.delay_s > TIMEOUT_S}
        for bay in sorted(bad ^ self._lost):
            if bay in bad:
                yield Event(bay, EventKind.LOST, "no answer", now_ns)
            else:
                yield Event(bay, EventKind.CONNECTED, "answers", now_ns)
        self._lost = bad

    def _refusals(self, conducts: Mapping[str, Conduct], now_ns: int) -> Iterator[Event]:
        refused = frozenset().union(*(conduct.refused for conduct in conducts.values()))
        for point in sorted(refused ^ self._refused):
            kind = EventKind.REFUSED if point in refused else EventKind.ACCEPTED
            yield Event(point.partition(".")[0], kind, "illegal data address", now_ns, (self._row[point],))
        self._refused = refused
