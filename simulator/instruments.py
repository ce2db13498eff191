"""What can be wrong with instruments: in their wiring, which all they compute follows; and in a single value shown.

Nothing is wrong at first. Faults draw from a generator of their own: with the same seed, what happens to one point
changes no digit of another.
"""

import numpy as np
from numpy.typing import NDArray

from simulator.meter import INDEX, NAMES, Phasors

VOLT_INPUTS = (*(f"feeder{n}" for n in range(1, 7)), "t1.h", "t2.h", "t1", "t2", "bus1", "bus2")
AMPERE_INPUTS = VOLT_INPUTS[:10]
"""Who has three inputs for voltages, and for currents; `.h` is the HV side of a transformer."""
PHASES = "abc"


class Wiring:
    """How three-phase inputs are connected: input k of a set shows phase `order` times `factor`, both [set, 3]."""

    def __init__(self, sets: tuple[str, ...]) -> None:
        self._index = {name: place for place, name in enumerate(sets)}
        self._order = np.tile(np.arange(3), (len(sets), 1))
        self._factor = np.ones((len(sets), 3), np.complex128)
        self._sound = True

    def swap(self, name: str, phases: str) -> None:
        """Exchange the wires of two phases, such as `ab`; the same once more puts them right."""
        one, other = (PHASES.index(phase) for phase in phases)
        row = self._order[self._index[name]]
        row[[one, other]] = row[[other, one]]
        self._sound = False

    def scale(self, name: str, phase: str, factor: complex) -> None:
        """Let the input of `phase` see `factor` times what is there; 1 puts it right."""
        self._factor[self._index[name], PHASES.index(phase)] = factor
        self._sound = False

    def through(self, true: Phasors) -> Phasors:
        """Return what the inputs see of `true` [set, phase]."""
        if self._sound:
            return true
        seen: Phasors = np.take_along_axis(true, self._order, axis=1) * self._factor
        return seen


class Instruments:
    """The wiring of all inputs, and what becomes of each value: its gain, its offset, more noise, or standing still.

    `gain`, `offset` and `noise` (relative) are float64[len(NAMES)]: set them by `INDEX`.
    """

    def __init__(self, seed: int) -> None:
        self.volts, self.amperes = Wiring(VOLT_INPUTS), Wiring(AMPERE_INPUTS)
        self.gain, self.offset, self.noise = np.ones(len(NAMES)), np.zeros(len(NAMES)), np.zeros(len(NAMES))
        self._random = np.random.default_rng([seed, 1])
        self._held = np.zeros(len(NAMES), np.bool_)
        self._source = np.arange(len(NAMES))

    def hold(self, name: str, *, held: bool) -> None:
        """Let `name` stick at its value, or let go."""
        self._held[INDEX[name]] = held

    def exchange(self, one: str, other: str) -> None:
        """Let each of two points show what the other measures; the same once more puts them right."""
        pair = [INDEX[one], INDEX[other]]
        self._source[pair] = self._source[pair[::-1]]

    def show(self, measured: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is shown of `measured`, where `before` was shown before."""
        shown = measured[self._source] * self.gain + self.offset
        if self.noise.any():
            shown = shown * (1 + self.noise * self._random.standard_normal(len(shown)))
        return np.where(self._held, before, shown)
