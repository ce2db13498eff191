"""What an engineer says about a DNP3 outstation: where it is, what it is asked, and which of its points count."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from protocols.point import PointConfig
from protocols.serial import SerialLine
from protocols.settings import AfterValidator, Fault, Field, Seconds, settings
from protocols.tls import TlsDevice
from protocols.url import network_url

if TYPE_CHECKING:
    from protocols.driver import Driver, Outside
    from protocols.points import Points

Type = Literal["bool", "dbpos", "uint32", "float64", "octets"]

TYPES: dict[str, Type] = {
    "binary": "bool", "double": "dbpos", "binary_output": "bool", "counter": "uint32", "frozen": "uint32",
    "analog": "float64", "frozen_analog": "float64", "analog_output": "float64", "octets": "octets",
}  # fmt: skip
"""Each kind of point and the type of its values: dbpos is 0 intermediate, 1 off, 2 on, 3 indeterminate."""

OUTPUTS = ("binary_output", "analog_output")
SERIAL = "serial"
PORTS = {"tcp": 20_000, "tls": 20_000}
LAST_INDEX = 65_535
LAST_ADDRESS = 65_519
"""Highest address of a station; those above are broadcast or reserved (IEEE 1815-2012, clause 9.2.5.1.3)."""
ADDRESS = re.compile(rf"({'|'.join(TYPES)}):(\d{{1,9}})")


def place(text: str) -> tuple[str, int]:
    """Return kind and index of an address such as `analog:7`.

    Raises:
        ValueError: says what is wrong and what is allowed.
    """
    match = ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"address '{text}' is none of {', '.join(f'{kind}:N' for kind in TYPES)}")
    if int(match[2]) > LAST_INDEX:
        raise ValueError(f"index {match[2]} is over {LAST_INDEX}")
    return match[1], int(match[2])


def _address(text: str) -> str:
    place(text)
    return text


def serial_line(url: str) -> SerialLine:
    """Return how the line of a serial url is set: 9600 baud, no parity where it does not say.

    Raises:
        ValueError: says what is wrong and what is allowed.
    """
    return SerialLine.parse(url, SERIAL, baud=9600, parity="N")


def _url(text: str) -> str:
    if text.startswith(f"{SERIAL}:"):
        serial_line(text)
        return text
    return network_url(text, PORTS, told="not tcp://HOST:PORT, tls://HOST:PORT or serial:///dev/TTY?baud=N")


@settings
class Dnp3Point(PointConfig):
    """One point of an outstation."""

    address: Annotated[str, AfterValidator(_address)]
    """binary: double: counter:, frozen: analog: frozen_analog: binary_output: analog_output: or octets:N, N from 0."""
    type: Type | None = None
    """Type of its values, told by the address; may be named for the reader."""

    @property
    def place(self) -> tuple[str, int]:
        """Kind and index."""
        return place(self.address)

    @property
    def _addressed_as_output(self) -> bool:
        return self.place[0] in OUTPUTS

    @property
    def kind(self) -> str:
        """The type of its values."""
        return TYPES[self.place[0]]

    @property
    def status(self) -> bool:
        """Whether it is on or off."""
        return self.kind in ("bool", "dbpos")

    @property
    def sequenced(self) -> bool:
        """Whether each change is an event with its own time."""
        return True

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between its keys."""
        if self.type not in (None, self.kind):
            yield ("type",), f"{self.address} is {self.kind}, not {self.type}"
        if self.every_s is not None:
            yield ("every_s",), "every_s is not for points here: an outstation reports by itself what changes"


@settings
class Dnp3Device(TlsDevice):
    """One outstation."""

    protocol: Literal["dnp3"]
    """The protocol."""
    url: Annotated[str, AfterValidator(_url)]
    """tcp://HOST:PORT, tls://HOST:PORT (20000 when left out), or serial:///dev/ttyS1?baud=9600&parity=N&stop=1.
    Devices with the same url share one link."""
    outstation: int = Field(default=1024, ge=0, le=LAST_ADDRESS)
    """Its link address."""
    master: int = Field(default=1, ge=0, le=LAST_ADDRESS)
    """Our link address, as the outstation expects it."""
    integrity_every_s: Seconds = 300.0
    """How often everything is read (classes 1, 2, 3, 0), in seconds; also after a connect, a restart, an overflow."""
    events_every_s: Seconds = 1.0
    """How often events of classes 1, 2 and 3 are asked, in seconds."""
    unsolicited: bool = True
    """Whether the outstation may send its events by itself."""
    time_sync: Literal["none", "lan", "nonlan"] = "none"
    """Set its clock when it asks (IIN 1.4) and ours is synchronised: none, lan (record and write), nonlan (delay)."""
    identify: Literal["ask", "never"] = "never"
    """Whether it is asked who it is (g0) once a connection and every six hours; simple ones do not know that."""
    keepalive_s: Seconds = 60.0
    """Ask for the link status after so many seconds of silence."""
    points: tuple[Dnp3Point, ...] = ()
    """What is read."""

    @property
    def endpoint(self) -> str:
        """What devices must share to share a link."""
        return self.url

    @property
    def station(self) -> tuple[int, int]:
        """Both addresses: whoever answers is known by them alone."""
        return self.outstation, self.master

    @property
    def interval_s(self) -> float:
        """Longest silence of a point that does not change."""
        return self.integrity_every_s

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys and points: TLS, addresses twice."""
        yield from self.tls_faults(tls=self.url.startswith("tls:"))
        if self.outstation == self.master:
            yield ("master",), f"master and outstation are both {self.master}; stations of a link differ"
        first: dict[tuple[str, int], str] = {}
        for index, point in enumerate(self.points):
            for path, text in point.faults():
                yield ("points", index, *path), text
            if (name := first.setdefault(point.place, point.name)) != point.name:
                yield ("points", index, "address"), f"{point.address} is point {name} already"

    @staticmethod
    def driver(devices: "Sequence[Any]", points: "Points", outside: "Outside") -> "Driver":
        """Build the link that `devices`, all of this class and of one endpoint, share."""
        from protocols.dnp3.driver import Dnp3Driver  # noqa: PLC0415  loaded only when a device needs it

        return Dnp3Driver(devices, points, outside)
