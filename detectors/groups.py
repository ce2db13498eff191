"""Groups: points that belong together, of one bay or of one device, as the checks of several values want them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protocols.model import Rows
from protocols.point import PointConfig
from protocols.points import Points


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Points that are looked at together: `subject` is their bay or device; `rows` int32[n], ascending."""

    subject: str
    device: str
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)


def by_bay(points: Points, rows: Rows, wanted: Callable[[PointConfig], bool]) -> list[Group]:
    """Return the `wanted` points among `rows` by device and bay, in the order of the first row of each.

    Of points that are read at different intervals only those of the most common one are together: the others would be
    compared at times that no device has.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows.tolist():
        if wanted(config := points.configs[row]):
            bay = config.role.bay if config.role and config.role.bay else ""
            found.setdefault((points.device(row), bay), []).append(row)
    bays = [bay for _, bay in found]
    return [
        Group(_subject(device, bay, bays.count(bay)), device, _of_one_scan(points, np.array(each, np.int32)))
        for (device, bay), each in found.items()
    ]


def by_device(points: Points, rows: Rows) -> list[tuple[str, slice]]:
    """Return of each device that has some of the ascending `rows` its name, and where in `rows` they are."""
    ends = np.searchsorted(rows, [each.stop for each in points.rows_of.values()]).tolist()
    spans = zip(points.rows_of, map(slice, [0, *ends], ends), strict=True)
    return [(device, mine) for device, mine in spans if mine.stop > mine.start]


def _subject(device: str, bay: str, times: int) -> str:
    """Return the bay where it is measured by one device only, and else both, so that each group has its own name."""
    if not bay:
        return device
    return bay if times == 1 else f"{device}.{bay}"


def _of_one_scan(points: Points, rows: Rows) -> Rows:
    intervals, count = np.unique(points.every_s[rows], return_counts=True)
    chosen: Rows = rows[points.every_s[rows] == intervals[np.argmax(count)]]
    return chosen
