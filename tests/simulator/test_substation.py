"""The substation on real sockets: what a Modbus client reads is what the grid says, and each fault is real."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.registers import MAPS
from simulator.scenario import Scenario, parse
from simulator.substation import Substation, serve

TYPES = AsyncModbusTcpClient.DATATYPE
WAIT_S = 60
ONCE_S = 1.0


@asynccontextmanager
async def client(port: int, wait_s: float = WAIT_S):
    """A connected pymodbus client that asks once and waits so long."""
    connected = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=wait_s, retries=0, reconnect_delay=0)
    await connected.connect()
    try:
        yield connected
    finally:
        connected.close()


def quiet() -> Scenario:
    return parse("name: quiet\nspeed: 0.001", "quiet.yaml")


@asynccontextmanager
async def misbehaving(step: str, *, at_s: float = 0, for_s: float = 1000):
    """A substation that serves, from when `step` has begun; also an event for when it has ended."""
    begun, ended = asyncio.Event(), asyncio.Event()
    scenario = parse(f"name: x\nsteps:\n  - {{at_s: {at_s}, for_s: {for_s}, {step}}}", "x.yaml")
    async with serve(scenario, tell=lambda _, begins: (begun if begins else ended).set()) as substation:
        async with asyncio.timeout(WAIT_S):
            await begun.wait()
        yield substation, ended


async def read(modbus: AsyncModbusTcpClient, register) -> float:
    """Read one measurement, by pymodbus' own conversion."""
    ask = {
        "holding": modbus.read_holding_registers,
        "input": modbus.read_input_registers,
        "coil": modbus.read_coils,
        "discrete": modbus.read_discrete_inputs,
    }[register.table]
    answer = await ask(register.offset, count=register.width)
    assert not answer.isError(), f"{register.address}: {answer}"
    if register.table in ("coil", "discrete"):
        return float(answer.bits[0])
    if register.bit is not None:
        return float(answer.registers[0] >> register.bit & 1)
    order = "little" if register.order == "big_swapped" else "big"
    kind = TYPES[register.type.upper()]
    return modbus.convert_from_registers(answer.registers, kind, word_order=order) * register.scale


async def test_every_register_reads_as_the_grid_says():
    """Each measurement of each bay, decoded by a foreign client, is the grid's value to the register's resolution."""
    async with serve(quiet()) as substation:
        for bay, port in substation.ports.items():
            async with client(port) as modbus:
                for register in MAPS[bay]:
                    before = substation.grid[f"{bay}.{register.name}"]
                    value = await read(modbus, register)
                    near = {before, substation.grid[f"{bay}.{register.name}"]}
                    tolerance = register.scale * 0.51 + 1e-6 * abs(before)

                    assert any(value == pytest.approx(v, abs=tolerance) for v in near), f"{bay}.{register.name}"


async def test_values_move_with_time():
    """Registers follow the grid while nobody touches it."""
    async with serve(parse("name: x", "x.yaml")) as substation, client(substation.ports["bus1"]) as modbus:
        seen = set()
        async with asyncio.timeout(WAIT_S):
            while len(seen) < 3:
                seen.add(await read(modbus, MAPS["bus1"][0]))


async def test_writes_and_unmapped_addresses_are_refused():
    """A write is exception 1 and changes nothing; an address outside the map is exception 2."""
    async with serve(quiet()) as substation, client(substation.ports["feeder1"]) as modbus:
        written = await modbus.write_register(100, 1)
        coil = await modbus.write_coil(0, value=True)
        beyond = await modbus.read_holding_registers(113)
        across = await modbus.read_holding_registers(110, count=10)
        absent = await modbus.read_coils(0)

        assert (written.exception_code, coil.exception_code) == (1, 1)
        assert (beyond.exception_code, across.exception_code, absent.exception_code) == (2, 2, 2)
        assert await read(modbus, MAPS["feeder1"][0]) > 6000


async def test_ports_are_free_or_consecutive_and_free_again_after():
    """Port 0 gives ten different ports; a base port gives its successors; leaving frees them at once."""
    async with serve(quiet()) as substation:
        ports = dict(substation.ports)
    base = _ten_free_ports()
    for _ in range(2):
        async with serve(quiet(), base_port=base) as again:
            following = again.ports

    assert len(set(ports.values())) == len(BAYS)
    assert list(following.values()) == list(range(base, base + len(BAYS)))


async def test_a_taken_port_is_an_error_that_names_it():
    """The bay and the port are in the message, and the bays already started are stopped."""
    async with serve(quiet()) as substation:
        port = substation.ports["feeder4"]
        with pytest.raises(OSError, match=rf"feeder\d+: cannot serve at 127.0.0.1:{port}|cannot serve"):
            async with serve(quiet(), base_port=port):
                pass


async def test_a_dead_unit_accepts_and_never_answers():
    """The connection stands, no byte comes; when the step is over the next request is answered."""
    async with (
        misbehaving("do: dead_unit, unit: feeder5") as (substation, _),
        client(substation.ports["feeder5"], ONCE_S) as modbus,
    ):
        assert modbus.connected
        with pytest.raises(ModbusIOException):
            await modbus.read_holding_registers(100)
        substation.conducts["feeder5"].answers = "well"

        assert not (await modbus.read_holding_registers(100)).isError()


async def test_a_closed_unit_refuses_connections_and_returns_at_its_port():
    """Open connections end, new ones are refused, others serve on; afterwards the same port answers."""
    async with misbehaving("do: slow_unit, unit: feeder5, delay_s: 1") as (substation, _):
        port, unit = substation.ports["feeder5"], substation.conducts["feeder5"]
        unit.delay_s = 0
        async with client(port) as modbus, client(substation.ports["feeder6"]) as other:
            assert not (await modbus.read_holding_registers(100)).isError()
            unit.answers = "closed"
            await _eventually(lambda: not modbus.connected)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            assert not (await other.read_holding_registers(100)).isError()
            unit.answers = "well"
            await _eventually(lambda: substation.speaking["modbus"]["feeder5"].serving)
        async with client(port) as modbus:
            assert not (await modbus.read_holding_registers(100)).isError()


