"""The load of every bay: means of a quarter of an hour, and what a day made of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.instant import iso
from detectors.kept import Kept, State
from detectors.means import Means
from protocols.model import Frame, Rows
from protocols.points import Points

NS = 1_000_000_000
PHASES = ("a", "b", "c")


class Load(Kept):
    """Sum, count, largest and least mean of each bay since the day began, float64[bays].

    The peak is the mean of the largest size, whichever its sign: power that is fed back counts as power.
    """

    KEPT = ("_sum", "_count", "_peak", "_peak_ns", "_least", "_least_ns")

    def __init__(self, points: Points, bays: tuple[str, ...], demand_s: int) -> None:
        self._demand_s = demand_s
        self._rows, self._bay = _powers(points, bays)
        self._measured = np.bincount(self._bay, minlength=len(bays)) > 0
        self.units = _units(points, self._rows, self._bay, len(bays))
        self._means = Means(len(self._rows), demand_s * NS)
        self._sum, self._count = np.zeros(len(bays)), np.zeros(len(bays), np.int64)
        self._peak, self._least = np.zeros(len(bays)), np.zeros(len(bays))
        self._peak_ns, self._least_ns = np.zeros(len(bays), np.int64), np.zeros(len(bays), np.int64)

    def state(self) -> State:
        """Return its arrays, and those of the open interval."""
        return {**super().state(), **{f"means.{name}": array for name, array in self._means.state().items()}}

    def turn(self, utc_ns: int) -> None:
        """Take in the interval that `utc_ns` ends: a bay is known where all its powers are."""
        closed = self._means.turn(utc_ns)
        if closed is None:
            return
        slot, powers = closed
        means = np.bincount(self._bay, powers, len(self._measured)).astype(np.float64)
        means[~self._measured] = np.nan
        known, start_ns = np.isfinite(means), slot * self._demand_s * NS
        means = np.where(known, means, 0.0)
        higher = known & ((np.abs(means) > np.abs(self._peak)) | (self._count == 0))
        lower = known & ((np.abs(means) < np.abs(self._least)) | (self._count == 0))
        self._peak[higher], self._peak_ns[higher] = means[higher], start_ns
        self._least[lower], self._least_ns[lower] = means[lower], start_ns
        self._sum += means
        self._count += known

    def add(self, frame: Frame) -> None:
        """Count a frame into the open interval."""
        self._means.add(frame, self._rows)

    def reset(self) -> None:
        """Begin a day."""
        self._sum.fill(0.0)
        self._count.fill(0)

    def told(self, bay: int, day_ns: int) -> dict[str, object]:
        """Return what is told of a bay; `day_ns` is how long the day is, or has been so far."""
        count, unit = int(self._count[bay]), self.units[bay]
        share = min(1.0, count * self._demand_s * NS / day_ns) if day_ns > 0 else 0.0
        if not count:
            return {"unit": unit, "peak": None, "minimum": None, "mean": None, "energy": None, "load_factor": None,
                    "known_share": 0.0}  # fmt: skip
        mean, peak, least = float(self._sum[bay]) / count, float(self._peak[bay]), float(self._least[bay])
        return {
            "unit": unit,
            "peak": {"value": _short(peak), "start": iso(int(self._peak_ns[bay]))},
            "minimum": {"value": _short(least), "start": iso(int(self._least_ns[bay]))},
            "mean": _short(mean),
            "energy": _short(float(self._sum[bay]) * self._demand_s / 3600),
            "load_factor": _short(abs(mean / peak)) if peak else None,
            "known_share": _short(share),
        }


def _short(value: float) -> float:
    """Six digits: no meter's class carries more."""
    return float(f"{value:.6g}")


def _powers(points: Points, bays: tuple[str, ...]) -> tuple[Rows, NDArray[np.intp]]:
    """Return the rows that make the power of each bay, and which: its total, or else its three phases."""
    powers: dict[str | None, dict[str | None, int]] = {bay: {} for bay in bays}
    for row, config in enumerate(points.configs):
        role = config.role
        if role is not None and role.bay in powers and role.quantity == "active_power" and not config.status:
            powers[role.bay].setdefault(role.phase, row)
    found = [(row, index) for index, bay in enumerate(bays) for row in _parts(powers[bay])]
    rows, of_bay = zip(*found, strict=True) if found else ((), ())
    return np.array(rows, np.int32), np.array(of_bay, np.intp)


def _parts(phases: dict[str | None, int]) -> Sequence[int]:
    total = phases.get("total", phases.get(None))
    if total is not None:
        return (total,)
    return [phases[phase] for phase in PHASES] if phases.keys() >= set(PHASES) else ()


def _units(points: Points, rows: Rows, of_bay: NDArray[np.intp], bays: int) -> tuple[str, ...]:
    units = {int(bay): points.configs[row].unit for row, bay in zip(rows, of_bay, strict=True)}
    return tuple(units.get(bay, "") for bay in range(bays))
