"""Frames of a made-up plant: what tests show to the checks that look once a second."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
MIDNIGHT_S = 20_000 * 86_400


def points(devices: Mapping[str, Sequence[str | None]]) -> Points:
    """Return points by device, each with the quantity of its role, or without one."""
    return Points.of(
        [
            (
                DeviceConfig(name=device),
                [
                    PointConfig(name=f"p{k}", unit="kV", role=Role(quantity=word) if word else None)
                    for k, word in enumerate(words)
                ],
            )
            for device, words in devices.items()
        ]
    )


def frame(at_s: float, values: Sequence[float], fresh: Sequence[bool] | None = None) -> Frame:
    """Return the plant at `at_s` seconds after a midnight; what is no number is not fresh."""
    found = np.asarray(values, np.float64)
    usable = np.isfinite(found)
    at_ns = int((MIDNIGHT_S + at_s) * NS)
    return Frame(at_ns, at_ns, np.where(usable, found, np.nan), usable & (True if fresh is None else np.array(fresh)))


def told(detector: Any, frames: Sequence[Frame]) -> list[tuple[int, str, bool, tuple[int, ...]]]:
    """Return number of the frame, kind, activity and rows of all that is said."""
    return [
        (k, finding.kind, finding.active, finding.rows)
        for k, each in enumerate(frames)
        for finding in detector.observe(each)
    ]


def whole(detector: Any, frames: Sequence[Frame]) -> list[str]:
    """Return all that is said, to the last digit."""
    return [repr(astuple(finding)) for each in frames for finding in detector.observe(each)]