async def test_a_slow_unit_answers_late_with_the_right_number():
    """The answer comes after the delay, and carries the transaction number of its own request, not of the next."""
    async with misbehaving("do: slow_unit, unit: feeder1, delay_s: 0.3") as (substation, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", substation.ports["feeder1"])
        start = asyncio.get_running_loop().time()
        writer.write(_request(number=7, address=100, count=2))
        await asyncio.sleep(0.05)
        writer.write(_request(number=8, address=100, count=4))
        async with asyncio.timeout(WAIT_S):
            first, second = await reader.readexactly(13), await reader.readexactly(17)
        writer.close()

        assert asyncio.get_running_loop().time() - start >= 0.3
        assert (first[:2], first[8], second[:2], second[8]) == (b"\0\7", 4, b"\0\10", 8)


async def test_a_slow_unit_survives_who_hangs_up_first():
    """An answer that nobody waits for is dropped, and the next caller gets its own."""
    async with misbehaving("do: slow_unit, unit: feeder1, delay_s: 0.1") as (substation, _):
        _, writer = await asyncio.open_connection("127.0.0.1", substation.ports["feeder1"])
        writer.write(_request(number=7, address=100, count=2))
        await asyncio.sleep(0.05)
        writer.transport.abort()
        async with client(substation.ports["feeder1"]) as modbus:
            assert len((await modbus.read_holding_registers(100, count=5)).registers) == 5


async def test_an_illegal_address_spoils_only_requests_that_touch_it():
    """A request over the refused register is exception 2; its neighbours on both sides are read."""
    async with (
        misbehaving("do: illegal_address, point: feeder2.vb") as (substation, _),
        client(substation.ports["feeder2"]) as modbus,
    ):
        whole = await modbus.read_holding_registers(100, count=13)
        half = await modbus.read_holding_registers(103, count=1)
        left = await modbus.read_holding_registers(100, count=2)
        right = await modbus.read_holding_registers(104, count=9)
        answers = [answer.isError() for answer in (whole, half, left, right)]

        assert answers == [True, True, False, False]
        assert whole.exception_code == 2


async def test_a_cut_frame_ends_the_connection_in_mid_frame():
    """Half an answer arrives, then the end of the stream."""
    async with misbehaving("do: cut_frame, unit: t1") as (substation, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", substation.ports["t1"])
        writer.write(_request(number=1, address=200, count=12))
        async with asyncio.timeout(WAIT_S):
            got = await reader.read()
        writer.close()

        assert len(got) == (9 + 24) // 2


async def test_garbage_is_no_modbus():
    """What comes has another protocol identifier than Modbus' 0."""
    async with misbehaving("do: garbage, unit: bus2") as (substation, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", substation.ports["bus2"])
        writer.write(_request(number=1, address=0, count=2, function=4))
        async with asyncio.timeout(WAIT_S):
            got = await reader.readexactly(13)
        writer.close()

        assert got[2:4] != b"\0\0"


async def test_a_step_is_told_when_it_begins_and_when_it_ends():
    """The callback and `active` follow the scenario, whatever steps of time come in."""
    told = []
    scenario = parse("name: x\nsteps:\n  - {at_s: 5, for_s: 10, do: feeder_trip, feeder: feeder2}", "x.yaml")
    substation = Substation(
        scenario, host="127.0.0.1", base_port=0, tell=lambda step, begins: told.append((step.text, begins))
    )
    for bay in substation.servers:
        await bay.start()
    try:
        seen = []
        for time_s in (1, 6, 7, 14, 16):
            await substation.play(time_s)
            seen.append((len(substation.active), substation.grid["feeder2.ia"] > 0))
    finally:
        for bay in substation.servers:
            await bay.stop()

    assert seen == [(0, True), (1, False), (1, False), (1, False), (0, True)]
    assert told == [("breaker of feeder2 open", True), ("breaker of feeder2 open", False)]


async def test_a_stuck_sensor_stands_still_on_the_wire():
    """The stuck point is read with the same bits again and again, its neighbour is not."""
    async with misbehaving("do: stuck_sensor, point: feeder3.va") as (substation, _):
        stuck, free = set(), set()
        async with client(substation.ports["feeder3"]) as modbus, asyncio.timeout(WAIT_S):
            while len(free) < 4:
                words = (await modbus.read_holding_registers(100, count=4)).registers
                stuck.add(tuple(words[:2]))
                free.add(tuple(words[2:]))

        assert len(stuck) == 1


async def test_served_values_are_those_of_the_seed():
    """A grid of the same seed and the same time steps has the same values as the served one."""
    async with serve(parse("name: x\nseed: 5\nspeed: 0.001", "x.yaml")) as substation:
        first = Grid(5, substation.scenario.start_s)

        assert first["feeder1.e"] == pytest.approx(substation.grid["feeder1.e"], abs=0.1)


async def _eventually(true):
    """Wait until the substation, which looks every 150 ms, has followed."""
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110  # the library under test gives no event
            await asyncio.sleep(0.01)


def _request(*, number: int, address: int, count: int, function: int = 3) -> bytes:
    return struct.pack(">HHHBBHH", number, 0, 6, 1, function, address, count)


def _ten_free_ports() -> int:
    for base in range(21_000, 60_000, 37):
        try:
            for port in range(base, base + len(BAYS)):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError
