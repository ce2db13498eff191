"""The points of one IED: where each stands in it, and its last reading."""

from collections.abc import Sequence

import numpy as np

from protocols.iec61850.config import Iec61850Point
from protocols.iec61850.layout import Image, Wanted
from protocols.model import Batch
from protocols.points import Points
from protocols.scaling import Scaling


class Readings:
    """The readings of the points `rows`; a place is a row less `first`, the lowest of them."""

    def __init__(self, points: Points, rows: range) -> None:
        self.first = rows.start
        configs = [points.configs[row] for row in rows]
        self.wanted = [_wanted(place, point) for place, point in enumerate(configs)]
        self.image = Image(len(rows))
        self._scaling = Scaling(configs)

    def batch(self, places: Sequence[int], arrival_ns: int) -> Batch:
        """Return the readings of `places`, ascending, in the units of their points."""
        at = np.array(places, np.int32)
        values, quality, times = self.image.taken(places)
        return Batch(at + np.int32(self.first), self._scaling.scaled(at, values), quality, times, arrival_ns)


def _wanted(place: int, point: object) -> Wanted:
    assert isinstance(point, Iec61850Point)
    return Wanted(point.place.path, place, point.kind == "bool")
