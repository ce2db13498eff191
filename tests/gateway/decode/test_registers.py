"""`gridsentinel decode URL ADDRESS` against real servers."""

import asyncio
import struct

import pytest
import yaml
from pymodbus import FramerType, ModbusDeviceIdentification

from gateway.decode.decodings import ORDERS, WIDE, decodings

FORMATS = {"int32": "i", "uint32": "I", "float32": "f", "int64": "q", "uint64": "Q", "float64": "d"}


def words(data, order="big"):
    """Return registers whose bytes are `data`, most significant first, rearranged as `order` says."""
    pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in ("little", "big_swapped"):
        pairs.reverse()
    if order in ("little", "little_swapped"):
        pairs = [pair[::-1] for pair in pairs]
    return [int.from_bytes(pair, "big") for pair in pairs]


def at(address, registers):
    return {address + index: register for index, register in enumerate(registers)}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", WIDE)
def test_every_type_in_every_order(kind, order):
    """What was written in a type and order is found under that type and order, by arithmetic of the test's own."""
    value = 123_456.5 if kind.startswith("float") else 123_456
    found = decodings("input", at(7, words(struct.pack(f">{FORMATS[kind]}", value), order)), WIDE)

    assert [one.value for one in found if (one.type, one.order) == (kind, order)] == [value]
    assert {one.address for one in found if one.type == kind} == {7}


