"""SunSpec: a device that says itself where its values are, as a chain of models; pure, from registers to points.

    "SunS":2  id:1  length:1  body:length  id:1  length:1  body:length  ...  0xFFFF  0

A group is registers that share a unit; in the integer models the register behind a group is its scale factor, a power
of ten. Layouts: SunSpec Alliance, information models 1, 101 to 103, 111 to 113, 201 to 204 and 211 to 214, as
published in github.com/sunspec/models (checked register by register against the JSON of 1, 101, 111, 201 and 211).
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocols.modbus.config import WIDTH

BASES: Final = (40_000, 50_000, 0)
"""Where the chain may begin: SunSpec Technology Overview, clause on device discovery; zero based."""
MARK: Final = (0x5375, 0x6E53)
"""`SunS`."""
END: Final = 0xFFFF
"""The id behind the last model."""
MOST_MODELS: Final = 64
"""Largest devices in the field have some 20."""
COMMON: Final = 1

TITLES: Final = {
    1: "common", 101: "inverter, single phase", 102: "inverter, split phase", 103: "inverter, three phase",
    111: "inverter, single phase, float", 112: "inverter, split phase, float", 113: "inverter, three phase, float",
    120: "nameplate", 121: "basic settings", 122: "status", 123: "immediate controls", 124: "storage",
    160: "MPPT", 201: "meter, single phase", 202: "meter, split phase", 203: "meter, wye", 204: "meter, delta",
    211: "meter, single phase, float", 212: "meter, split phase, float", 213: "meter, wye, float",
    214: "meter, delta, float", 701: "DER AC measurement", 802: "battery",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the chain: `start` is the address of its id, `body` its registers behind id and length."""

    id: int
    start: int
    body: Sequence[int]

    @property
    def title(self) -> str:
        """What it is."""
        return TITLES.get(self.id, "another model")


@dataclass(frozen=True, slots=True)
class Group:
    """Registers that follow one another: `kind` with `s` at the end has a scale factor behind it."""

    names: str
    type: str
    unit: str
    quantity: str
    scaled: bool = True


_AMPERES, _POWERS = "A AphA AphB AphC", "{0} {0}phA {0}phB {0}phC"
_VOLTS_INVERTER = "PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC"
_VOLTS_METER = "PhV PhVphA PhVphB PhVphC PPV PPVphAB PPVphBC PPVphCA"
_ENERGIES = "TotWhExp TotWhExpPhA TotWhExpPhB TotWhExpPhC TotWhImp TotWhImpPhA TotWhImpPhB TotWhImpPhC"
_TEMPERATURES = "TmpCab TmpSnk TmpTrns TmpOt"
_STATE = Group("St StVnd", "uint16", "", "status", scaled=False)

_INVERTER = (
    Group(_AMPERES, "uint16", "A", "current"),
    Group(_VOLTS_INVERTER, "uint16", "V", "voltage"),
    Group("W", "int16", "W", "active_power"),
    Group("Hz", "uint16", "Hz", "frequency"),
    Group("VA", "int16", "VA", "apparent_power"),
    Group("VAr", "int16", "var", "reactive_power"),
    Group("PF", "int16", "%", "power_factor"),
    Group("WH", "uint32", "Wh", "energy"),
    Group("DCA", "uint16", "A", "current"),
    Group("DCV", "uint16", "V", "voltage"),
    Group("DCW", "int16", "W", "active_power"),
    Group(_TEMPERATURES, "int16", "degC", "temperature"),
    _STATE,
)
_METER = (
    Group(_AMPERES, "int16", "A", "current"),
    Group(_VOLTS_METER, "int16", "V", "voltage"),
    Group("Hz", "int16", "Hz", "frequency"),
    Group(_POWERS.format("W"), "int16", "W", "active_power"),
    Group(_POWERS.format("VA"), "int16", "VA", "apparent_power"),
    Group(_POWERS.format("VAR"), "int16", "var", "reactive_power"),
    Group(_POWERS.format("PF"), "int16", "%", "power_factor"),
    Group(_ENERGIES, "uint32", "Wh", "energy"),
)


def _floats(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return the layout of the float model: the same groups, without scale factors; the state is the same."""
    return tuple(
        one if not one.scaled else Group(one.names, "float32", "" if one.unit == "%" else one.unit, one.quantity, False)
        for one in groups
    )


LAYOUTS: Final[Mapping[int, Sequence[Group]]] = {
    **dict.fromkeys((101, 102, 103), _INVERTER),
    **dict.fromkeys((111, 112, 113), _floats(_INVERTER)),
    **dict.fromkeys((201, 202, 203, 204), _METER),
    **dict.fromkeys((211, 212, 213, 214), _floats(_METER)),
}
_UNUSED: Final = {"int16": 0x8000, "uint16": 0xFFFF, "uint32": 0xFFFF_FFFF}
"""What stands in a register that the device does not implement."""
_COMMON: Final = (("maker", 0, 16), ("model", 16, 16), ("options", 32, 8), ("version", 40, 8), ("serial", 48, 16))
_PHASE = re.compile(r"[pP]h(AB|BC|CA|A|B|C)$")


def common(model: Model) -> dict[str, str]:
    """Return what the common model says of the device."""
    return {key: text for key, at, size in _COMMON if (text := _text(model.body[at : at + size]))}


def points(model: Model) -> Iterator[dict[str, Any]]:
    """Yield the points of a model that the device implements; none for a model without a layout here."""
    at = 0
    for group in LAYOUTS.get(model.id, ()):
        width = WIDTH[group.type]
        names = group.names.split()
        behind = at + width * len(names)
        exponent = _exponent(model.body, behind) if group.scaled else 0
        for index, name in enumerate(names):
            place = at + width * index
            if _implemented(group.type, model.body[place : place + width]):
                yield _point(group, name, model.start + 2 + place, exponent)
        at = behind + group.scaled


def _point(group: Group, name: str, address: int, exponent: int) -> dict[str, Any]:
    phase = _PHASE.search(name)
    role = {"quantity": group.quantity} | ({"phase": phase[1].lower()} if phase else {})
    return {
        "name": name,
        "address": f"holding:{address}",
        "type": group.type,
        "scale": None if exponent == 0 else float(f"1e{exponent}"),
        "unit": group.unit or None,
        "role": role,
    }


def _exponent(body: Sequence[int], at: int) -> int:
    """Return the scale factor at `at`; one that is missing or out of -10 to 10 counts as 0."""
    if at >= len(body):
        return 0
    number = body[at] - 0x1_0000 if body[at] & 0x8000 else body[at]
    return number if -10 <= number <= 10 else 0


def _implemented(kind: str, registers: Sequence[int]) -> bool:
    if len(registers) < WIDTH[kind]:
        return False
    raw = struct.pack(f">{len(registers)}H", *registers)
    if kind == "float32":
        number = struct.unpack(">f", raw)[0]
        return bool(number == number)  # noqa: PLR0124  NaN says not implemented
    return int.from_bytes(raw, "big") != _UNUSED[kind]


def _text(registers: Sequence[int]) -> str:
    raw = struct.pack(f">{len(registers)}H", *registers)
    return raw.split(b"\0")[0].decode("ascii", "replace").strip()
