"""Voltage and frequency as EN 50160 measures them: means of 10 minutes and of 10 seconds, over the nominal value."""

from dataclasses import dataclass

import numpy as np

from detectors.kept import Kept, State
from detectors.means import Means
from detectors.supply.nominal import FREQUENCIES_HZ, frequencies, voltages
from protocols.model import Frame, Rows, Values
from protocols.points import Points

NS = 1_000_000_000
VOLTAGE_S, FREQUENCY_S = 600, 10
"""EN 50160 clauses 4.2.2 and 4.2.1."""
DEAD = 0.05
"""Below it the supply is interrupted (EN 50160 clause 3.2), and says nothing about the quality of what is supplied."""


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """What has ended with a frame: `voltage` float64[voltages] and `frequency` float64[frequencies], 1 is nominal.

    None where no interval has ended; NaN where too little is known of it.
    """

    voltage: Values | None = None
    frequency: Values | None = None


NOTHING = Closed()


class Ratios(Kept):
    """The open intervals of the `voltage` and `frequency` rows.

    `alive` is whether each voltage of the last frame was known, and none of them dead.
    """

    def __init__(self, points: Points, rows: Rows) -> None:
        self.voltage, self.nominal = voltages(points, rows)
        self.frequency, self.hertz = frequencies(points, rows)
        self._dead, self._voltage_at = DEAD * self.nominal, self.voltage.astype(np.intp)
        self.alive = False
        self._voltage = Means(len(self.voltage), VOLTAGE_S * NS)
        self._frequency = Means(len(self.frequency), FREQUENCY_S * NS)

    def state(self) -> State:
        """Return the arrays of its parts."""
        parts = {"voltage": self._voltage, "frequency": self._frequency}
        kept = {f"{part}.{name}": array for part, means in parts.items() for name, array in means.state().items()}
        return kept | {"hertz": self.hertz}

    def observe(self, frame: Frame) -> Closed:
        """Count `frame`, and return what has ended with it."""
        voltage = self._voltage.turn(frame.utc_ns) if len(self.voltage) else None
        frequency = self._frequency.turn(frame.utc_ns) if len(self.frequency) else None
        if len(self.voltage):
            self._voltage.count(self._alive(frame), known=self.alive and frame.complete)
            self._voltage.touch(frame, self.voltage)
        if len(self.frequency):
            self._frequency.add(frame, self.frequency)
        if voltage is None and frequency is None:
            return NOTHING
        return Closed(
            None if voltage is None else voltage[1] / self.nominal,
            None if frequency is None else self._over_nominal(frequency[1]),
        )

    def _alive(self, frame: Frame) -> Values:
        values = frame.values.take(self._voltage_at)
        alive = np.abs(values) >= self._dead
        self.alive = np.count_nonzero(alive) == len(alive)
        if not self.alive:
            values[~alive] = np.nan
        return values

    def _over_nominal(self, hertz: Values) -> Values:
        """Take the nearest grid for nominal, once, where nobody said what is."""
        for nominal in FREQUENCIES_HZ:
            near = np.isnan(self.hertz) & (np.abs(hertz / nominal - 1) < 0.06)
            self.hertz[near] = nominal
        ratio: Values = hertz / self.hertz
        return ratio
