"""What a transformer carries, per unit of its rating, from whatever is measured of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from detectors.assets.iec60076 import Reals
from detectors.assets.inventory import Transformer, gathered, measuring
from protocols.points import Points

MOST_PU = 5.0
"""More than this is a short circuit or a wrong rating; it is no load that heats for a minute."""
PHASES = 3


class Loading:
    """The load of each transformer: its currents before its apparent power before P and Q; LV before HV.

    A current knows nothing of the voltage's error and heats by itself, so it comes first. `rows` [n] are the points
    that count, empty where a transformer has none with a rating.
    """

    def __init__(self, points: Points, fleet: Sequence[Transformer], ratings: Mapping[str, float]) -> None:
        self.rows = [_loads(points, each, ratings.get(each.name)) for each in fleet]
        self._at = np.full((len(fleet), PHASES), -1, np.int32)
        self._rating = np.ones((len(fleet), PHASES))
        self._vector = np.zeros(len(fleet), bool)
        for n, (each, rows) in enumerate(zip(fleet, self.rows, strict=True)):
            self._at[n, : len(rows)] = rows
            self._rating[n, : len(rows)] = _ratings(points, rows, ratings.get(each.name))
            self._vector[n] = bool(rows) and _quantity(points, rows[0]) == "active_power"

    def of(self, values: Reals) -> tuple[Reals, Reals]:
        """Return the load that heats the oil (root mean square of the phases) and that of the warmest phase.

        Both float64[n] per unit, NaN where nothing is known; P and Q are added as vectors.
        """
        parts = np.minimum(np.abs(gathered(values, self._at) / self._rating), MOST_PU) ** 2
        known = ~np.isnan(parts)
        count = known.sum(axis=1)
        total = np.where(known, parts, 0.0).sum(axis=1)
        enough = np.where(self._vector, count == 2, count > 0)
        oil = np.where(enough, np.sqrt(total / np.where(self._vector, 1, np.maximum(count, 1))), np.nan)
        warmest = np.sqrt(np.where(known, parts, 0.0).max(axis=1, initial=0.0))
        return oil, np.where(self._vector | ~enough, oil, warmest)


def _loads(points: Points, transformer: Transformer, rating: float | None) -> list[int]:
    for side in ("lv", None, "hv"):
        own = [row for row in transformer.rows if _side(points, row) == side and (rating or _rated(points, row))]
        phases = [row for row in measuring(points, own, "current") if _phase(points, row) != "n"]
        apart = [row for row in phases if _phase(points, row) in ("a", "b", "c")]
        powers = [row for row in measuring(points, own, "apparent_power") if _phase(points, row) in ("total", None)]
        if rows := (apart or phases or powers)[:PHASES]:
            return rows
        active, reactive = (measuring(points, own, q) for q in ("active_power", "reactive_power"))
        if active and reactive:
            return [active[0], reactive[0]]
    return []


def _ratings(points: Points, rows: Sequence[int], rating: float | None) -> Sequence[float]:
    if rating:
        return [rating] * len(rows)
    own = [_rated(points, row) or 1.0 for row in rows]
    return [own[0]] * len(rows) if rows and _quantity(points, rows[0]) == "active_power" else own


def _rated(points: Points, row: int) -> float | None:
    role = points.configs[row].role
    return role.rating if role is not None else None


def _side(points: Points, row: int) -> str | None:
    role = points.configs[row].role
    return role.side if role is not None else None


def _phase(points: Points, row: int) -> str | None:
    role = points.configs[row].role
    return role.phase if role is not None else None


def _quantity(points: Points, row: int) -> str | None:
    role = points.configs[row].role
    return role.quantity if role is not None else None
