"""The voltage regulators: each holds its bus section in a band, by taps, patiently."""

import numpy as np
from numpy.typing import NDArray

TAP_STEP = 0.0125
TAP_LIMIT = 8
"""Positions -8 to +8: a range of plus and minus 10 %."""
TARGET_PU = 1.01
BAND_PU = 0.012
"""Half the dead-band; it must be wider than half a tap step, or the regulator hunts."""
DELAY_S = 60.0
"""How long the voltage must be outside before a tap; short dips are none of its business."""


class TapChangers:
    """Positions of all tap changers: `tap` int64[transformer]; `blocked` bool[transformer] stops one.

    `hunting_s` float64[transformer] is the period in which a faulty one goes up and down, NaN for a sound one.
    """

    def __init__(self, transformers: int) -> None:
        self.tap = np.zeros(transformers, np.int64)
        self.blocked = np.zeros(transformers, np.bool_)
        self.hunting_s = np.full(transformers, np.nan)
        self._outside_s = np.zeros(transformers)
        self._hunted_s = np.zeros(transformers)
        self._direction = np.ones(transformers, np.int64)

    @property
    def ratio(self) -> NDArray[np.float64]:
        """How much the taps lift the voltage: 1 in the middle position."""
        lifted: NDArray[np.float64] = 1 + TAP_STEP * self.tap.astype(np.float64)
        return lifted

    def step(self, voltage_pu: NDArray[np.float64], dt_s: float) -> None:
        """Watch `voltage_pu` for `dt_s` seconds, and move those taps by one that have waited long enough."""
        error = TARGET_PU - voltage_pu
        outside = (np.abs(error) > BAND_PU) & ~self.blocked
        if not outside.any() and np.isnan(self.hunting_s).all():
            self._outside_s, self._hunted_s = np.zeros(len(self.tap)), np.zeros(len(self.tap))
            return
        self._outside_s = np.where(outside, self._outside_s + dt_s, 0.0)
        due = self._outside_s >= DELAY_S
        self._outside_s[due] = 0.0
        moved = self.tap + np.where(due, np.sign(error), 0).astype(np.int64) + self._hunt(dt_s)
        self.tap = np.clip(moved, -TAP_LIMIT, TAP_LIMIT)

    def nudge(self, transformer: int, by: int) -> None:
        """Move one by hand."""
        self.tap[transformer] = np.clip(self.tap[transformer] + by, -TAP_LIMIT, TAP_LIMIT)

    def settle(self, voltage_pu: NDArray[np.float64]) -> bool:
        """Move taps at once, as if it had waited; return whether any moved."""
        before = self.tap
        self.step(voltage_pu, DELAY_S)
        return bool((before != self.tap).any())

    def _hunt(self, dt_s: float) -> NDArray[np.int64]:
        self._hunted_s = np.where(np.isnan(self.hunting_s), 0.0, self._hunted_s + dt_s)
        due = self._hunted_s >= self.hunting_s / 2
        moves: NDArray[np.int64] = np.where(due, self._direction, 0)
        self._hunted_s[due] = 0.0
        self._direction[due] *= -1
        return moves
