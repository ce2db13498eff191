"""What an engineer says about a tap: where it listens, what is watched beside the usual, how much it may take."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from protocols.point import DeviceConfig, PointConfig, Role
from protocols.settings import AfterValidator, Bytes, Fault, Field, settings

if TYPE_CHECKING:
    from protocols.driver import Driver, Outside
    from protocols.points import Points

MIB = 1024 * 1024
MOST_HOSTS = 64
"""Hosts of a filter in the kernel."""
MOST_PORTS = 64
"""Ports that are watched beside the usual ones."""
LONGEST_INTERFACE = 15
"""Characters of the name of an interface, IFNAMSIZ without its end."""

Counter = Literal[
    "counter:frames",
    "counter:bytes",
    "counter:dropped",
    "counter:malformed",
    "counter:truncated",
    "counter:flows",
    "counter:talkers",
    "counter:evicted",
    "counter:faults",
]
Spoken = Literal["modbus", "dnp3", "mms", "iec104", "opcua", "tls"]


def _host(text: str) -> str:
    IPv4Address(text)
    return text


@settings
class TapPoint(PointConfig):
    """One number that the tap knows of itself."""

    address: Counter
    """counter:NAME: what is counted."""


NO_VALUE = Role(quantity="status")
"""What counts has no usual value, no pattern and no spikes: the checks of measured values leave it out."""


def _counters() -> tuple[TapPoint, ...]:
    words: tuple[Counter, ...] = Counter.__args__  # type: ignore[attr-defined]
    return tuple(TapPoint(name=word.removeprefix("counter:"), address=word, role=NO_VALUE) for word in words)


@settings
class TapDevice(DeviceConfig):
    """An interface on a mirror port, or the gateway's own, or a capture in a file; it only listens."""

    protocol: Literal["tap"]
    """The protocol."""
    interface: Annotated[str, Field(pattern=rf"^[^\s/:]{{1,{LONGEST_INTERFACE}}}$")] | None = None
    """The network interface, such as eth1; with systemd, the drop-in tap.conf allows it."""
    file: Path | None = None
    """A capture instead, pcap or pcapng; it is played as fast as it was taken."""
    promiscuous: Literal["on", "off"] = "off"
    """Whether the interface hears what is not addressed to it: on for mirror ports, off for the gateway's own."""
    ports: dict[Annotated[int, Field(ge=1, le=65_535)], Spoken] = Field(default_factory=dict, max_length=MOST_PORTS)
    """Further server ports and what is spoken there, such as 10502: modbus."""
    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(default=(), max_length=MOST_HOSTS)
    """IPv4 addresses: of IPv4 the kernel hands on only what they send or get; all when left out."""
    ring_bytes: Bytes = Field(default=8 * MIB, ge=MIB, le=256 * MIB)
    """What the kernel keeps until it is looked at."""
    evidence_bytes: Bytes = Field(default=4 * MIB, ge=MIB // 4, le=1024 * MIB)
    """What is kept in RAM of the last frames, for evidence."""
    drain_ms: float = Field(default=50.0, ge=5, le=1000)
    """How often it is looked at what has come, in milliseconds."""
    points: tuple[TapPoint, ...] = Field(default_factory=_counters, min_length=1)
    """What it counts; all of it when left out."""

    @property
    def endpoint(self) -> str:
        """What devices must share to share a conversation: nothing."""
        return f"{self.interface or self.file}#{self.name}"

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys."""
        if (self.interface is None) == (self.file is None):
            yield ("interface",), "either interface or file is needed, and not both"
        if self.file is not None and self.promiscuous == "on":
            yield ("promiscuous",), "promiscuous needs an interface"

    @staticmethod
    def driver(devices: "Sequence[Any]", points: "Points", outside: "Outside") -> "Driver":
        """Build the conversation that `devices`, all of this class and of one endpoint, share."""
        from protocols.tap.driver import TapDriver  # noqa: PLC0415  loaded only when a device needs it

        return TapDriver(devices[0], points, outside)
