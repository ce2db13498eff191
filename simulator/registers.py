"""The Modbus register maps of the substation: where each measurement stands, in which type, and what it means.

Written once; the servers encode by it, and the gateway's configuration is made from it. Addresses are zero based, as
on the wire. Feeders are the usual mixture of a multifunction meter; transformers have their words swapped.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from simulator.gas import GASES
from simulator.meter import BAYS

FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
RANGES = {
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
}
BITS = ("coil", "discrete")

PHASES = {"a", "b", "c", "n", "ab", "bc", "ca"}
ELECTRICAL = ("voltage", "current", "active_power", "reactive_power")
BUS_VOLTS = {"low_low": 5720, "low": 6030, "high": 6730, "high_high": 7110, "hysteresis": 30}
"""0.90, 0.95, 1.06 and 1.12 of 6351 V; watched on the bus only, so that one cause is one alarm a phase."""
DELAYS = {"on_delay_s": 2, "off_delay_s": 2}
FEEDER_AMPERES = {"high": 300, "high_high": 360, "hysteresis": 5, "on_delay_s": 5, "off_delay_s": 5}
HERTZ = {"low_low": 47.5, "low": 49.5, "high": 50.5, "high_high": 51.5, "hysteresis": 0.05, **DELAYS}
OIL = {"high": 85, "high_high": 95, "hysteresis": 2, "on_delay_s": 10}
WINDING = {"high": 105, "high_high": 120, "hysteresis": 2, "on_delay_s": 10}


@dataclass(frozen=True, slots=True)
class Register:
    """One measurement: `table` and `offset` (and `bit`) on the wire, value = raw * `scale` in `unit`."""

    name: str
    table: str
    offset: int
    type: str
    quantity: str
    unit: str = ""
    scale: float = 1.0
    bit: int | None = None
    order: str = "big"
    deadband: float | None = None
    limits: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def address(self) -> str:
        """The address as the gateway's configuration writes it."""
        return f"{self.table}:{self.offset}" + ("" if self.bit is None else f".{self.bit}")

    @property
    def width(self) -> int:
        """How many addresses it takes."""
        return 1 if self.type == "bool" else struct.calcsize(FORMATS[self.type]) // 2

    @property
    def high(self) -> bool:
        """Whether it is measured on the HV side of a transformer."""
        return self.name.startswith("h") and self.quantity in ELECTRICAL

    @property
    def phase(self) -> str | None:
        """The phase or pair of phases, told by the name: va, hvb, vca, in."""
        phase = self.name.removeprefix("h" if self.high else "")[1:]
        if phase in PHASES and self.quantity in ("voltage", "current"):
            return phase
        return "total" if self.quantity.endswith("_power") else None

    def words(self, value: float) -> list[int]:
        """Return the registers of `value`, at the end of the range where it does not fit."""
        if self.type == "float32":
            raw = struct.pack(">f", value / self.scale)
        else:
            low, high = RANGES[self.type]
            raw = struct.pack(FORMATS[self.type], min(max(round(value / self.scale), low), high))
        words = [word for (word,) in struct.iter_unpack(">H", raw)]
        return words[::-1] if self.order == "big_swapped" else words


def _run(names: str, first: str, type_: str, **more: object) -> list[Register]:
    """Return registers that stand one after the other."""
    table, offset = first.split(":")
    found: list[Register] = []
    for name in names.split():
        place = found[-1].offset + found[-1].width if found else int(offset)
        found.append(Register(name, table, place, type_, **more))  # type: ignore[arg-type]
    return found


