"""What the suites of every driver share: which drivers there are, and their devices behind ways that spoil."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from way import Apart, Line, Network, Way

PROTOCOLS = ["dnp3", "iec61850", "modbus_rtu", "modbus_rtu_tcp", "modbus_tls", "opcua", "modbus"]
"""The fixture NAME_case returns `serve(place=0)`, an asynchronous context manager that yields the place of a real
server (a port, or the path of a line), and `make(place, bad=False)`, which makes a driver for it. All its points can be
read, and their values stand still; with `bad` there is one more, which the device refuses."""


class Case:
    """One protocol: `serve` and `make`, as its fixture gives them."""

    def __init__(self, name: str, serve: Callable[..., Any], make: Callable[..., Any]) -> None:
        self.name, self.serve, self.make = name, serve, make

    @asynccontextmanager
    async def spoilt(self) -> AsyncIterator[Way]:
        """Serve at the end of a way."""
        async with self.serve() as place, (Line if isinstance(place, str) else Network)(place).open() as way:
            yield way

    @contextmanager
    def apart(self, place: int | str = 0) -> Iterator["Apart"]:
        """Serve in a process of its own."""
        server = Apart(self.serve, place)
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def case_of(request) -> Callable[[str], Case]:
    return lambda name: Case(name, *request.getfixturevalue(f"{name}_case"))


@pytest.fixture(params=PROTOCOLS)
def case(request, case_of) -> Case:
    return case_of(request.param)


@pytest.fixture
def heard(case_of, iec61850) -> Callable[..., Any]:
    """Return a function: what the driver of a protocol asks and its device says, while all is read twice."""

    async def listen(name: str) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        case = case_of(name)
        for make in (case.make, *(_reporting(iec61850) if name == "iec61850" else ())):
            async with case.spoilt() as way:
                way.spoil = lambda said, asked: found.append((asked, said)) or [said]
                driver = make(way.place)
                await driver.connect()
                for scan in (*driver.scans, *driver.scans):
                    await driver.read(scan)
                await driver.close()
        return found

    return listen


def _reporting(iec61850: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return what makes drivers that are told by reports, buffered and not."""
    from simulator.iec61850_cid import addresses

    points = {name: addresses("feeder1")[name] for name in ("va", "ia", "p", "f", "cb52")}
    blocks = [{"block": f"FEEDER1LD0/LLN0.{name}"} for name in ("brcbMeas", "urcbState", "urcbMeas")]
    return [lambda port, block=block: iec61850(port, points, reports=[block]) for block in blocks]
