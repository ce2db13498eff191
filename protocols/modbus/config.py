"""What an engineer says about a Modbus device: where it is, and where each point lies in its register map."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from protocols.point import PointConfig
from protocols.serial import SerialLine
from protocols.settings import AfterValidator, Fault, Field, settings
from protocols.tls import TlsDevice
from protocols.url import network_url

if TYPE_CHECKING:
    from protocols.driver import Driver, Outside
    from protocols.points import Points

Table = Literal["coil", "discrete", "holding", "input"]
Type = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
Order = Literal["big", "little", "big_swapped", "little_swapped"]

WIDTH: dict[str, int] = {
    "bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "int64": 4, "uint64": 4, "float64": 4,
}  # fmt: skip
"""Registers a value takes."""

BIT_TABLES = ("coil", "discrete")
LAST_ADDRESS = 65_535
NETWORK_PORTS = {"tcp": 502, "tls": 802, "rtu+tcp": 0}
"""The port where a url has none; 0 where it must have one."""
LAST_RTU_UNIT = 247
"""Serial Line V1.02, clause 2.2: 0 is broadcast, which nobody answers; 248 to 255 are reserved."""
TABLES_OF_MANUALS = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
NUMBER_OF_A_MANUAL = re.compile(r"([0134])(?!0+$)(\d{4,5})")
ADDRESS = re.compile(r"(coil|discrete|holding|input):(\d{1,9})(?:\.(\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Address:
    """A place in a register map: zero based, as on the wire."""

    table: str
    offset: int
    bit: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `holding:100` or `holding:7.3`.

        Raises:
            ValueError: says what is wrong and what is allowed.
        """
        match = ADDRESS.fullmatch(text)
        if match is None:
            allowed = "coil:N, discrete:N, holding:N, input:N, holding:N.BIT"
            raise ValueError(f"address '{text}' is none of {allowed}{_of_a_manual(text)}")
        table, offset, bit = match[1], int(match[2]), match[3]
        if offset > LAST_ADDRESS:
            raise ValueError(f"address {offset} is over {LAST_ADDRESS}; zero based, so 40001 is holding:0")
        if bit is not None and table in BIT_TABLES:
            raise ValueError(f"a {table} is one bit; '.{bit}' is allowed after holding and input only")
        if bit is not None and int(bit) > 15:
            raise ValueError(f"bit {bit} is over 15, the highest of a register")
        return cls(table, offset, None if bit is None else int(bit))


def _of_a_manual(text: str) -> str:
    """Return what is meant by a number such as 40101 or 400101, as manuals have it."""
    match = NUMBER_OF_A_MANUAL.fullmatch(text)
    return f"; {text} of a manual is {TABLES_OF_MANUALS[match[1]]}:{int(match[2]) - 1}" if match else ""


def _address(text: str) -> str:
    Address.parse(text)
    return text


def line_of(url: str) -> SerialLine:
    """Return the line of an rtu:// url: 19200 baud and even parity are the defaults of Serial Line V1.02, clause 2.5.

    Raises:
        ValueError: says what is wrong and what is allowed.
    """
    return SerialLine.parse(url, "rtu", baud=19_200, parity="E")


def _url(text: str) -> str:
    if text.startswith("rtu:"):
        line_of(text)
        return text
    return network_url(text, NETWORK_PORTS, told="none of tcp://, tls:// or rtu+tcp://HOST:PORT, rtu:///dev/TTY?baud=N")


