"""Conditions: breakers that must be so, and channels that must be alike, before an equation can be judged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.physics.channels import Channels
from detectors.physics.equation import Equation
from protocols.model import Values
from protocols.points import Points

Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Conditions:
    """What `equations` ask for; each condition is looked at once, however many of them ask."""

    def __init__(self, points: Points, equations: Sequence[Equation], channels: Channels) -> None:
        at = channels.at
        alike = [(k, (at(a), at(b), least)) for k, e in enumerate(equations) for a, b, least in e.alike]
        switches = [(k, (row, True)) for k, e in enumerate(equations) for row in e.closed]
        switches += [(k, (row, False)) for k, e in enumerate(equations) for row in e.open]
        pairs, rows = list(dict.fromkeys(pair for _, pair in alike)), list(dict.fromkeys(at for _, at in switches))
        self._pairs = np.array([pair[:2] for pair in pairs], np.intp).reshape(-1, 2).T.copy()
        self._least = np.array([pair[2] for pair in pairs], np.float64)
        self._switch = np.array([row for row, _ in rows], np.intp)
        self._state = np.array([_state(points, row, closed=closed) for row, closed in rows], np.float64)
        asked = [
            (k, number + side * len(pairs)) for k, pair in alike for number in [pairs.index(pair)] for side in (0, 1)
        ]
        asked += [(k, 2 * len(pairs) + rows.index(at)) for k, at in switches]
        self._by, self._asked = (np.array([each[i] for each in asked], np.intp) for i in (0, 1))
        self._last, self._void = b"", np.zeros(0, np.intp)

    def broken(self, channels: Values, values: Values) -> Mask:
        """Return bool[..., conditions]: those that are not met; what is not known is alike, and no breaker's state."""
        sides, cases = self._pairs.size, values.shape[:-1]
        broken: Mask = np.empty((*cases, sides + len(self._switch)), bool)
        if sides:
            pairs = channels.take(self._pairs, axis=-1)
            least = self._least * pairs
            np.less(pairs, least[..., ::-1, :], out=broken[..., :sides].reshape(*cases, 2, -1))
        if len(self._switch):
            np.not_equal(values.take(self._switch, axis=-1), self._state, out=broken[..., sides:])
        return broken

    def void(self, channels: Values, values: Values) -> Index:
        """Return the equations that cannot be judged with `channels` and `values` of one moment."""
        broken = self.broken(channels, values)
        pattern = broken.tobytes()
        if pattern != self._last:  # breakers seldom move
            self._last, self._void = pattern, np.flatnonzero(np.bincount(self._by[broken[self._asked]]))
        return self._void

    def strike(self, left: Values, channels: Values, values: Values) -> None:
        """Make NaN in `left` float64[cases, equations] what cannot be judged in that case."""
        case, asked = np.nonzero(self.broken(channels, values)[..., self._asked])
        left[case, self._by[asked]] = np.nan


def _state(points: Points, row: int, *, closed: bool) -> float:
    """Return the value of a breaker that is closed or open; a double-point position is 2 or 1, a bit 1 or 0."""
    return float(closed) + (1.0 if points.configs[row].kind == "dbpos" else 0.0)
