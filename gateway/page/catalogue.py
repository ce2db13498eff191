"""Which points there are and what they read now: two answers in one order, so that the second is small and quick."""

from dataclasses import fields
from typing import Any, Final

import numpy as np

from gateway.core.image import Image
from gateway.page.said import Point, Points, Values
from gateway.plant import Plant
from gateway.uplink.digits import rounded
from gateway.uplink.payload import iso
from protocols import points as table

AT_ONCE: Final = 10_000
"""Points in one answer: a catalogue of so many takes 2 MB."""


def catalogue(plant: Plant, revision: str, start: int, count: int) -> Points:
    """Return `count` points from row `start`."""
    points = plant.points
    rows = range(len(points))[start : start + min(count, AT_ONCE)]
    return Points(revision=revision, start=start, count=len(points), points=[_point(points, row) for row in rows])


def values(image: Image, revision: str, now_ns: int, start: int, count: int) -> Values:
    """Return what `count` points from row `start` read last; ages in tenths of a second."""
    at = slice(start, start + min(count, AT_ONCE))
    arrival_ns = image.arrival_ns[at]
    age_s = np.where(arrival_ns > 0, np.rint((now_ns - arrival_ns) / 1e8) / 10, np.nan)
    return Values(
        revision=revision,
        start=start,
        count=len(image.values),
        time=iso(now_ns),
        values=rounded(image.values[at]).tolist(),
        q=image.quality[at].tolist(),
        age_s=age_s.tolist(),
    )


def _point(points: table.Points, row: int) -> Point:
    config = points.configs[row]
    return Point(
        id=points.label(row),
        device=points.device(row),
        name=points.names[row],
        unit=config.unit,
        type=config.kind,
        every_s=float(points.every_s[row]),
        use="output" if config.commanded else "input",
        role=_said(config.role),
        limits=_said(config.limits),
    )


def _said(section: Any) -> dict[str, Any] | None:
    """Return the keys of a role or of limits that are given."""
    if section is None:
        return None
    return {key.name: value for key in fields(section) if (value := getattr(section, key.name)) is not None}
