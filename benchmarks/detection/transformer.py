"""Real readings of a distribution transformer every 15 minutes: V, I, line voltages and neutral current.

The recording has no labelled errors of instruments, so they are put in: in its second half, each 40 rows one phase
voltage is 3 % too high or too low for an hour (4 rows), phases and signs by turns. The first half is what the detectors
learn from. An event is found when a finding about a voltage begins in it; a row outside all events at which one begins
is a false alarm, whatever was going on there.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
from drive import NS, Told, drive
from line import Line
from numpy.typing import NDArray

from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

ERROR = 0.03
EVERY, LENGTH = 40, 4
ROLES: Mapping[str, tuple[str, str, str]] = {
    **{f"VL{k}": ("voltage", phase, "V") for k, phase in zip("123", "abc", strict=True)},
    **{f"VL{k}": ("voltage", phase, "V") for k, phase in zip(("12", "23", "31"), ("ab", "bc", "ca"), strict=True)},
    **{f"IL{k}": ("current", phase, "A") for k, phase in zip("123", "abc", strict=True)},
    "INUT": ("current", "n", "A"),
}


def measure(folder: Path) -> Sequence[Line]:
    """Measure the recording of voltages and currents of the folder `transformer`."""
    tags, times_ns, values = _read(folder / "transformer" / "CurrentVoltage.csv")
    points = Points.of([(DeviceConfig(name="meter", every_s=900), [_point(tag) for tag in tags])])
    events = _spoil(values, tags)
    told = drive(points, values, times_ns)
    return _lines(told, events, points)


def _read(file: Path) -> tuple[Sequence[str], Sequence[int], NDArray[np.float64]]:
    with file.open() as text:
        rows = csv.reader(text)
        tags = next(rows)[1:]
        table = sorted(rows)
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) * NS for row in table]
    known = [k for k, tag in enumerate(tags) if tag in ROLES]
    return [tags[k] for k in known], times, np.array([[float(row[k + 1] or "nan") for k in known] for row in table])


def _point(tag: str) -> PointConfig:
    quantity, phase, unit = ROLES[tag]
    return PointConfig(
        name=tag, unit=unit, role=Role(bay="lv", transformer="t1", side="lv", quantity=quantity, phase=phase)
    )


def _spoil(values: NDArray[np.float64], tags: Sequence[str]) -> Sequence[tuple[int, str]]:
    """Put the errors in; return the first row and the tag of each."""
    starts = range(len(values) // 2, len(values) - EVERY, EVERY)
    wrong = list(product(("VL1", "VL2", "VL3"), (1 + ERROR, 1 - ERROR)))
    events = []
    for k, start in enumerate(starts):
        tag, factor = wrong[k % len(wrong)]
        values[start : start + LENGTH, tags.index(tag)] *= factor
        events.append((start, tag))
    return events


def _lines(told: Told, events: Sequence[tuple[int, str]], points: Points) -> Sequence[Line]:
    volts = {row for row, name in enumerate(points.names) if name.startswith("VL")}
    told.begun = [(row, finding) for row, finding in told.begun if volts & {*finding.rows}]
    inside = np.zeros(told.rows, bool)
    for start, _ in events:
        inside[start : start + LENGTH] = True
    said = np.zeros(told.rows, bool)
    said[[row for row, _ in told.begun]] = True
    half = np.arange(told.rows) >= told.rows // 2
    false = float((said & half & ~inside).sum() / (half & ~inside).sum())
    within = {scans: [bool(told.between(start, start + scans - 1)) for start, _ in events] for scans in (2, LENGTH)}
    found = float(np.mean(within[LENGTH]))
    right = [
        tag in {points.names[finding.rows[0]] for finding in told.between(start, start + LENGTH - 1)}
        for start, tag in events
        if told.between(start, start + LENGTH - 1)
    ]
    return [
        Line(
            "one phase voltage off by 3 %",
            f"{100 * found:.1f} % of {len(events)}",
            "95 %",
            "per tag 6 %",
            found >= 0.95,
        ),
        Line("the same, within two readings", f"{100 * float(np.mean(within[2])):.1f} %"),
        Line("false alarms, rows", f"{100 * false:.3f} %", "0.1 %", "", false <= 0.001),
        Line("the right phase stands first", f"{100 * float(np.mean(right)):.0f} %" if right else "none found"),
        Line("CPU a row, all detectors", f"{told.spent_s / told.rows * 1e6:.0f} us"),
    ]
