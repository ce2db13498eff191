"""The bus sections as SunSpec meters: the same voltages once more, in a chain of models that says where they are.

    "SunS"  1  66  common  213  124  meter, wye, float  0xFFFF  0

Layouts: SunSpec Alliance, information models 1 and 213. Written without the gateway's decoder, as all of this room.
"""

import struct
from collections.abc import Callable, Sequence

from simulator.registers import MAPS, image, spans

METERS = ("bus1", "bus2")
START = 40_000
"""SunSpec Technology Overview: the first of the three places where the chain may begin; zero based."""
COMMON, COMMON_REGISTERS = 1, 66
METER, METER_REGISTERS = 213, 124
END = 0xFFFF
AMPERES = 4
"""Of the meter, in front of its voltages: total and three phases, none of which a bus section has."""
LENGTH = 2 + 2 + COMMON_REGISTERS + 2 + METER_REGISTERS + 2
NAN = float("nan")


def spans_of(bay: str) -> dict[str, range]:
    """Return the addresses of each table that answer in `bay`."""
    found = spans(MAPS[bay])
    return {**found, "holding": range(START, START + LENGTH)} if bay in METERS else found


def image_of(bay: str, table: str, value_of: Callable[[str], float]) -> list[int]:
    """Return the contents of `table` of `bay`, as `image` does."""
    if bay in METERS and table == "holding":
        return _chain(bay, value_of)
    return image(MAPS[bay], table, value_of)


def _chain(bay: str, value_of: Callable[[str], float]) -> list[int]:
    common = [*_text("GridSentinel", 16), *_text("simulated", 16), *_text("", 8), *_text("1", 8), *_text(bay, 16), 1, 0]
    return [*_text("SunS", 2), COMMON, COMMON_REGISTERS, *common, METER, METER_REGISTERS, *_meter(value_of), END, 0]


def _meter(value_of: Callable[[str], float]) -> list[int]:
    phases = [value_of(name) for name in ("va", "vb", "vc")]
    between = [value_of(name) for name in ("vab", "vbc", "vca")]
    known = [*[NAN] * AMPERES, _mean(phases), *phases, _mean(between), *between, value_of("f")]
    floats = [*known, *[NAN] * ((METER_REGISTERS - 2) // 2 - len(known))]
    return [*struct.unpack(f">{2 * len(floats)}H", struct.pack(f">{len(floats)}f", *floats)), 0, 0]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _text(text: str, registers: int) -> tuple[int, ...]:
    return struct.unpack(f">{registers}H", text.encode().ljust(2 * registers, b"\0"))
