"""What every bay can speak: for each way its servers, and how the gateway's configuration reaches a bay by it.

Servers are imported when somebody asks for them: their libraries are large.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.registers import MAPS, Register

POLYGLOTS = ("bus1", "bus2")
"""The bays that the demonstration asks by every way, so that the same voltage can be compared."""
BAUD = 9600
UNITS = {bay: unit for unit, bay in enumerate(BAYS, 1)}
"""The number of each bay on the line that they share."""
_BLOCKS = ("brcbMeas", "urcbState")

Point: TypeAlias = Mapping[str, object]
"""As the configuration lists it."""


class Server(Protocol):
    """Some bays on one protocol."""

    async def start(self) -> None:
        """Serve. OSError: the port is taken."""

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""

    async def follow(self) -> None:
        """Take what the grid measures now."""


Build: TypeAlias = Callable[[Grid, Mapping[str, Conduct], str, int], Mapping[str, Any]]
"""Makes the `Server` of each bay, not yet serving: grid, conducts, host, first port (0: any). Bays may share one."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A way to speak: its name, its servers, its url with {host} and {place}, and what a device needs beside the url.

    `place` tells where a server is: a port, or a terminal. `ports` is how many it takes from the first one on. `needs`
    is a library that may not be installed.
    """

    title: str
    protocol: str
    build: Build
    url: str
    keys: Callable[[str], Mapping[str, object]]
    points: Callable[[str], Sequence[Point]]
    place: Callable[[Any], object] = attrgetter("port")
    ports: int = len(BAYS)
    needs: str = ""

    @property
    def installed(self) -> bool:
        """Whether it can be spoken here."""
        return not self.needs or find_spec(self.needs) is not None


def first_ports(base: int) -> dict[str, int]:
    """Return the first port of each way where those of Modbus TCP begin at `base`; 0 stays 0."""
    taken = {word: sum(SPEAKERS[before].ports for before in list(SPEAKERS)[:at]) for at, word in enumerate(SPEAKERS)}
    return {word: base and base + offset for word, offset in taken.items()}


def terminal(port: int) -> Path:
    """Return the name of the line of a substation that has the ports before `port`: it stays from start to start."""
    return Path(f"/dev/shm/gridsentinel-{port}")  # noqa: S108 - lines are below /dev, where nobody else may write


# Modbus


def _modbus(grid: Grid, conducts: Mapping[str, Conduct], host: str, port: int) -> Mapping[str, Server]:
    from simulator.modbus import ModbusBay  # noqa: PLC0415 - only when it is asked for

    return {
        bay: ModbusBay(bay, grid, conducts[bay], host=host, port=port and port + index)
        for index, bay in enumerate(BAYS)
    }


def _rtu(grid: Grid, conducts: Mapping[str, Conduct], _host: str, port: int) -> Mapping[str, Server]:
    from simulator.modbus_rtu import ModbusLine  # noqa: PLC0415

    line = ModbusLine(tuple(BAYS), grid, conducts, baud=BAUD, link=terminal(port) if port else None)
    return dict.fromkeys(BAYS, line)


def _registers(bay: str) -> Sequence[Point]:
    return [_register(register) for register in MAPS[bay]]


def _register(register: Register) -> Point:
    point: dict[str, object] = {"name": register.name, "address": register.address, "type": register.type}
    if register.order != "big":
        point["order"] = register.order
    if register.scale != 1:
        point["scale"] = register.scale
    return point | ({"unit": register.unit} if register.unit else {})


# the others


def _dnp3(grid: Grid, conducts: Mapping[str, Conduct], host: str, port: int) -> Mapping[str, Server]:
    from simulator.dnp3 import Dnp3Bay  # noqa: PLC0415

    return {
        bay: Dnp3Bay(bay, grid, conducts[bay], host=host, port=port and port + index) for index, bay in enumerate(BAYS)
    }


def _dnp3_points(bay: str) -> Sequence[Point]:
    from simulator.dnp3_points import PLACES  # noqa: PLC0415

    return _named(bay, {place.name: place.address for place in PLACES[bay]})


def _iec61850(grid: Grid, conducts: Mapping[str, Conduct], host: str, port: int) -> Mapping[str, Server]:
    from simulator.iec61850 import Iec61850Bay  # noqa: PLC0415

    return {
        bay: Iec61850Bay(bay, grid, conducts[bay], host=host, port=port and port + index)
        for index, bay in enumerate(BAYS)
    }


def _iec61850_points(bay: str) -> Sequence[Point]:
    from simulator.iec61850_cid import addresses, places  # noqa: PLC0415

    switches = [name for name, place in places(bay).items() if place.kind == "DPC"]
    return _named(bay, addresses(bay), {name: {"type": "bool"} for name in switches})


def _opcua(grid: Grid, conducts: Mapping[str, Conduct], host: str, port: int) -> Mapping[str, Server]:
    from simulator.opcua import OpcuaStation  # noqa: PLC0415

    return dict.fromkeys(BAYS, OpcuaStation(grid, Conduct(), host=host, port=port, conducts=conducts))


def _opcua_points(bay: str) -> Sequence[Point]:
    return _named(bay, {name: f"nsu=urn:gridsentinel:simulator;s={bay}.{name}" for name in BAYS[bay]})


def _named(bay: str, addresses: Mapping[str, str], more: Mapping[str, Point] | None = None) -> Sequence[Point]:
    units = {register.name: {"unit": register.unit} if register.unit else {} for register in MAPS[bay]}
    return [
        {"name": name, "address": addresses[name], **units[name], **(more or {}).get(name, {})} for name in BAYS[bay]
    ]


SPEAKERS: Mapping[str, Speaker] = {
    "modbus": Speaker(
        "Modbus TCP", "modbus", _modbus, "tcp://{host}:{place}", lambda _: {"unit": 1, "every_s": 1}, _registers
    ),
    "dnp3": Speaker(
        "DNP3",
        "dnp3",
        _dnp3,
        "tcp://{host}:{place}",
        lambda _: {"outstation": 10, "master": 1, "integrity_every_s": 10},
        _dnp3_points,
    ),
    "iec61850": Speaker(
        "IEC 61850",
        "iec61850",
        _iec61850,
        "tcp://{host}:{place}",
        lambda bay: {"reports": [{"block": f"{bay.upper()}LD0/LLN0.{name}", "integrity_s": 10} for name in _BLOCKS]},
        _iec61850_points,
    ),
    "opcua": Speaker(
        "OPC UA", "opcua", _opcua, "opc.tcp://{host}:{place}", lambda _: {}, _opcua_points, ports=1, needs="asyncua"
    ),
    "rtu": Speaker(
        "Modbus RTU",
        "modbus",
        _rtu,
        f"rtu://{{place}}?baud={BAUD}&parity=N",
        lambda bay: {"unit": UNITS[bay], "every_s": 1},
        _registers,
        place=attrgetter("terminal"),
        ports=0,
    ),
}
"""By a word for people; the first is the one that every bay of the demonstration is polled by."""
