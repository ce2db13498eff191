"""What a bay can speak beside Modbus: for each protocol its server, and how the gateway's configuration reaches it.

Servers are imported when somebody asks for them: their libraries are large.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.registers import MAPS

POLYGLOT = "bus1"
"""The bay that speaks them all, so that the same voltage can be compared."""
_BLOCKS = ("brcbMeas", "urcbState")


class Server(Protocol):
    """One bay on one protocol. `port` is known once it serves."""

    port: int

    async def start(self) -> None:
        """Serve. OSError: the port is taken."""

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""

    async def follow(self) -> None:
        """Take what the grid measures now."""


Build: TypeAlias = Callable[[str, Grid, Conduct, str, int], Server]
"""Makes the server of a bay, not yet serving: bay, grid, conduct, host, port."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A protocol: its server, its url with {host} and {port}, and what a device needs beside the url.

    `addresses` tells the address of each measurement of a bay, `types` the type where it is not the usual one.
    """

    build: Build
    url: str
    keys: Mapping[str, object]
    addresses: Callable[[str], Mapping[str, str]]
    types: Mapping[str, str] = field(default_factory=dict)

    def points(self, bay: str) -> Sequence[Mapping[str, str]]:
        """Return the points of `bay` as the configuration lists them."""
        units = {register.name: register.unit for register in MAPS[bay]}
        addresses = self.addresses(bay)
        named = ((name, {"name": name, "address": addresses[name]}) for name in BAYS[bay])
        more = ((("unit", units[name]), ("type", self.types.get(name, ""))) for name in BAYS[bay])
        return [
            point | {key: word for key, word in words if word} for (_, point), words in zip(named, more, strict=True)
        ]


def _dnp3(bay: str, grid: Grid, conduct: Conduct, host: str, port: int) -> Server:
    from simulator.dnp3 import Dnp3Bay  # noqa: PLC0415 - only when it is asked for

    return Dnp3Bay(bay, grid, conduct, host=host, port=port)


def _dnp3_addresses(bay: str) -> Mapping[str, str]:
    from simulator.dnp3_points import PLACES  # noqa: PLC0415

    return {place.name: place.address for place in PLACES[bay]}


def _iec61850(bay: str, grid: Grid, conduct: Conduct, host: str, port: int) -> Server:
    from simulator.iec61850 import Iec61850Bay  # noqa: PLC0415

    return Iec61850Bay(bay, grid, conduct, host=host, port=port)


def _iec61850_addresses(bay: str) -> Mapping[str, str]:
    from simulator.iec61850_cid import addresses  # noqa: PLC0415

    return addresses(bay)


def _opcua(bay: str, grid: Grid, conduct: Conduct, host: str, port: int) -> Server:
    from simulator.opcua import OpcuaStation  # noqa: PLC0415

    return OpcuaStation(grid, conduct, host=host, port=port, bays=(bay,))


def _opcua_addresses(bay: str) -> Mapping[str, str]:
    return {name: f"nsu=urn:gridsentinel:simulator;s={bay}.{name}" for name in BAYS[bay]}


SPEAKERS: Mapping[str, Speaker] = {
    "dnp3": Speaker(
        _dnp3, "tcp://{host}:{port}", {"outstation": 10, "master": 1, "integrity_every_s": 10}, _dnp3_addresses
    ),
    "iec61850": Speaker(
        _iec61850,
        "tcp://{host}:{port}",
        {"reports": [{"block": f"{POLYGLOT.upper()}LD0/LLN0.{name}", "integrity_s": 10} for name in _BLOCKS]},
        _iec61850_addresses,
        {"coupler": "bool"},
    ),
    "opcua": Speaker(_opcua, "opc.tcp://{host}:{port}", {}, _opcua_addresses),
}
"""By the word of the configuration."""
