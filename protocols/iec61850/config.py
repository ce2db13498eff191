"""What an engineer says about an IED: where it is, which report control blocks to take, and its points."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from protocols.point import PointConfig
from protocols.settings import AfterValidator, Fault, Field, Seconds, settings
from protocols.tls import TlsDevice
from protocols.url import network_url

if TYPE_CHECKING:
    from protocols.driver import Driver, Outside
    from protocols.points import Points

Type = Literal["float64", "int64", "bool", "enum", "dbpos"]
Trigger = Literal["data_change", "quality_change", "data_update"]

PORTS = {"tcp": 102, "tls": 3782}
"""iso-tsap, RFC 1006; iso-tp0s, registered for MMS over TLS (IEC 62351-4)."""

ADDRESS = re.compile(r"([A-Za-z0-9_]{1,64})/([A-Za-z0-9_]{1,16})((?:\.[A-Za-z][A-Za-z0-9_]{0,63}){1,8})\[([A-Z]{2})\]")
READABLE = frozenset({"ST", "MX", "SP", "SV", "CF", "DC", "SG", "SE", "BL", "EX"})
"""Functional constraints of data that can be read (IEC 61850-7-2 table 20): no control, no control block."""
SET_BY_CLIENTS = frozenset({"SP", "SG", "SE", "SV"})
"""Functional constraints of what a client sets: set points, setting groups, substitution."""
OBJECT = re.compile(r"([A-Za-z0-9_]{1,64})/([A-Za-z0-9_]{1,16})\.([A-Za-z][A-Za-z0-9_]{0,63})")
COUNTED = frozenset({"actVal", "frVal", "ctlVal"})
"""Values of ST that count instead of telling a state."""


@dataclass(frozen=True, slots=True)
class Address:
    """A data attribute: logical device, logical node, functional constraint, and the names down to it."""

    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX]`.

        Raises:
            ValueError: says what is wrong and what is allowed.
        """
        match = ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError(f"address '{text}' is not LDEVICE/LN.DATA.ATTRIBUTE[FC], as IED3LD0/MMXU1.Hz.mag.f[MX]")
        device, node, names, constraint = match.groups()
        if constraint not in READABLE:
            raise ValueError(f"[{constraint}] cannot be read; allowed are {', '.join(sorted(READABLE))}")
        return cls((device, node, constraint, *names[1:].split(".")))

    @property
    def constraint(self) -> str:
        """The functional constraint."""
        return self.path[2]


def _address(text: str) -> str:
    Address.parse(text)
    return text


def _object(text: str) -> str:
    if OBJECT.fullmatch(text) is None:
        raise ValueError(f"'{text}' is not LDEVICE/LN.NAME, as IED3LD0/LLN0.brcbMeas")
    return text


def _url(text: str) -> str:
    return network_url(text, PORTS, told="not tcp://HOST:PORT or tls://HOST:PORT")


Selector = Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){0,16}$")]
ObjectReference = Annotated[str, AfterValidator(_object)]


@settings
class ReportConfig:
    """A report control block to take."""

    block: ObjectReference
    """LDEVICE/LN.NAME; where it has instances, the name without their number: the first free one is taken."""
    integrity_s: float = Field(default=60.0, ge=0, le=86_400)
    """How often it sends everything, in seconds; 0: only when it connects."""
    buffer_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    """How long it gathers changes into one report, in milliseconds; as the device has it when left out."""
    triggers: tuple[Trigger, ...] = ("data_change", "quality_change")
    """What makes it send a value: data_change, quality_change, data_update."""


@settings
class Iec61850Point(PointConfig):
    """One data attribute of an IED."""

    address: Annotated[str, AfterValidator(_address)]
    """LDEVICE/LN.DATA.ATTRIBUTE[FC]; quality and time are found beside it."""
    type: Type | None = None
    """float64, int64, bool, enum, dbpos (0 intermediate, 1 off, 2 on, 3 bad); a Dbpos as bool is 0 off, 1 on.
    By default enum for states (ST), otherwise float64."""

    @property
    def place(self) -> Address:
        """The address, parsed."""
        return Address.parse(self.address)

    @property
    def _addressed_as_output(self) -> bool:
        return self.place.constraint in SET_BY_CLIENTS

    @property
    def kind(self) -> str:
        """The type, with the default filled in."""
        if self.type is not None:
            return self.type
        place = self.place
        return "enum" if place.constraint == "ST" and place.path[-1] not in COUNTED else "float64"

    @property
    def status(self) -> bool:
        """Whether it is a state."""
        return self.kind in ("bool", "enum", "dbpos")


