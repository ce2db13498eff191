"""Stand-ins as the gateway's own drivers find them, and as nobody should."""

import asyncio
import os
import random
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config.loader import load
from gateway.fat.copied import redirected, spoken, subjects, text
from protocols.driver import Outside
from protocols.model import Batch, Receipt
from protocols.points import Points
from simulator.modbus_rtu import checksum
from simulator.standin.cid import Place
from simulator.standin.copy import serve
from simulator.standin.terminal import Terminal
from simulator.standin.words import Conversation, Device, Shown, Signal

PATIENCE_S = 30
HEAD = "gateway: {site: s, name: g}\nuplink: {url: mqtt://broker.example}\ndevices:\n"
TYPES = {
    "int16": (-32768, 32767), "uint16": (0, 65535), "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1),
    "int64": (-(2**53), 2**53), "uint64": (0, 2**53), "float32": (-1.5e30, 0.15625), "float64": (-1e300, 1 / 3),
}  # fmt: skip
ORDERS = ("big", "little", "big_swapped", "little_swapped")
DEVICES = {
    "modbus": "protocol: modbus\n    url: tcp://10.0.0.1:502\n    points:\n"
    + "".join(
        f'      - {{name: {kind}.{order}, address: "holding:{100 * at + 8 * place}", type: {kind}, order: {order}}}\n'
        for at, kind in enumerate(TYPES)
        for place, order in enumerate(ORDERS)
    )
    + '      - {name: c, address: "coil:9"}\n      - {name: d, address: "discrete:0"}\n'
    + '      - {name: b15, address: "input:7.15"}\n      - {name: b0, address: "input:7.0"}\n',
    "dnp3": "protocol: dnp3\n    url: tcp://10.0.0.1:20000\n    points:\n"
    + "".join(
        f'      - {{name: {kind}, address: "{kind}:3"}}\n'
        for kind in (
            "binary",
            "double",
            "binary_output",
            "counter",
            "frozen",
            "analog",
            "frozen_analog",
            "analog_output",
        )
    ),
    "iec61850": "protocol: iec61850\n    url: tcp://10.0.0.1:102\n    reports: [{block: L1/LLN0.brcbAll}]\n"
    "    data_sets: [L2/LLN0.dsAll]\n    points:\n"
    '      - {name: a, address: "L1/MMXU1.A.phsA.cVal.mag.f[MX]"}\n'
    '      - {name: hz, address: "L1/MMXU1.Hz.mag.i[MX]", type: int64}\n'
    '      - {name: pos, address: "L1/F50XCBR1.Pos.stVal[ST]", type: bool}\n'
    '      - {name: dpc, address: "L2/XSWI1.Pos.stVal[ST]", type: dbpos}\n'
    '      - {name: op, address: "L2/PTOC1.Op.phsA[ST]", type: bool}\n'
    '      - {name: wh, address: "L2/MMTR1.SupWh.actVal[ST]"}\n'
    '      - {name: set, address: "L3/PTOC1.StrVal.setMag.f[SP]"}\n',
    "opcua": "protocol: opcua\n    url: opc.tcp://10.0.0.1:4840\n    points:\n"
    '      - {name: n, address: "ns=5;s=a;b=c"}\n      - {name: g, address: "nsu=urn:x;i=4"}\n'
    '      - {name: b, address: "ns=2;s=on", type: bool}\n',
}


def configured(folder: Path, device: str):
    file = folder / "g.yaml"
    file.write_text(f"{HEAD}  - name: d\n    {device}")
    return load(file)


@pytest.mark.parametrize("protocol", DEVICES)
async def test_a_driver_reads_what_is_shown(protocol, tmp_path):
    """Every type, order, bit and kind: at rest, and after each change, to the last digit."""
    config = configured(tmp_path, DEVICES[protocol])
    about = subjects(config)
    async with serve(spoken(config.devices, about)) as copy:
        devices = redirected(config.devices, copy.places, "127.0.0.1")
        points = Points.of([(device, device.points) for device in devices])
        driver = devices[0].driver(devices, points, Outside(clock=time.time_ns))
        await driver.connect()
        try:
            for end in (None, 0, 1):
                await copy.show({each.name: Shown(shown_at(each, end)) for each in about})
                await read_until(driver, points, {each.name: shown_at(each, end) for each in about})
        finally:
            await driver.close()


def shown_at(subject, end):
    """Return an end of what is shown of a type, what it shows at rest without one; what is a state has both."""
    if end is None:
        return subject.at_rest
    return TYPES[subject.kind][end] if subject.kind in TYPES else float(subject.ends[end])


async def read_until(driver, points, expected):
    """Read until every point is good and shows what is `expected`; tell which do not."""
    said: dict[str, float] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while said != pytest.approx(expected, rel=1e-6):
                for scan in driver.scans:
                    read = await driver.read(scan)
                    for receipt in (each for each in read if isinstance(each, Receipt)):
                        receipt.settle(True)
                    for batch in (each for each in read if isinstance(each, Batch)):
                        told = zip(batch.rows, batch.values, batch.quality, strict=True)
                        said |= {points.label(int(row)): float(value) for row, value, bad in told if not bad & 1}
    except TimeoutError:
        pytest.fail(
            f"{ {name: (said.get(name), value) for name, value in expected.items() if said.get(name) != value} }"
        )


def unit(number=1, **keys):
    signal = Signal(name="d.a", address="holding:10", kind="uint16", value=7)
    return Conversation(key="x", way="modbus", devices=[Device(name="d", station=number, signals=[signal])], **keys)


async def ask(port, request, count):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE_S):
        for octet in request:  # in pieces of one
            writer.write(bytes((octet,)))
            await writer.drain()
        answer = await reader.readexactly(count)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        (bytes((3, 0, 10, 0, 1)), bytes((3, 2, 0, 7))),
        (bytes((3, 0, 9, 0, 1)), bytes((0x83, 2))),
        (bytes((3, 0, 10, 0, 2)), bytes((0x83, 2))),
        (bytes((4, 0, 10, 0, 1)), bytes((0x84, 2))),
        (bytes((3, 0, 10, 0, 0)), bytes((0x83, 3))),
        (bytes((6, 0, 10, 0, 1)), bytes((0x86, 1))),
        (bytes((16, 0, 10, 0, 1, 2, 0, 1)), bytes((0x90, 1))),
    ],
)
async def test_a_unit_has_exactly_its_addresses_and_refuses_to_be_written(pdu, answer):
    """The octets of the specification, not those of our own driver."""
    async with serve([unit()]) as copy:
        request = struct.pack(">HHHB", 77, 0, len(pdu) + 1, 1) + pdu
        said = await ask(copy.places["x"], request, 7 + len(answer))

    assert said == struct.pack(">HHHB", 77, 0, len(answer) + 1, 1) + answer


@pytest.mark.parametrize("way", ["modbus", "modbus_rtu"])
async def test_noise_does_not_end_a_server(way):
    """Whoever sends nonsense is hung up on or ignored; the next one is answered."""
    chance = random.Random(7)
    message = bytes((1, 3, 0, 10, 0, 1))
    good = {"modbus": bytes((0, 1, 0, 0, 0, 6)) + message, "modbus_rtu": message + checksum(message)}[way]
    async with serve([Conversation(key="x", way=way, devices=unit().devices)]) as copy:
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", copy.places["x"])
            writer.write(chance.randbytes(chance.randrange(1, 600)))
            await writer.drain()
            writer.close()
        answer = await ask(copy.places["x"], good, 7 if way == "modbus_rtu" else 11)

    assert answer[:5] == bytes((1, 3, 2, 0, 7)) or answer[6:] == bytes((1, 3, 2, 0, 7))


async def test_one_unit_of_a_line_is_silent_and_the_others_answer():
    """As when its cable is cut."""
    both = Conversation(key="x", way="modbus", devices=[*unit(1).devices, *other().devices])
    async with serve([both]) as copy:
        await copy.hush("d", silent=True)
        reader, writer = await asyncio.open_connection("127.0.0.1", copy.places["x"])
        for number in (1, 2):
            writer.write(struct.pack(">HHHB", number, 0, 6, number) + bytes((3, 0, 10, 0, 1)))
        async with asyncio.timeout(PATIENCE_S):
            first = await reader.readexactly(11)
            await copy.hush("d", silent=False)
            writer.write(struct.pack(">HHHB", 3, 0, 6, 1) + bytes((3, 0, 10, 0, 1)))
            second = await reader.readexactly(11)
        writer.close()

    assert (first[1], second[1]) == (2, 3)


def other():
    signal = Signal(name="e.a", address="holding:10", kind="uint16", value=8)
    return Conversation(key="y", way="modbus", devices=[Device(name="e", station=2, signals=[signal])])


async def test_a_taken_port_is_said():
    """OSError, as for whoever opens it."""
    async with serve([unit()]) as copy:
        with pytest.raises(OSError, match="address already in use"):
            async with serve([other()], base_port=copy.places["x"]):
                pytest.fail("both serve")


async def test_a_terminal_carries_octets_both_ways_and_outlives_who_opens_it():
    """More of them than a terminal holds at once; a program may close it and another open it."""

    async def echo(reader, writer):
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    terminal = Terminal("127.0.0.1", server.sockets[0].getsockname()[1])
    await terminal.start()
    sent = random.Random(1).randbytes(20_000)
    for _ in range(2):
        assert await asyncio.to_thread(through, terminal.path, sent) == sent
    await terminal.stop()
    await terminal.stop()
    server.close()
    assert not os.path.exists(terminal.path)  # noqa: ASYNC240, PTH110 - it is gone or it is not


def through(path, sent):
    """Write to the terminal and read it back, in lumps."""
    found = b""
    with open(path, "r+b", buffering=0) as line:  # noqa: PTH123 - unbuffered, as a serial line
        for at in range(0, len(sent), 500):
            line.write(sent[at : at + 500])
            while len(found) < min(at + 500, len(sent)):
                found += line.read(4096)
    return found


def test_an_address_is_split_where_its_quality_stands():
    """Beside the attribute, which may have parts."""
    place = Place.parse("L1/MMXU1.A.phsA.cVal.mag.f[MX]")

    assert place.beside("q") == "L1/MMXU1.A.phsA.q[MX]"
    assert Place.parse("L1/PTOC1.Op.phsA[ST]").beside("t") == "L1/PTOC1.Op.t[ST]"
    with pytest.raises(ValueError, match="is no attribute"):
        Place.parse("L1/LLN0.Beh[ST]")


@pytest.mark.parametrize("sample", ["gateway.yaml", "minimal.yaml", "demo.yaml"])
def test_a_configuration_that_was_written_says_what_it_said(sample, tmp_path):
    """Complete in itself: what is by default is left out, and profiles and included files are in."""
    config = load(Path("config") / sample)
    (tmp_path / "copy.yaml").write_text(text(redirected_only(config)))

    assert load(tmp_path / "copy.yaml").devices == redirected_only(config).devices


def redirected_only(config):
    served = spoken(config.devices, subjects(config))
    places = {each.key: "/dev/pts/9" if each.serial else 5000 + at for at, each in enumerate(served)}
    return replace(config, include=(), detectors=(), devices=redirected(config.devices, places, "127.0.0.1"))
