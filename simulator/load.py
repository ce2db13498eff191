"""What the customers behind each feeder want: a daily curve, three uneven phases, and noise."""

import numpy as np
from numpy.typing import NDArray

from simulator.noise import Drift

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

HOURLY = np.array(
    [
        [38, 35, 33, 32, 34, 42, 58, 66, 60, 54, 52, 54, 58, 56, 54, 56, 62, 74, 90, 100, 98, 86, 66, 48],
        [30, 29, 28, 28, 30, 36, 48, 68, 86, 94, 97, 99, 96, 98, 100, 98, 93, 84, 72, 60, 50, 42, 36, 32],
        [62, 60, 60, 60, 62, 68, 84, 96, 100, 100, 98, 94, 90, 96, 99, 98, 92, 86, 84, 82, 80, 76, 70, 65],
    ],
    np.float64,
)
"""Per cent of the peak at each full hour: residential, commercial, industrial (shapes of published load profiles)."""

PROFILE = np.array([0, 1, 2, 0, 1, 0])
"""Which curve feeder 1 to 6 follow."""
PEAK_W = np.array([3.2, 2.6, 3.8, 2.9, 3.4, 2.2]) * 1e6
TAN_PHI = np.array([0.33, 0.40, 0.48, 0.31, 0.42, 0.35])
"""Reactive over active power: power factors of 0.90 to 0.96."""
SHARES = np.array([[0.345, 0.335, 0.320], [0.326, 0.341, 0.333], [0.333, 0.332, 0.335]])
"""How the single-phase customers happen to be spread over phases a, b, c."""
SHARE = SHARES[PROFILE]

FEEDERS = len(PROFILE)


def daily(time_s: float) -> NDArray[np.float64]:
    """Return float64[feeder]: the share of its peak each feeder wants at `time_s`, seconds since midnight."""
    hour, into = divmod(time_s % DAY_S / HOUR_S, 1.0)
    now, then = HOURLY[:, int(hour)], HOURLY[:, (int(hour) + 1) % 24]
    share: NDArray[np.float64] = ((now + (then - now) * into) / 100)[PROFILE]
    return share


class Loads:
    """The demand of all feeders: slow drift of each feeder, quick flicker of each phase.

    `factor` float64[feeder] is how many times the usual load is connected.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.factor = np.ones(FEEDERS)
        self._slow = Drift(random, (FEEDERS, 1), sigma=0.03, tau_s=1800)
        self._quick = Drift(random, (FEEDERS, 3), sigma=0.008, tau_s=20)
        self._angle = Drift(random, (FEEDERS, 1), sigma=0.02, tau_s=900)

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        for drift in (self._slow, self._quick, self._angle):
            drift.step(dt_s)

    def demand(self, time_s: float) -> NDArray[np.complex128]:
        """Return complex128[feeder, phase]: volt-amperes wanted at nominal voltage."""
        active = (
            (PEAK_W * daily(time_s) * self.factor)[:, None] * SHARE * (1 + self._slow.value) * (1 + self._quick.value)
        )
        wanted: NDArray[np.complex128] = active * (1 + 1j * (TAN_PHI[:, None] + self._angle.value))
        return wanted
