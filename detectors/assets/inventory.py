"""The plant that the roles describe: which points belong to which transformer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.model import Rows
from protocols.points import Points


@dataclass(frozen=True, slots=True)
class Transformer:
    """A transformer by the name in its points' roles: its device is that of its first point."""

    name: str
    device: str
    rows: tuple[int, ...]


def transformers(points: Points, rows: Rows) -> Sequence[Transformer]:
    """Return the transformers among `rows`, in the order of the configuration."""
    found: dict[str, list[int]] = {}
    for row in rows.tolist():
        role = points.configs[row].role
        if role is not None and role.transformer is not None:
            found.setdefault(role.transformer, []).append(row)
    return [Transformer(name, points.device(of[0]), tuple(of)) for name, of in found.items()]


def measuring(points: Points, rows: Sequence[int], quantity: str) -> list[int]:
    """Return those of `rows` that measure `quantity`."""
    return [row for row in rows if (role := points.configs[row].role) is not None and role.quantity == quantity]


def first(points: Points, rows: Sequence[int], quantity: str) -> int:
    """Return the first of `rows` that measures `quantity`, -1 where none does."""
    return next(iter(measuring(points, rows, quantity)), -1)


def gathered(values: NDArray[np.float64], rows: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return `values` at `rows`, NaN where a row is -1; the shape is that of `rows`."""
    if not len(values):
        return np.full(rows.shape, np.nan)
    return np.where(rows >= 0, values[rows], np.nan)