async def test_raw_registers_and_all_decodings(serve, decode):
    """The range, a neighbour on each side, and every value within, side by side."""
    async with serve({"holding": at(99, [1, *words(struct.pack(">f", 230.5)), 0xFFFE, 3])}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:100", "--count", 2, "--json")

    found = said.json
    assert said.code == 0
    assert [(one["address"], one["asked"]) for one in found["registers"]] == [
        ("holding:99", False), ("holding:100", True), ("holding:101", True), ("holding:102", False),
    ]  # fmt: skip
    assert found["registers"][3]["hex"] == "FFFE"
    assert (found["registers"][3]["uint16"], found["registers"][3]["int16"]) == (65534, -2)
    floats = {(one["address"], one["order"]): one["value"] for one in found["decodings"] if one["type"] == "float32"}
    assert floats["holding:100", "big"] == 230.5
    assert {address for address, _ in floats} == {"holding:99", "holding:100", "holding:101"}


@pytest.mark.parametrize(
    ("registers", "expected", "point"),
    [
        (at(100, words(struct.pack(">f", 229.4))), 230, {"address": "holding:100", "type": "float32"}),
        (
            at(100, words(struct.pack(">f", 229.4), "big_swapped")),
            230,
            {"address": "holding:100", "type": "float32", "order": "big_swapped"},
        ),
        (
            at(99, words(struct.pack(">f", 229.4))),
            230,
            {"address": "holding:99", "type": "float32"},
        ),
        (
            at(100, words(struct.pack(">f", 229.4), "little")),
            230,
            {"address": "holding:100", "type": "float32", "order": "little"},
        ),
        (at(100, [2301]), 230, {"address": "holding:100", "type": "int16", "scale": 0.1}),
        (at(100, [40_012]), 400, {"address": "holding:100", "type": "uint16", "scale": 0.01}),
        (
            at(100, words(struct.pack(">i", -1_520_300))),
            -1520,
            {"address": "holding:100", "type": "int32", "scale": 0.001},
        ),
        (
            at(100, words(struct.pack(">Q", 9_876_543_210), "big_swapped")),
            9_900_000_000,
            {"address": "holding:100", "type": "int64", "order": "big_swapped"},
        ),
        (at(100, words(struct.pack(">d", 50.01))), 50, {"address": "holding:100", "type": "float64"}),
    ],
)
async def test_the_likeliest_is_first(serve, decode, registers, expected, point):
    """Given roughly what it should be, the right place, type, order and scale come first, as YAML to paste."""
    whole = dict.fromkeys(range(96, 110), 0) | registers
    async with serve({"holding": whole}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:100", "--expect", expected, "--json")
        page = await decode(f"tcp://127.0.0.1:{port}", "holding:100", "--expect", expected)

    assert said.json["likely"][0]["point"] == {"name": "value", **point}
    pasted = next(line for line in page.out.splitlines() if line.startswith("  - {"))
    assert yaml.safe_load(pasted) == [{"name": "value", **point}]


async def test_nothing_is_near(serve, decode):
    """That too is an answer, with what to try next."""
    async with serve({"holding": dict.fromkeys(range(10), 0)}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:1", "--expect", 230)

    assert said.code == 0
    assert "nothing here is near 230: try the other table, or --map" in said.out


async def test_refused_addresses_are_named(serve, decode):
    """What a hole in the map refuses is named, the rest is shown; neighbours that are refused are no fault."""
    async with serve({"input": {10: 1, 11: 2, 14: 3}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "input:10", "--count", 5, "--json")
        page = await decode(f"tcp://127.0.0.1:{port}", "input:10", "--count", 5)

    assert [one["address"] for one in said.json["refused"]] == ["input:12", "input:13"]
    assert [one["uint16"] for one in said.json["registers"]] == [1, 2, 3]
    assert "refused: input:12 (exception 2, illegal data address)" in page.out


@pytest.mark.parametrize("table", ["coil", "discrete"])
async def test_bits(serve, decode, table):
    """Coils and discrete inputs are 0 or 1; there is nothing to decode."""
    async with serve({table: dict(enumerate([1, 0, 0, 1, 1, 0, 0, 0, 1, 1]))}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", f"{table}:1", "--count", 9, "--json")
        page = await decode(f"tcp://127.0.0.1:{port}", f"{table}:1", "--count", 9)

    assert [one["value"] for one in said.json["bits"]] == [0, 0, 1, 1, 0, 0, 0, 1, 1]
    assert [f"{table}:4", "1"] in [line.split() for line in page.out.splitlines()]


async def test_the_device_says_who_it_is(serve, decode):
    """Its identification stands above the registers, and alone where nothing else is asked."""
    identity = ModbusDeviceIdentification({0: "Acme", 1: "M-1", 2: "2.3"})
    async with serve({"holding": {0: 1}}, identity=identity) as port:
        page = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--count", 1)
        alone = await decode(f"tcp://127.0.0.1:{port}", "--json")
        unasked = await decode(
            f"tcp://127.0.0.1:{port}", "holding:0", "--count", 1, "--set", "identify=never", "--json"
        )

    assert page.out.startswith("this is Acme M-1 2.3")
    assert (alone.code, alone.json["models"]) == (0, [])
    assert alone.json["identity"].startswith("Acme M-1 2.3")
    assert unasked.json["identity"] is None


async def test_only_reads_are_sent_one_at_a_time(serve, decode):
    """Functions 1 to 4 and nothing else."""
    asked = []
    async with serve({"holding": dict.fromkeys(range(20), 7)}, asked) as port:
        await decode(f"tcp://127.0.0.1:{port}", "holding:15", "--count", 10)
        await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--count", 30, "--map")
        await decode(f"tcp://127.0.0.1:{port}")

    assert {function for function, _, _ in asked} == {3}


@pytest.mark.parametrize(
    ("words_", "text"),
    [
        (["holding:65534", "--count", 3], "--count 3 is not from 1 to 2"),
        (["holding:0", "--count", 126], "--count 126 is not from 1 to 125; --map looks at more"),
        (["holding:40001x"], "address 'holding:40001x' is none of coil:N, discrete:N, holding:N, input:N"),
        (["holding:7.3"], "address 'holding:7.3' is one bit: ask the register, holding:7"),
        (["coil:0", "--expect", 5], "--expect is for numbers; a coil is 0 or 1"),
        (["holding:0", "--expect", 0], "--expect 0 tells nothing"),
        (["holding:0", "--expect", "nan"], "--expect nan is no number that a device shows"),
        (["--map"], "--map, --count and --expect need an ADDRESS, such as holding:100"),
        (["holding:0", "--unit", 300], "unit: input should be less than or equal to 255 (modbus)"),
        (["holding:0", "--set", "colour=red"], "colour: no such key (modbus)"),
        (["holding:0", "--set", "colour"], "--set colour is not KEY=VALUE, such as outstation=10"),
        (["holding:0", "--timeout", 0], "--timeout 0 is not from 0.01 to 60"),
    ],
)
async def test_wrong_use(decode, words_, text):
    """Exit 2, and one sentence that says what can be asked."""
    said = await decode("tcp://127.0.0.1:1", *words_)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(text)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:80", "url 'http://127.0.0.1:80' begins with none of tcp://, tls://, opc.tcp://"),
        ("tcp://127.0.0.1:99999", "url 'tcp://127.0.0.1:99999' has no port from 1 to 65535"),
        ("tcp://:502", "url 'tcp://:502' is none of tcp://, tls:// or rtu+tcp://HOST:PORT"),
    ],
)
async def test_wrong_urls(decode, url, text):
    """Exit 2, and the forms that are allowed."""
    said = await decode(url, "holding:0")

    assert said.code == 2
    assert said.err.startswith(text)


async def test_an_output_that_cannot_be_written(serve, decode, tmp_path):
    """Exit 2, and why."""
    async with serve({"holding": {0: 1}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--count", 1, "--output", tmp_path / "no" / "file")

    assert said.code == 2
    assert "cannot be written (No such file or directory): name another file" in said.err


async def test_nobody_answers(decode, unused_tcp_port):
    """Exit 1, and what to check; with --json as an object on the standard output."""
    said = await decode(f"tcp://127.0.0.1:{unused_tcp_port}", "holding:0")
    machine = await decode(f"tcp://127.0.0.1:{unused_tcp_port}", "holding:0", "--json")

    assert said.code == machine.code == 1
    assert "check address, port and cable" in said.err
    assert list(machine.json) == ["error"]


async def test_the_unit_is_silent(decode):
    """Exit 1, and the unit is what to doubt."""

    async def swallow(reader, writer):
        await reader.read()
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:0", "--timeout", 0.1)

    assert said.code == 1
    assert said.err == "unit 1 did not answer in 0.1 s: try another --unit, --timeout or --protocol\n"


async def test_everything_is_refused(serve, decode):
    """Exit 1, with the device's reason and what to try."""
    async with serve({"holding": {0: 1}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "holding:100")

    assert said.code == 1
    assert "unit 1 refuses holding:100 to 103 (exception 2, illegal data address): try the other table" in said.err


async def test_frames_of_a_line_through_a_converter(serve, decode):
    """rtu+tcp:// asks the same questions in frames of a serial line."""
    async with serve({"holding": {100: 0x4366, 101: 0x8000}}, framer=FramerType.RTU) as port:
        said = await decode(f"rtu+tcp://127.0.0.1:{port}", "holding:100", "--count", 2, "--expect", 230, "--json")

    assert said.code == 0, said.err
    assert said.json["likely"][0]["point"] == {"name": "value", "address": "holding:100", "type": "float32"}


async def test_tls_with_certificates(serve_tls, certificates, decode):
    """tls:// with the files as keys of the device; the wrong authority is an error that says so."""
    async with serve_tls({"holding": {0: 7}}) as port:
        files = ("--set", f"cert_file={certificates.client}", "--set", f"key_file={certificates.client_key}")
        known = ("--set", f"ca_file={certificates.ca}", *files)
        url = f"tls://localhost:{port}"
        said = await decode(url, "holding:0", "--count", 1, *known, "--protocol", "modbus", "--json")
        stranger = await decode(url, "holding:0", "--set", f"ca_file={certificates.other_ca}", *files)

    assert said.code == 0, said.err
    assert said.json["registers"][0]["uint16"] == 7
    assert stranger.code == 1
    assert "certificate verify failed" in stranger.err
