"""What is normal of a group of values: how they move together, how they drift, and how far a sample is from that.

    z = (x - mean) / scale                         scale: standard deviation, at least an eighth of the range
    C = (1 - r) Z'Z/n + r t I + FLOOR I            r, t: shrinkage of Chen, Wiesel, Eldar and Hero (2010), OAS
    Q = mean of d d' - 2/length C                  d: step from the mean of one block of the stretch to that of the next
    W C W' = I, W Q W' = diag(drift), y = W z

A value that drifted while it was learned goes on to drift: after as long again its level has moved by HORIZON Q. So the
distance of a sample is y'y with y_i^2 / (1 + HORIZON drift_i), and that of a mean of samples, of which `share` of the
noise is left, y_i^2 / (share + HORIZON drift_i). A slow thermocouple then counts for little, a steady flow for much.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

HORIZON = 10
"""Blocks of a stretch, and how many of them ahead its drift is allowed for: as long again as it was learned."""
FLOOR = 0.03
"""Of the variance: what resolution, rounding and scan times leave of any relation between values that seems exact."""
RANGE = 8.0
"""Standard deviations in the range of a normal value; a rare switching is no more than so many of its scale."""
FLAT = 1e-9
"""Relative to the value: what moves less stands still, and says nothing."""

Matrix = NDArray[np.float64]


class Likeness(NamedTuple):
    """Model of one group of p values: `mean`, `scale` float64[p], `turn` W float64[p, p], `drift` float64[p]."""

    mean: Values
    scale: Values
    turn: Matrix
    drift: Values


def likeness(count: int, mean: Values, covariance: Matrix, steps: Matrix, reach: Values, *, length: int) -> Likeness:
    """Return the model of `count` samples; `steps` is Q in units, `reach` float64[p] the range of each value.

    A value that stood still, or whose moments are no finite numbers, has an infinite scale: it is no part of it.
    """
    variance = np.diagonal(covariance)
    sound = np.isfinite(variance) & np.isfinite(reach) & np.isfinite(mean) & np.isfinite(np.diagonal(steps))
    moves = sound & (reach > FLAT * np.maximum(np.abs(mean), FLAT))
    scale = np.where(moves, np.maximum(np.sqrt(np.where(moves, np.abs(variance), 1.0)), reach / RANGE), np.inf)
    plain = _shrunk(_scaled(covariance, scale), count) + FLOOR * np.eye(len(mean))
    values, vectors = np.linalg.eigh(plain)
    whiten = (vectors / np.sqrt(np.maximum(values, FLOOR / 2))).T
    drift, rotate = np.linalg.eigh(whiten @ _scaled(steps, scale) @ whiten.T)
    return Likeness(np.where(moves, mean, 0.0), scale, rotate.T @ whiten, np.maximum(drift - 2 / length, 0.0))


def _scaled(matrix: Matrix, scale: Values) -> Matrix:
    known = np.isfinite(scale)
    both, unit = known & known[:, None], np.where(known, scale, 1.0)
    scaled: Matrix = np.nan_to_num(np.where(both, matrix, 0.0), posinf=0.0, neginf=0.0) / unit / unit[:, None]
    return scaled


def _shrunk(matrix: Matrix, count: int) -> Matrix:
    """Return the covariance drawn towards a sphere by as much as `count` samples leave it uncertain."""
    size = len(matrix)
    trace, squared = float(np.trace(matrix)), float((matrix**2).sum())
    apart = (count + 1 - 2 / size) * (squared - trace**2 / size)
    weight = min(1.0, ((1 - 2 / size) * squared + trace**2) / apart) if apart > 0 else 1.0
    shrunk: Matrix = (1 - weight) * matrix + weight * trace / size * np.eye(size)
    return shrunk