FEEDER = (
    *_run("va vb vc", "holding:100", "float32", quantity="voltage", unit="V", deadband=60),
    *_run("vab vbc vca", "holding:106", "uint16", quantity="voltage", unit="V", scale=0.5),
    *_run("ia ib ic", "holding:109", "uint16", quantity="current", unit="A", scale=0.01, limits=FEEDER_AMPERES),
    *_run("in", "holding:112", "uint16", quantity="current", unit="A", scale=0.01),
    *_run("p", "input:0", "int32", quantity="active_power", unit="kW", scale=0.01, deadband=100),
    *_run("q", "input:2", "int32", quantity="reactive_power", unit="kvar", scale=0.01),
    *_run("s", "input:4", "int32", quantity="apparent_power", unit="kVA", scale=0.01),
    *_run("pf", "input:6", "int16", quantity="power_factor", scale=0.0001),
    *_run("f", "input:7", "uint16", quantity="frequency", unit="Hz", scale=0.001),
    *_run("e", "input:8", "uint32", quantity="energy", unit="kWh", scale=0.1),
    Register("cb52", "discrete", 0, "bool", "breaker"),
)
TRANSFORMER = (
    *_run("hva hvb hvc", "holding:200", "float32", quantity="voltage", unit="V", order="big_swapped"),
    *_run("va vb vc", "holding:206", "float32", quantity="voltage", unit="V", order="big_swapped"),
    *_run("hia hib hic", "holding:212", "uint16", quantity="current", unit="A", scale=0.01),
    *_run("ia ib ic", "holding:215", "uint16", quantity="current", unit="A", scale=0.02, deadband=20),
    *_run("hp p", "input:0", "int32", quantity="active_power", unit="kW", scale=0.01, order="big_swapped"),
    *_run("hq q", "input:4", "int32", quantity="reactive_power", unit="kvar", scale=0.01, order="big_swapped"),
    *_run("s", "input:8", "int32", quantity="apparent_power", unit="kVA", scale=0.01, order="big_swapped"),
    *_run("pf", "input:10", "int16", quantity="power_factor", scale=0.0001),
    *_run("tap", "input:11", "int16", quantity="tap", deadband=0.5),
    *_run("oil", "input:12", "int16", quantity="oil_temperature", unit="degC", scale=0.01, limits=OIL),
    *_run("winding", "input:13", "int16", quantity="winding_temperature", unit="degC", scale=0.01, limits=WINDING),
    *_run("ambient", "input:14", "int16", quantity="ambient_temperature", unit="degC", scale=0.01),
    Register("cb52", "input", 15, "bool", "breaker", bit=0),
    Register("avr", "input", 15, "bool", "status", bit=1),
    *(
        Register(name, "input", 16 + place, "uint16", gas, "ppm", 0.1)
        for place, (name, gas) in enumerate(GASES.items())
    ),
)
BUS = (
    *_run("va vb vc", "input:0", "float32", quantity="voltage", unit="V", deadband=60, limits={**BUS_VOLTS, **DELAYS}),
    *_run("vab vbc vca", "input:6", "int32", quantity="voltage", unit="V", scale=0.01),
    *_run("f", "input:12", "uint16", quantity="frequency", unit="Hz", scale=0.001, limits=HERTZ),
    Register("coupler", "coil", 0, "bool", "breaker"),
)
MAPS = {bay: {"f": FEEDER, "t": TRANSFORMER, "b": BUS}[bay[0]] for bay in BAYS}
"""The register map of each bay."""


def spans(registers: Sequence[Register]) -> dict[str, range]:
    """Return the addresses of each table that answer; coils and discrete inputs come in sixteens."""
    found: dict[str, range] = {}
    for table in {register.table for register in registers}:
        of_table = [register for register in registers if register.table == table]
        first = min(register.offset for register in of_table)
        last = max(register.offset + register.width for register in of_table)
        found[table] = range(16) if table in BITS else range(first, last)
    return found


def image(registers: Sequence[Register], table: str, value_of: Callable[[str], float]) -> list[int]:
    """Return the contents of `table`: a word a register, or a word for sixteen coils or discrete inputs."""
    of_table = [register for register in registers if register.table == table]
    first = spans(of_table)[table].start
    words = [0] * (1 if table in BITS else len(spans(of_table)[table]))
    for register in of_table:
        value, place = value_of(register.name), register.offset - first
        if register.type != "bool":
            words[place : place + register.width] = register.words(value)
        elif value:
            words[0 if table in BITS else place] |= 1 << (place if register.bit is None else register.bit)
    return words
