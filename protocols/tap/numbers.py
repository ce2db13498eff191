"""What a tap counts, by the words of its points: the same for the daemon and for the replay of a capture."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from protocols.model import Batch, Rows
from protocols.points import Points
from protocols.tap.config import TapPoint
from protocols.tap.watch import Watch

COUNTED: Final[Mapping[str, Callable[[Watch], int]]] = {
    "counter:frames": lambda watch: watch.frames,
    "counter:bytes": lambda watch: watch.octets,
    "counter:malformed": lambda watch: watch.malformed,
    "counter:truncated": lambda watch: watch.truncated,
    "counter:flows": lambda watch: watch.flows,
    "counter:talkers": lambda watch: watch.talkers,
    "counter:evicted": lambda watch: watch.evicted,
    "counter:faults": lambda watch: watch.faults,
}
"""All but `counter:dropped`, which only the source of the frames knows."""


class Numbers:
    """The points of the tap `device`."""

    def __init__(self, device: str, points: Points) -> None:
        self.rows: Rows = np.array(points.rows_of[device], np.int32)
        configs = [points.configs[row] for row in self.rows]
        self._counted = [each.address for each in configs if isinstance(each, TapPoint)]
        self._scale = np.array([each.scale for each in configs], np.float64)
        self._offset = np.array([each.offset for each in configs], np.float64)

    def batch(self, watch: Watch, dropped: int, now_ns: int) -> Batch:
        """Return what is counted now."""
        known = [COUNTED[name](watch) if name in COUNTED else dropped for name in self._counted]
        n = len(known)
        values = np.array(known, np.float64) * self._scale + self._offset
        return Batch(self.rows, values, np.zeros(n, np.uint16), np.full(n, now_ns, np.int64), now_ns)
