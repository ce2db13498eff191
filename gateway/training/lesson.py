"""From history to a model with its threshold: learned on one stretch, chosen on a second, calibrated on a third.

    ├────────── fit 60 % ──────────┼─ held out 20 % ─┼─ calibration 20 % ─┤   in the order of time

So the threshold is that of what comes after, which drifts as the future will; and it is no lower than that of any other
stretch, because a last stretch of a quiet week-end knows nothing of a Monday. The error of a row is the mean over its
points of ((value - rebuilt) / usual)², where `usual` is the root mean square error of the point on the held-out
stretch: a point that the others explain well counts as much as one that they do not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.training.flat import flat
from gateway.training.history import History
from gateway.training.network import SCALE_FLOOR, Network, Scaling, rebuilt, trained

FIT, HELD = 0.6, 0.8
"""Where the stretches end."""
SEEN_LEAST = 3
"""At least so many rows of a stretch are above its threshold: of fewer no share can be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A trained model. `errors` float64[m], of each row of the history; `fit_end`, `held_end`: where stretches end.

    `usual` float64[n] in each point's unit; `false_alarms` the share of the third stretch above `threshold`;
    `held_error` in squared standard deviations, 1 is what the mean alone would have.
    """

    network: Network
    scaling: Scaling
    model: bytes
    usual: NDArray[np.float64]
    errors: NDArray[np.float64]
    fit_end: int
    held_end: int
    held_error: float
    threshold: float
    false_alarms: float


def learn(
    history: History, *, false_alarms: float, seed: int = 0, progress: Callable[[float], None] = lambda _: None
) -> Lesson:
    """Train, choose and calibrate.

    Raises:
        ModuleNotFoundError: the packages of the extra `train` are not installed.
    """
    m = len(history.values)
    fit_end, held_end = int(m * FIT), int(m * HELD)
    scaling = Scaling.of(history.values[:fit_end])
    normal = scaling.normal(history.values[:held_end])
    network, held_error = trained(normal[:fit_end], normal[fit_end:], seed=seed, progress=progress)
    missed = history.values - rebuilt(network, scaling, history.values)
    usual = np.sqrt(np.square(missed[fit_end:held_end]).mean(axis=0))
    usual = np.maximum(usual, np.maximum(SCALE_FLOOR * np.abs(history.values[:held_end]).max(axis=0), 1e-9))
    errors = np.square(missed / usual).mean(axis=1)
    stretches = (errors[held_end:], errors[fit_end:held_end], errors[:fit_end])
    threshold = max(calibrated(stretch, false_alarms) for stretch in stretches)
    return Lesson(
        network=network,
        scaling=scaling,
        model=flat(network, scaling),
        usual=usual,
        errors=errors,
        fit_end=fit_end,
        held_end=held_end,
        held_error=held_error,
        threshold=threshold,
        false_alarms=float(np.mean(errors[held_end:] > threshold)),
    )


def calibrated(errors: NDArray[np.float64], wanted: float) -> float:
    """Return the threshold that the share `wanted` of `errors` exceeds, or `SEEN_LEAST` of them if that is more."""
    above = min(max(SEEN_LEAST, round(wanted * len(errors))), len(errors) - 1)
    return float(np.sort(errors)[::-1][above])
