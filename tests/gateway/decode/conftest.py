"""Real Modbus servers with chosen registers, and the command as an operator runs it."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from pymodbus import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

from gateway import cli

TABLES = ("coil", "discrete", "holding", "input")


class Said(NamedTuple):
    """What the command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def runs(registers: Mapping[int, int]) -> Iterator[tuple[int, list[int]]]:
    """Yield each run of neighbouring addresses with its values."""
    start, values = None, []
    for address in sorted(registers):
        if start is not None and address == start + len(values):
            values.append(registers[address])
            continue
        if start is not None:
            yield start, values
        start, values = address, [registers[address]]
    if start is not None:
        yield start, values


def block(registers: Mapping[int, int], kind: DataType) -> list[SimData]:
    bits = kind is DataType.BITS
    found = [SimData(at, values=[bool(v) for v in run] if bits else run, datatype=kind) for at, run in runs(registers)]
    return found or [SimData(65_535, values=[False] if bits else [0], datatype=kind)]


@asynccontextmanager
async def served(
    tables: Mapping[str, Mapping[int, int]], asked: list[tuple[int, int, int]], units: Sequence[int], **more: Any
):
    """Serve `tables` by pymodbus, which refuses other addresses; `asked` gets function, start, count of the others."""

    async def look(function: int, _first: int, address: int, count: int, _values: Any, _written: Any) -> None:
        asked.append((function, address, count))

    bits, words = DataType.BITS, DataType.REGISTERS
    kinds = {"coil": bits, "discrete": bits, "holding": words, "input": words}
    blocks = [block(tables.get(table, {}), kinds[table]) for table in TABLES]
    devices = [SimDevice(unit, (blocks[0], blocks[1], blocks[2], blocks[3]), action=look) for unit in units]
    kind = more.pop("kind", ModbusTcpServer)
    nobody = ModbusDeviceIdentification(dict.fromkeys(range(3), ""))  # pymodbus keeps one identity for all servers
    server = kind(devices, address=("127.0.0.1", 0), **{"identity": nobody, **more})
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@pytest.fixture
def decode(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Make the command awaitable: it runs in a thread, beside the server of the test."""

    async def run(*words: object) -> Said:
        try:
            code = await asyncio.to_thread(cli.main, ["decode", *map(str, words)])
        except SystemExit as left:
            code = int(left.code or 0)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def serve():
    """Return an asynchronous context manager: `serve({"holding": {100: 1}})` yields a port."""

    def make(tables, asked=None, units=(1,), **more):
        return served(tables, [] if asked is None else asked, units, **more)

    return make


@pytest.fixture
def serve_tls(certificates):
    """Return what `serve` returns, in TLS, for clients with a certificate of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED

    def make(tables):
        return served(tables, [], (1,), kind=ModbusTlsServer, sslctx=context)

    return make
