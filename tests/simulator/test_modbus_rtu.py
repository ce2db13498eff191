"""Bays on one line: what a foreign RTU client reads is what the grid says, as slowly as the line is."""

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress

import pytest
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer.rtu import FramerRTU

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.modbus_rtu import ModbusLine
from simulator.registers import MAPS

BAYS = ("feeder1", "t1", "bus1")
WAIT_S = 30
TYPES = AsyncModbusSerialClient.DATATYPE


@asynccontextmanager
async def serving(*, wait_s=WAIT_S, **keys):
    """A line that serves, and a pymodbus client on it that waits so long for an answer."""
    conducts = {bay: Conduct() for bay in BAYS}
    line = ModbusLine(BAYS, Grid(1, 0), conducts, **{"baud": None, **keys})
    await line.start()
    client = AsyncModbusSerialClient(line.path, baudrate=9600, timeout=wait_s, retries=0, reconnect_delay=0)
    await client.connect()
    try:
        yield line, client, conducts
    finally:
        client.close()
        await line.stop()
        await line.stop()


async def ask(client, register, unit):
    function = {
        "holding": client.read_holding_registers,
        "input": client.read_input_registers,
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
    }[register.table]
    return await function(register.offset, count=register.width, device_id=unit)


async def test_every_register_of_every_unit():
    """Decoded by pymodbus, it is the grid's value to the register's resolution."""
    async with serving() as (line, client, _):
        for unit, bay in line.units.items():
            for register in MAPS[bay]:
                answer = await ask(client, register, unit)
                expected = line._memories[bay].grid[f"{bay}.{register.name}"]
                if register.table in ("coil", "discrete"):
                    assert answer.bits[0] == bool(expected)
                elif register.bit is not None:
                    assert answer.registers[0] >> register.bit & 1 == expected
                else:
                    order = "little" if register.order == "big_swapped" else "big"
                    raw = client.convert_from_registers(
                        answer.registers, TYPES[register.type.upper()], word_order=order
                    )
                    assert raw * register.scale == pytest.approx(expected, rel=1e-6, abs=register.scale * 0.51)
        assert line.collisions == 0


async def test_refusals():
    """What no bay has, what is refused, and what would write."""
    async with serving() as (_, client, conducts):
        va = MAPS["feeder1"][0]
        conducts["feeder1"].refused.add("feeder1.va")
        assert (await ask(client, va, 1)).exception_code == 2
        assert (await client.read_holding_registers(9_000, count=1, device_id=1)).exception_code == 2
        assert (await client.read_input_registers(0, count=1, device_id=2)).registers
        assert (await client.write_register(100, 1, device_id=1)).exception_code == 1


@pytest.mark.parametrize("answers", ["silent", "closed", "cut", "garbage"])
async def test_misconduct(answers):
    """Of one unit; the others answer."""
    async with serving(wait_s=1) as (_, client, conducts):
        conducts["feeder1"].answers = answers
        with pytest.raises(ModbusIOException):
            await ask(client, MAPS["feeder1"][0], 1)
        assert (await ask(client, MAPS["bus1"][0], 3)).registers


async def test_a_slow_line_is_slow():
    """28 bytes of question, silence and answer at 1200 baud are more than a quarter of a second."""
    async with serving(baud=1200) as (line, client, _):
        began = time.monotonic()
        assert (await client.read_input_registers(0, count=4, device_id=3)).registers
        assert time.monotonic() - began > (8 + 3.5 + 13) * 11 / 1200
        assert line.collisions == 0


async def octets(end, count):
    """Read so many, or some more."""
    heard = b""
    async with asyncio.timeout(WAIT_S):
        while len(heard) < count:
            with suppress(BlockingIOError):
                heard += os.read(end, 100)
            await asyncio.sleep(0.001)
    return heard


async def test_who_interrupts_collides():
    """Speaking while a unit answers spoils the answer."""
    async with serving(baud=1200) as (line, client, _):
        client.close()
        end = os.open(line.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        question = bytes.fromhex("03 04 0000 0004") + bytes.fromhex("f02b")
        os.write(end, question)
        heard = await octets(end, 1)
        os.write(end, question)
        heard += await octets(end, 13 - len(heard))
        os.close(end)

    assert line.collisions == 1
    assert len(heard) == 13
    assert FramerRTU.compute_CRC(heard[:-2]).to_bytes(2, "big") != heard[-2:]


async def test_a_name_that_stays(tmp_path):
    """The terminal's own name changes at every start; the link points at it, and goes with it."""
    link = tmp_path / "line1"
    async with serving(link=link) as (line, _, _):
        assert str(link.readlink()) == line.path
        assert line.serving
    assert not link.is_symlink()
    assert not line.serving
