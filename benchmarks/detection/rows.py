"""Drives the group detector over the rows of a data set as the daemon does: a frame a row, one device of points."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.group.config import GroupConfig
from detectors.group.detector import GroupDetector
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000
BEGIN_NS = 1_600_000_000 * NS


class Watch:
    """The detector of `keys` over rows of `width` values, one every `every_s`."""

    def __init__(self, width: int, every_s: float, **keys: Any) -> None:
        config = [PointConfig(name=f"v{n}") for n in range(width)]
        self._points = Points.of([(DeviceConfig(name="plant", every_s=every_s), config)])
        self._config = GroupConfig(every_s=every_s, learning="frozen", **keys)
        self._detector = self._config.build(self._points)
        assert isinstance(self._detector, GroupDetector)
        self._every_ns, self._now_ns = int(every_s * NS), BEGIN_NS
        self._active = False

    def again(self) -> "Watch":
        """Return another one that has learned the same, as a restarted daemon would."""
        other = object.__new__(Watch)
        other.__dict__.update(self.__dict__)
        other._detector = self._config.build(self._points)
        other._detector.restore({name: array.copy() for name, array in self._detector.state().items()})
        return other

    def over(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return bool[rows]: after which of the next rows there is an alarm."""
        active = np.zeros(len(values), bool)
        for row, reading in enumerate(values):
            self._now_ns += self._every_ns
            known = np.isfinite(reading)
            for finding in self._detector.observe(Frame(self._now_ns, self._now_ns, reading, known)):
                self._active = finding.active
            active[row] = self._active
        return active


def table(path: Path, delimiter: str = ",") -> Mapping[str, Sequence[str]]:
    """Return the columns of a CSV file, as texts.

    Raises:
        FileNotFoundError: it is not there.
    """
    with path.open(newline="") as file:
        head, *rows = csv.reader(file, delimiter=delimiter)
    return {name.strip(): column for name, column in zip(head, zip(*rows, strict=True), strict=True)}


def numbers(columns: Mapping[str, Sequence[str]], leave_out: Sequence[str]) -> NDArray[np.float64]:
    """Return float64[rows, columns] of what is not left out; NaN where there is no number."""
    kept = [name for name in columns if name not in leave_out]
    return np.array([[float(cell or "nan") for cell in columns[name]] for name in kept]).T


def missing(path: Path) -> FileNotFoundError:
    """Return the error that says what is not there."""
    return FileNotFoundError(2, "no such data", str(path))
