"""Channels: everything that an equation compares, computed from the points in a dozen array operations.

A channel is a point in its base unit, or made of earlier ones, in this order:

    raw      x                             V, A, W, var, VA, Hz
    sum      w1 c1 + w2 c2 + ...           of raw: means, totals, balances
    vector   sqrt(c1^2 + c2^2 + k c1 c2)   of raw and sum: k = 0 for powers, 1 for phasors 120 degrees apart
    product  k c1 c2                       of raw, sum and vector
    size     |c1| + |c2| + ...             of all: what a tolerance is a share of
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

FAMILIES = ("raw", "sum", "vector", "product", "size")
Index = NDArray[np.intp]
Term = tuple[int, float]
SHORT = 3
"""Terms of most sums: three phases."""


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
    """The channels of a recipe as flat index arrays; they are in the order of families, short sums before long ones."""

    def __init__(self, recipe: Recipe) -> None:
        made = recipe.made
        raw = [int(parts[0]) for parts in made["raw"]]  # type: ignore[call-overload]
        self.rows = np.array(raw, np.intp)
        self._factor = np.array([recipe.factor(row) for row in raw], np.float64)
        sizes = [len(raw) + 2, *(len(made[family]) for family in FAMILIES[1:])]
        self._begin = dict(zip(FAMILIES, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        self._raw, self.count = len(raw), int(sum(sizes))
        self._begins = tuple(self._begin[family] for family in FAMILIES[1:])
        self._place = {family: _order(made[family], width) for family, width in (("sum", SHORT), ("size", 1))}
        self._sum = _Sums(self._terms(made["sum"], "sum"), self.at(ZERO), SHORT)
        self._vector, self._cosine = self._two(made["vector"]), _last(made["vector"])
        self._product, self._scale = self._two(made["product"]), _last(made["product"])
        self._size = _Sums(self._terms(made["size"], "size"), self.at(ZERO), 1)

    def worth(self, row: int) -> float:
        """Return what the value of a point is multiplied by to be in its base unit; 1 where it is in no equation."""
        found = np.flatnonzero(self.rows == row)
        return float(self._factor[found[0]]) if len(found) else 1.0

    def at(self, ref: Ref) -> int:
        """Return the place of a channel in what `of` returns."""
        number = self._raw + 2 + ref.number if ref.number < 0 else ref.number
        return int(self._begin[ref.family]) + (self._place[ref.family][number] if ref.family in self._place else number)

    def of(self, values: Values) -> Values:
        """Return float64[..., channels] of the points' `values` float64[..., n]; NaN where a part is unknown."""
        out = self.blank(*values.shape[:-1])
        if values.ndim == 1:
            self.fill(out, values)
        else:
            for one, each in zip(out, values, strict=True):
                self.fill(one, each)
        return out

    def blank(self, *cases: int) -> Values:
        """Return float64[*cases, channels] to be filled: only what is always 0 and 1 stands in it."""
        out = np.zeros((*cases, self.count))
        out[..., self.at(ONE)] = 1.0
        return out

    def fill(self, out: Values, values: Values) -> None:
        """Write all channels of the points' `values` float64[n] into `out` float64[channels], once a blank."""
        sums, vectors, products, sizes = self._begins
        raw = out[: self._raw]
        values.take(self.rows, out=raw, mode="clip")  # no row is beyond: with that said, it copies nothing twice
        raw *= self._factor
        self._sum.fill(out[sums:vectors], out)
        if vectors < products:
            self._lengths(out[vectors:products], out)
        if products < sizes:
            a, b = out.take(self._product)
            a *= b
            np.multiply(a, self._scale, out=out[products:sizes])
        self._size.fill(out[sizes:], out, absolute=True)

    def _lengths(self, out: Values, channels: Values) -> None:
        """Write sqrt(a^2 + b^2 + k a b) of the vectors."""
        both = channels.take(self._vector)
        cross = both[0] * both[1]
        cross *= self._cosine
        both *= both
        both[0] += both[1]
        both[0] += cross
        np.sqrt(both[0], out=out)  # never below 0: k is at most 1

    def _terms(self, made: Sequence[tuple[object, ...]], family: str) -> list[list[Term]]:
        """Return the places and weights of the terms of every sum, in the order of their places."""
        terms = [[_weighed(term) for term in parts[0]] for parts in made]  # type: ignore[attr-defined]
        ordered = sorted(range(len(made)), key=self._place[family].__getitem__)
        return [[(self.at(ref), weight) for ref, weight in terms[number]] for number in ordered]

    def _two(self, made: Sequence[tuple[object, ...]]) -> Index:
        places = [(self.at(parts[0]), self.at(parts[1])) for parts in made]  # type: ignore[arg-type]
        return np.array(places, np.intp).reshape(-1, 2).T.copy()


class _Sums:
    """Many sums in one pass: those of up to `width` terms side by side, which is quicker, and then the longer ones."""

    def __init__(self, sums: Sequence[Sequence[Term]], zero: int, width: int) -> None:
        short = [[*terms, *[(zero, 0.0)] * (width - len(terms))] for terms in sums if len(terms) <= width]
        places, weights = _columns(term for terms in short for term in terms)
        self._short = places.reshape(-1, width).T.copy(), weights.reshape(-1, width).T.copy()
        self._long = _columns(term for terms in sums if len(terms) > width for term in terms)
        self._starts = np.cumsum([0, *(len(terms) for terms in sums if len(terms) > width)])[:-1].astype(np.intp)
        self._count, self._width = len(short), width

    def fill(self, out: Values, channels: Values, *, absolute: bool = False) -> None:
        """Write the weighted sums of `channels`, or of their absolute values, into `out`."""
        if self._count:
            terms, short = _terms(channels, self._short, absolute=absolute), out[: self._count]
            for column in terms[-2:0:-1]:  # from the last to the first, as reduceat does
                terms[-1] += column
            np.add(terms[-1], terms[0], out=short) if self._width > 1 else np.copyto(short, terms[0])
        if len(self._starts):
            terms = _terms(channels, self._long, absolute=absolute)
            np.add.reduceat(terms, self._starts, out=out[self._count :])


def _terms(channels: Values, columns: tuple[Index, Values], *, absolute: bool) -> Values:
    terms = channels.take(columns[0])
    return np.abs(terms, out=terms) if absolute else np.multiply(terms, columns[1], out=terms)


def _columns(terms: Iterable[Term]) -> tuple[Index, Values]:
    """Return places and weights."""
    flat = list(terms)
    return np.array([place for place, _ in flat], np.intp), np.array([weight for _, weight in flat], np.float64)


def _order(made: Sequence[tuple[object, ...]], width: int) -> list[int]:
    """Return the place of each sum among its family: those of up to `width` terms first."""
    ordered = sorted(range(len(made)), key=lambda number: len(made[number][0]) > width)  # type: ignore[arg-type]
    places = dict(zip(ordered, range(len(made)), strict=True))
    return [places[number] for number in range(len(made))]


def _weighed(term: Ref | tuple[Ref, float]) -> tuple[Ref, float]:
    return (term, 1.0) if isinstance(term, Ref) else term


def _last(made: Sequence[tuple[object, ...]]) -> Values:
    return np.array([parts[-1] for parts in made], np.float64)