@settings
class Iec61850Device(TlsDevice):
    """One IED."""

    protocol: Literal["iec61850"]
    """The protocol."""
    url: Annotated[str, AfterValidator(_url)]
    """tcp://HOST:PORT (102 when left out), or tls://HOST:PORT (3782)."""
    scl: Path | None = None
    """A CID, ICD or SCD file: the members of the data sets below become points, without listing them."""
    ied: str | None = Field(default=None, max_length=64)
    """Name of the IED in the SCL file, where it has several and none with the host of the url."""
    reports: tuple[ReportConfig, ...] = ()
    """Report control blocks to take; buffered ones are taken up where the gateway left them."""
    data_sets: tuple[ObjectReference, ...] = ()
    """Data sets that are read whole, every `every_s`; LDEVICE/LN.NAME."""
    t_selector: Selector = "0001"
    """Transport selector of the IED (OSI-TSEL), hexadecimal."""
    s_selector: Selector = "0001"
    """Session selector of the IED (OSI-SSEL), hexadecimal."""
    p_selector: Selector = "00000001"
    """Presentation selector of the IED (OSI-PSEL), hexadecimal."""
    max_pdu: int = Field(default=65_000, ge=1_000, le=65_000)
    """Largest MMS message that is offered, in bytes."""
    max_outstanding: int = Field(default=5, ge=1, le=32)
    """Most requests at once that are offered; the IED may allow fewer."""
    heartbeat_s: Seconds = 5.0
    """After so many seconds of silence the IED is asked whether it is there."""
    reserve_s: int = Field(default=60, ge=0, le=32_767)
    """How long the IED keeps a buffered block for us when the connection is lost, in seconds (ResvTms)."""
    points: tuple[Iec61850Point, ...] = ()
    """What is read; what no report and no data set brings is read every `every_s`."""

    @property
    def endpoint(self) -> str:
        """What devices must share to share a conversation: nothing, an IED has an association of its own."""
        return f"{self.url}#{self.name}"

    @property
    def interval_s(self) -> float:
        """Longest silence of a point that does not change."""
        return max([self.every_s, *(report.integrity_s for report in self.reports)])

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys: TLS, blocks and addresses twice, an SCL file for nothing."""
        yield from self.tls_faults(tls=self.url.startswith("tls:"))
        first: dict[str, str] = {}
        for index, point in enumerate(self.points):
            if (name := first.setdefault(point.address, point.name)) != point.name:
                yield ("points", index, "address"), f"{point.address} is point {name} already"
        blocks = [report.block for report in self.reports]
        for index, block in enumerate(blocks):
            if block in blocks[:index]:
                yield ("reports", index, "block"), f"{block} is taken already"
        if self.scl is not None and not self.reports and not self.data_sets:
            yield ("scl",), "scl gives the points of reports and data_sets, and there are none"
        if self.ied is not None and self.scl is None:
            yield ("ied",), "ied is the name of an IED in an scl file"

    def resolved(self) -> "tuple[Iec61850Device, Sequence[Fault]]":
        """Return the device with the points of its SCL file, and what is wrong with that file; when loading only."""
        if self.scl is None or any(self.faults()):
            return self, ()
        from protocols.iec61850.scl import resolved  # noqa: PLC0415  the daemon never reads XML

        return resolved(self)

    @staticmethod
    def driver(devices: "Sequence[Any]", points: "Points", outside: "Outside") -> "Driver":
        """Build the conversation that `devices`, all of this class and of one endpoint, share."""
        from protocols.iec61850.driver import Iec61850Driver  # noqa: PLC0415  loaded only when a device needs it

        return Iec61850Driver(devices[0], points, outside)
