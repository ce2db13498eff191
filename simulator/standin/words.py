"""The words of a stand-in: what a device shows, at which address, and how its number goes onto the wire."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias


class Shown(NamedTuple):
    """What a point shows: `value` in its unit; whether its device says that it is good."""

    value: float
    good: bool = True


Board: TypeAlias = Mapping[str, Shown]
"""What every point shows now, by the name of its signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A point on the wire: value = raw * `scale` + `offset`; `kind` is its type, `value` what it shows at the start.

    `name` is unique in the whole copy; `address` is that of its protocol, as configurations write it.
    """

    name: str
    address: str
    kind: str
    order: str = "big"
    scale: float = 1.0
    offset: float = 0.0
    value: float = 0.0

    def raw(self, value: float) -> float:
        """Return what goes onto the wire for `value`."""
        return (value - self.offset) / self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device: `station` is the unit of Modbus, the outstation of DNP3; blocks and data sets are of IEC 61850."""

    name: str
    signals: Sequence[Signal]
    station: int = 0
    blocks: Sequence[str] = ()
    data_sets: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Devices behind one endpoint. `way` is modbus, modbus_rtu, dnp3, iec61850 or opcua; `serial` is a terminal."""

    key: str
    way: str
    devices: Sequence[Device]
    serial: bool = False


class Server(Protocol):
    """The devices of one conversation. `port` is known once it serves."""

    port: int

    async def start(self) -> None:
        """Serve. OSError: the port is taken."""

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""

    async def show(self, names: Collection[str]) -> None:
        """Take what the board says of these signals; those of others are none of its business."""

    async def hush(self, device: str, *, silent: bool) -> None:
        """Let a device be silent, or answer again."""
