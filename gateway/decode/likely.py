"""Which decoding is meant, given roughly what the value should be: each possibility has a cost, the least comes first.

The costs are habits of the field, in no unit: a float at the address as documented costs nothing; an address off by
one, words swapped, a scale of 0.1 are common; bytes swapped within words are rare. A raw number of one or two digits
fits too much to prove anything, so it costs more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.decode.decodings import Decoding

ROUGH = 0.25
"""Furthest from what is expected, relative: a voltage within its bad days, a load within its quarter of an hour."""
MOST = 5
"""Most possibilities shown."""

_SCALES = {1.0: 0.0, 0.1: 0.4, 0.01: 0.5, 0.001: 0.6, 10.0: 1.2, 100.0: 1.4}
_ORDERS = {"big": 0.0, "big_swapped": 0.3, "little_swapped": 1.5, "little": 1.5}
_TYPES = {
    "float32": 0.0, "int16": 0.4, "uint16": 0.4, "int32": 0.5, "uint32": 0.5,
    "float64": 0.6, "int64": 0.9, "uint64": 0.9,
}  # fmt: skip
_SIGNED = {"uint16": "int16", "uint32": "int32", "uint64": "int64"}
_WRONG = 4.0
"""Cost of being off by ROUGH; nothing when it is exact."""
_NEIGHBOUR, _ELSEWHERE = 0.8, 1.2
"""Cost of an address off by one, and of another one in the range."""
_FEW_DIGITS = 60.0
"""A raw integer of this size is known within 1 %; half of it costs twice as much."""


@dataclass(frozen=True, slots=True)
class Likely:
    """A decoding that fits: `value` is scaled; `same` the type that reads the same, if any; `cost` ranks it."""

    decoding: Decoding
    scale: float
    value: float
    same: str | None
    cost: float

    @property
    def point(self) -> dict[str, Any]:
        """The point to paste."""
        one = self.decoding
        return {
            "name": "value",
            "address": f"{one.table}:{one.address}",
            "type": one.type,
            "order": None if one.order == "big" else one.order,
            "scale": None if self.scale == 1 else self.scale,
        }

    @property
    def json(self) -> dict[str, Any]:
        """As it is printed for machines."""
        point = {key: value for key, value in self.point.items() if value is not None}
        return {"value": self.value, "cost": round(self.cost, 3), "same_as": self.same, "point": point}


def likely(decodings: Iterable[Decoding], expected: float, asked: int) -> list[Likely]:
    """Return what fits `expected`, which is not 0, the likeliest first; `asked` is the address it was looked for at."""
    found: dict[tuple[int, str, str, float], Likely] = {}
    for one in decodings:
        for scale, cost in _SCALES.items():
            if one.value is None or abs(one.value * scale - expected) > ROUGH * abs(expected):
                continue
            whole = cost + _cost(one, expected, scale, asked)
            found[one.address, one.order, one.type, scale] = Likely(one, scale, one.value * scale, None, whole)
    return sorted(_joined(found), key=lambda one: one.cost)[:MOST]


def _cost(one: Decoding, expected: float, scale: float, asked: int) -> float:
    assert one.value is not None
    error = abs(one.value * scale - expected) / abs(expected) / ROUGH
    away = abs(one.address - asked)
    place = 0.0 if away == 0 else _NEIGHBOUR if away == 1 else _ELSEWHERE
    digits = 0.0 if one.type.startswith("float") else _FEW_DIGITS / max(abs(one.value), 1) / 10
    return _TYPES[one.type] + _ORDERS[one.order] + place + _WRONG * error**2 + digits


def _joined(found: dict[tuple[int, str, str, float], Likely]) -> Iterable[Likely]:
    """Yield each possibility once: signed and unsigned read the same below the sign, and signed is the safer guess."""
    for (address, order, kind, scale), one in found.items():
        if (address, order, _SIGNED.get(kind), scale) in found:
            continue
        unsigned = f"u{kind}"
        same = unsigned if (address, order, unsigned, scale) in found else None
        yield Likely(one.decoding, one.scale, one.value, same, one.cost)
