"""The objects of DNP3 that carry points, and how each variation lies in memory (IEEE 1815-2012, annex A).

Widths, flags and times come from the table of dnp3py; what it lacks is added here, so that one object that nobody asked
for does not cost the rest of its fragment.
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from dnp3.objects.base import DNP3Object
from dnp3.objects.layout import TimeKind, ValueCodec, WireLayout, layout_for
from dnp3.objects.registry import is_registered, register


class Group(NamedTuple):
    """What an object group reports: the kind of its points, and whether as events."""

    kind: str
    event: bool


GROUPS: Final = {
    1: Group("binary", event=False),
    2: Group("binary", event=True),
    3: Group("double", event=False),
    4: Group("double", event=True),
    10: Group("binary_output", event=False),
    11: Group("binary_output", event=True),
    20: Group("counter", event=False),
    21: Group("frozen", event=False),
    22: Group("counter", event=True),
    23: Group("frozen", event=True),
    30: Group("analog", event=False),
    31: Group("frozen_analog", event=False),
    32: Group("analog", event=True),
    33: Group("frozen_analog", event=True),
    40: Group("analog_output", event=False),
    42: Group("analog_output", event=True),
    110: Group("octets", event=False),
    111: Group("octets", event=True),
}
STATIC_GROUP: Final = {group.kind: number for number, group in GROUPS.items() if not group.event}

TIME_AND_DATE_CTO: Final = 51
TIME_DELAY: Final = 52
SILENT_GROUPS: Final = frozenset({0, 12, 13, 34, 41, 43, 50, 51, 52, 60, 70, 80, 85, 86, 87, 88, 90, 91, 102, 112, 113})
"""Known, but no points of the process: attributes, commands and their events, dead-bands, times, files, data sets."""

_INTEGERS: Final = {ValueCodec.INT: "i", ValueCodec.UINT: "u"}
LAYOUTS_KEPT: Final = 512
"""Dtypes kept: every pair of the standard with every width of index; a hostile peer cannot ask for more."""


@lru_cache(maxsize=LAYOUTS_KEPT)
def wire_type(group: int, variation: int, index_octets: int) -> np.dtype[Any] | None:
    """Return the structured dtype of one object: index, flags, value, low and high part of its time, where it has them.

    None for bit-packed objects, and for pairs that have no layout.
    """
    layout = layout_for(group, variation)
    if layout is None or layout.is_packed:
        return None
    fields: list[tuple[str, str]] = []
    if index_octets:
        fields.append(("index", f"<u{index_octets}"))
    if layout.has_flags:
        fields.append(("flags", "u1"))
    if layout.value_width:
        fields.append(("value", _value_type(layout)))
    if layout.time is TimeKind.ABSOLUTE:
        fields += [("low", "<u4"), ("high", "<u2")]
    elif layout.time is TimeKind.RELATIVE:
        fields.append(("after", "<u2"))
    return np.dtype(fields)


def _value_type(layout: WireLayout) -> str:
    width = layout.value_width
    if layout.codec in _INTEGERS:
        return f"<{_INTEGERS[layout.codec]}{width}"
    return f"<f{width}" if layout.codec in (ValueCodec.FLOAT32, ValueCodec.FLOAT64) else f"V{width}"


def _add_width(group: int, variation: int, octets: int) -> None:
    """Teach dnp3py how wide an object is that it cannot frame."""
    if layout_for(group, variation) is None and not is_registered(group, variation):
        register(type(f"G{group}V{variation}", (DNP3Object,), {"GROUP": group, "VARIATION": variation, "SIZE": octets}))


_add_width(50, 2, 10)  # time and date with interval, A.23.2
_add_width(50, 4, 11)  # indexed time and date with long interval, A.23.4
for _variation in range(1, 256):
    _add_width(112, _variation, _variation)  # virtual terminal output, A.43
    _add_width(113, _variation, _variation)  # virtual terminal event, A.44
