"""Channels: everything that an equation compares, computed from the points in a dozen array operations.

A channel is a point in its base unit, or made of earlier ones, in this order:

    raw      x                             V, A, W, var, VA, Hz
    sum      w1 c1 + w2 c2 + ...           of raw: means, totals, balances
    vector   sqrt(c1^2 + c2^2 + k c1 c2)   of raw and sum: k = 0 for powers, 1 for phasors 120 degrees apart
    product  k c1 c2                       of raw, sum and vector
    size     |c1| + |c2| + ...             of all: what a tolerance is a share of
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

FAMILIES = ("raw", "sum", "vector", "product", "size")
Index = NDArray[np.intp]
Term = tuple[int, float | None]


@dataclass(frozen=True, slots=True)
class Ref:
    """A channel while they are being written down: its family, and its number in it."""

    family: str
    number: int


ZERO, ONE = Ref("raw", -2), Ref("raw", -1)
"""Channels that are always 0 and 1."""


class Recipe:
    """Collects channels; equal ones are kept once."""

    def __init__(self, factors: Sequence[float | None]) -> None:
        self._factors = factors
        self._known: dict[tuple[object, ...], Ref] = {}
        self.made: dict[str, list[tuple[object, ...]]] = {family: [] for family in FAMILIES}

    def raw(self, row: int) -> Ref:
        """Return the channel of a point in its base unit."""
        return self._ref("raw", row)

    def sum(self, terms: Sequence[tuple[Ref, float]]) -> Ref:
        """Return a weighted sum; sums in it are written out, and one term alone stays what it is."""
        flat: list[tuple[Ref, float]] = []
        for ref, weight in terms:
            inner = self.made["sum"][ref.number][0] if ref.family == "sum" else ((ref, 1.0),)
            flat += [(each, weight * own) for each, own in inner]  # type: ignore[attr-defined]
        return flat[0][0] if len(flat) == 1 and flat[0][1] == 1.0 else self._ref("sum", tuple(flat))

    def vector(self, a: Ref, b: Ref, k: float) -> Ref:
        """Return the length of two vectors' sum, `k` twice the cosine of the angle between them."""
        return self._ref("vector", a, b, k)

    def product(self, a: Ref, b: Ref, k: float) -> Ref:
        """Return k times the product of two channels."""
        return self._ref("product", a, b, k)

    def size(self, refs: Sequence[Ref]) -> Ref:
        """Return the sum of absolute values."""
        return self._ref("size", tuple(refs))

    def factor(self, row: int) -> float:
        """Return what makes the value of `row` one in its base unit."""
        return self._factors[row] or 1.0

    def _ref(self, family: str, *parts: object) -> Ref:
        key = (family, *parts)
        if key not in self._known:
            self._known[key] = Ref(family, len(self.made[family]))
            self.made[family].append(parts)
        return self._known[key]


class Channels:
    """The channels of a recipe as flat index arrays. `offset` tells where each family begins in what `of` returns."""

    def __init__(self, recipe: Recipe) -> None:
        made = recipe.made
        raw = [int(parts[0]) for parts in made["raw"]]  # type: ignore[call-overload]
        self.rows = np.array(raw, np.intp)
        self._factor = np.array([recipe.factor(row) for row in raw], np.float64)
        sizes = [len(raw) + 2, *(len(made[family]) for family in FAMILIES[1:])]
        self._begin = dict(zip(FAMILIES, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        self._raw, self.count = len(raw), int(sum(sizes))
        self._sum = _Sums([[(self.at(r), w) for r, w in parts[0]] for parts in made["sum"]])  # type: ignore[attr-defined]
        self._vector = self._two(made["vector"])
        self._cosine = _last(made["vector"])
        self._product = self._two(made["product"])
        self._scale = _last(made["product"])
        self._size = _Sums([[(self.at(r), None) for r in parts[0]] for parts in made["size"]])  # type: ignore[attr-defined]

    def worth(self, row: int) -> float:
        """Return what the value of a point is multiplied by to be in its base unit; 1 where it is in no equation."""
        found = np.flatnonzero(self.rows == row)
        return float(self._factor[found[0]]) if len(found) else 1.0

    def at(self, ref: Ref) -> int:
        """Return the place of a channel in what `of` returns."""
        number = self._raw + 2 + ref.number if ref.number < 0 else ref.number
        return int(self._begin[ref.family]) + number

    def of(self, values: Values) -> Values:
        """Return float64[..., channels] of the points' `values` float64[..., n]; NaN where a part is unknown."""
        out = np.empty((*values.shape[:-1], self.count))
        if values.ndim == 1:
            self._fill(out, values)
        else:
            for one, each in zip(out, values, strict=True):
                self._fill(one, each)
        return out

    def _fill(self, out: Values, values: Values) -> None:
        _, sums, vectors, products, sizes = (self._begin[family] for family in FAMILIES)
        np.multiply(values.take(self.rows), self._factor, out=out[: self._raw])
        out[self._raw : sums] = 0.0, 1.0
        self._sum.fill(out[sums:vectors], out)
        if vectors < products:
            a, b = out.take(self._vector[0]), out.take(self._vector[1])
            cross = a * b
            cross *= self._cosine
            a *= a
            b *= b
            a += b
            a += cross
            np.sqrt(np.maximum(a, 0.0, out=a), out=out[vectors:products])
        if products < sizes:
            a = out.take(self._product[0])
            a *= out.take(self._product[1])
            np.multiply(a, self._scale, out=out[products:sizes])
        self._size.fill(out[sizes:], out)

    def _two(self, made: Sequence[tuple[object, ...]]) -> tuple[Index, Index]:
        places = [(self.at(parts[0]), self.at(parts[1])) for parts in made]  # type: ignore[arg-type]
        a, b = zip(*places, strict=True) if places else ((), ())
        return np.array(a, np.intp), np.array(b, np.intp)


class _Sums:
    """Many sums in one pass: weighted ones, or of absolute values where no term has a weight."""

    def __init__(self, sums: Sequence[Sequence[Term]]) -> None:
        flat = [term for terms in sums for term in terms]
        self._index = np.array([place for place, _ in flat], np.intp)
        weights = [weight for _, weight in flat if weight is not None]
        self._weight = np.array(weights, np.float64) if weights else None
        self._starts = np.cumsum([0, *(len(terms) for terms in sums)])[:-1].astype(np.intp)

    def fill(self, out: Values, channels: Values) -> None:
        """Write the sums of `channels`, or of their absolute values, into `out`."""
        if len(self._starts):
            terms = channels.take(self._index)
            terms = np.abs(terms) if self._weight is None else terms * self._weight
            np.add.reduceat(terms, self._starts, out=out)


def _last(made: Sequence[tuple[object, ...]]) -> Values:
    return np.array([parts[-1] for parts in made], np.float64)
