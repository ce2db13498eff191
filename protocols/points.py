"""Every configured point has a row: the table that turns names into indices of arrays, made once at start."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from protocols.model import Rows
from protocols.point import DeviceConfig, PointConfig


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points of all devices, one row each; the rows of a device are contiguous.

    `names` str[n] (without the device), `configs` [n], `device_of` int32[n] (index into `devices`),
    `every_s` float64[n], `rows_of` device name to its range of rows; `hosts` where each of `devices` is reached.
    """

    devices: tuple[str, ...]
    names: tuple[str, ...]
    configs: tuple[PointConfig, ...]
    device_of: NDArray[np.int32]
    every_s: NDArray[np.float64]
    rows_of: Mapping[str, range]
    hosts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, devices: Sequence[tuple[DeviceConfig, Sequence[PointConfig]]]) -> "Points":
        """Number the points of `devices` in the order of the configuration."""
        rows_of, start = {}, 0
        for device, points in devices:
            rows_of[device.name] = range(start, start + len(points))
            start += len(points)
        flat = [(index, device, point) for index, (device, points) in enumerate(devices) for point in points]
        return cls(
            devices=tuple(device.name for device, _ in devices),
            names=tuple(point.name for _, _, point in flat),
            configs=tuple(point for _, _, point in flat),
            device_of=np.array([index for index, _, _ in flat], np.int32),
            every_s=np.array([point.every_s or device.interval_s for _, device, point in flat], np.float64),
            rows_of=rows_of,
            hosts=tuple(device.host for device, _ in devices),
        )

    def device(self, row: int) -> str:
        """Return the device of `row`."""
        return self.devices[int(self.device_of[row])]

    def classes(self, device: DeviceConfig) -> Iterator[tuple[float, Rows]]:
        """Yield each scan class of `device`, the fastest first: its seconds, and its rows, ascending."""
        rows = np.array(self.rows_of[device.name], np.int32)
        every_s = np.array([self.configs[row].every_s or device.every_s for row in rows], np.float64)
        for each in sorted(set(every_s.tolist())):  # np.unique would load masked arrays, 1.4 MB
            yield each, rows[every_s == each]

    def label(self, row: int) -> str:
        """Return `device.point`, the name of `row` for people."""
        return f"{self.device(row)}.{self.names[row]}"

    def row(self, label: str) -> int | None:
        """Return the row of `device.point`, None where there is none."""
        for device in self.devices:
            name = label.removeprefix(f"{device}.")
            if name != label:
                found = next((row for row in self.rows_of[device] if self.names[row] == name), None)
                if found is not None:
                    return found
        return None

    def matching(self, patterns: Sequence[str]) -> Rows:
        """Return the rows whose `device.point` matches one of the shell-style `patterns`, ascending."""
        if "*" in patterns:
            return np.arange(len(self), dtype=np.int32)
        found = (row for row in range(len(self)) if any(fnmatchcase(self.label(row), p) for p in patterns))
        return np.fromiter(found, np.int32)

    def column(self, value: Callable[[PointConfig], float | None]) -> NDArray[np.float64]:
        """Return float64[n]: `value` of each point's configuration, NaN where it is None."""
        found = (value(config) for config in self.configs)
        return np.fromiter((np.nan if v is None else v for v in found), np.float64, len(self))