@settings
class ModbusPoint(PointConfig):
    """One value in the register map of a Modbus device."""

    address: Annotated[str, AfterValidator(_address)]
    """coil:N, discrete:N, holding:N or input:N; one bit of a register: holding:N.BIT (0 is the lowest)."""
    type: Type | None = None
    """How the registers are read; bool for coils, discrete inputs and bits, otherwise uint16 by default."""
    order: Order = "big"
    """Byte order of the value: big (ABCD), little (DCBA), big_swapped (CDAB), little_swapped (BADC)."""

    @property
    def place(self) -> Address:
        """The address, parsed."""
        return Address.parse(self.address)

    @property
    def _addressed_as_output(self) -> bool:
        return self.address.startswith("coil:")

    @property
    def kind(self) -> str:
        """The type, with the default filled in."""
        if self.type is not None:
            return self.type
        return "bool" if self.address.startswith(BIT_TABLES) or "." in self.address else "uint16"

    @property
    def status(self) -> bool:
        """Whether it is on or off."""
        return self.kind == "bool"

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between address and type."""
        place, width = self.place, WIDTH[self.kind]
        one_bit = place.table in BIT_TABLES or place.bit is not None
        if one_bit and self.kind != "bool":
            yield ("type",), f"{self.address} is one bit; type bool is allowed, not {self.kind}"
        if not one_bit and self.kind == "bool":
            yield ("type",), f"type bool needs a bit: {self.address}.0 to {self.address}.15"
        if place.offset + width - 1 > LAST_ADDRESS:
            yield ("address",), f"{self.kind} at {self.address} takes {width} registers and ends beyond {LAST_ADDRESS}"


@settings
class ModbusDevice(TlsDevice):
    """One unit (slave) behind a Modbus endpoint."""

    protocol: Literal["modbus"]
    """The protocol."""
    url: Annotated[str, AfterValidator(_url)]
    """tcp://, tls:// or rtu+tcp://HOST:PORT, or rtu:///dev/TTY?baud=19200&parity=E&stop=1; the same shares a link."""
    unit: int = Field(default=1, ge=0, le=255)
    """Unit identifier."""
    max_registers: int = Field(default=125, ge=1, le=125)
    """Most registers in one request (125 by the Modbus specification, clause 6.3); 1 asks one at a time."""
    max_bits: int = Field(default=2000, ge=1, le=2000)
    """Most coils or discrete inputs in one request (2000 by the Modbus specification, clause 6.1)."""
    max_gap: int = Field(default=16, ge=0, le=124)
    """Most registers nobody asked for that are read across to save a request, 16 times as many bits; 0 never."""
    pause_ms: float = Field(default=0.0, ge=0, le=10_000)
    """Rest of this unit before each request, in milliseconds: some lose what comes too soon after an answer."""
    settle_ms: float = Field(default=0.0, ge=0, le=10_000)
    """Rest after connecting, in milliseconds: some gateways and converters are deaf at first."""
    retries: int = Field(default=1, ge=0, le=5)
    """How often a garbled answer is asked again at once; on a network TCP does it. Silence is never asked again."""
    unit_echo: Literal["strict", "lenient"] = "strict"
    """Whether an answer must name the unit that was asked; some gateways put their own number into it."""
    identify: Literal["ask", "never"] = "never"
    """Whether the unit is asked who it is (43/14), once a connection; simple ones hang at what they do not know."""
    points: tuple[ModbusPoint, ...] = ()
    """What is read."""

    @property
    def endpoint(self) -> str:
        """What devices must share to share a conversation: the url, and the certificates."""
        shown = (self.ca_file, self.cert_file, self.key_file, self.server_name)
        return self.url if shown == (None,) * len(shown) else " ".join(map(str, (self.url, *shown)))

    @property
    def serial(self) -> bool:
        """Whether its frames are those of a serial line."""
        return self.url.startswith("rtu")

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys: certificates, the unit, impossible and overlapping addresses."""
        yield from self.tls_faults(tls=self.url.startswith("tls://"))
        if self.serial and not 1 <= self.unit <= LAST_RTU_UNIT:
            yield ("unit",), f"unit {self.unit} is not from 1 to {LAST_RTU_UNIT}, as on a serial line"
        for index, point in enumerate(self.points):
            for path, text in point.faults():
                yield ("points", index, *path), text
            if WIDTH[point.kind] > self.max_registers:
                text = f"{point.kind} takes {WIDTH[point.kind]} registers; max_registers is {self.max_registers}"
                yield ("points", index, "type"), text
        yield from self._overlaps()

    def _overlaps(self) -> Iterator[Fault]:
        taken: dict[tuple[str, int], list[tuple[ModbusPoint, int | None]]] = {}
        for index, point in enumerate(self.points):
            place = point.place
            for offset in range(place.offset, place.offset + WIDTH[point.kind]):
                others = taken.setdefault((place.table, offset), [])
                clash = next((other for other, bit in others if _clash(place.bit, bit)), None)
                if clash is not None:
                    yield ("points", index, "address"), f"{point.address} overlaps {clash.name} at {clash.address}"
                    break
                others.append((point, place.bit))

    @staticmethod
    def driver(devices: "Sequence[Any]", points: "Points", outside: "Outside") -> "Driver":
        """Build the conversation that `devices`, all of this class and of one endpoint, share."""
        from protocols.modbus.driver import ModbusDriver  # noqa: PLC0415  loaded only when a device needs it

        return ModbusDriver(devices, points, outside.clock)


def _clash(bit: int | None, other: int | None) -> bool:
    """A register may be read whole and bit by bit; anything else twice is a mistake."""
    return bit == other
