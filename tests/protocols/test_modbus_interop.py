"""Modbus as others speak it: recorded vectors of libmodbus, its server over TCP and on a line, and Wireshark's eyes."""

import json
import shutil
import struct
import subprocess
from contextlib import suppress
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.mbap import Mbap
from protocols.modbus.planner import Block
from protocols.modbus.rtu import Rtu
from protocols.model import Quality

HERE = Path(__file__).parent
UNIT = 17
TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
VECTORS = json.loads((HERE / "modbus_vectors.json").read_text())


def peer_module():
    """Import the program that made the vectors; it stands beside this file, and is no package."""
    spec = spec_from_file_location("modbus_vectors", HERE / "modbus_vectors.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def libmodbus():
    """Return the peer, compiled."""
    if not (shutil.which("gcc") and shutil.which("pkg-config")):
        pytest.skip("gcc or pkg-config is missing")
    if subprocess.run(["pkg-config", "--exists", "libmodbus"], check=False).returncode:
        pytest.skip("libmodbus-dev is missing: apt install libmodbus-dev")
    module = peer_module()
    module.build()
    return module


def contents(table, start, count):
    """Return the data that the peer has there, as it is sent."""
    places = range(start, start + count)
    if table in ("coil", "discrete"):
        every = 3 if table == "coil" else 5
        number = sum(1 << at for at, place in enumerate(places) if place % every == 0)
        return number.to_bytes((count + 7) // 8, "little")
    return struct.pack(f">{count}H", *(place if table == "holding" else 65_535 - place for place in places))


@pytest.mark.parametrize(("kind", "framing"), [("tcp", Mbap), ("rtu", Rtu)])
def test_frames_are_those_of_libmodbus(kind, framing):
    """Our requests are its requests to the byte, and its answers give its values, or its refusals."""
    ours = framing()
    assert len(VECTORS[kind]) == 13
    for request_hex, answer_hex in VECTORS[kind]:
        asked, answered = bytes.fromhex(request_hex), bytes.fromhex(answer_hex)
        function, start, count = struct.unpack(">BHH", asked[7:] if kind == "tcp" else asked[1:-2])
        request = Request.read(Block(TABLES[function], start, count))

        assert ours.ask(UNIT, request, lenient=False) == asked
        taken, answer = ours.take(memoryview(answered))
        assert taken == len(answered)
        whole = start + count <= 10_000
        assert answer == (contents(TABLES[function], start, count) if whole else Refusal(2))


@pytest.mark.interop
async def test_the_vectors_are_what_libmodbus_says_today(libmodbus):
    """Recorded anew, they are the same."""
    assert await libmodbus.record() == VECTORS


POINTS = {
    "wide": {"address": "holding:100", "type": "uint32"},
    "swapped": {"address": "holding:102", "type": "uint32", "order": "big_swapped"},
    "low": "input:7",
    "coil": "coil:9",
    "discrete": "discrete:9",
    "bit": "holding:7.2",
    "last": "holding:9999",
    "beyond": "holding:10000",
}
VALUES = [100 << 16 | 101, 103 << 16 | 102, 65_528, 1, 0, 1, 9_999]


@pytest.mark.interop
async def test_a_libmodbus_server_is_read_over_tcp(libmodbus, build):
    """Every table, a refused address, a thousand registers; then it ends, and the link is lost."""
    async with libmodbus.serving("tcp") as port:
        driver = build(f"tcp://127.0.0.1:{port}", {"unit": UNIT, "points": POINTS})
        await driver.connect()
        batch, *_ = await driver.read(driver.scans[0])
        check(batch)
        await driver.close()
        many = build(f"tcp://127.0.0.1:{port}", {"points": {f"p{n}": f"holding:{n}" for n in range(1000)}})
        await many.connect()
        [batch] = await many.read(many.scans[0])
        assert batch.values.tolist() == list(range(1000))
    with pytest.raises(LinkLost):
        await many.read(many.scans[0])
    await many.close()


@pytest.mark.interop
async def test_a_libmodbus_server_that_is_asked_who_it_is(libmodbus, build):
    """It refuses after half a second, as it does what it does not know; no reading is lost, and it is not asked again.

    Also where the poller gives it less time for a reading, as to a unit that it does not know yet.
    """
    async with libmodbus.serving("tcp") as port:
        keys = {"unit": UNIT, "points": {"a": "holding:5"}, "identify": "ask"}
        driver = build(f"tcp://127.0.0.1:{port}", keys)
        for _ in range(2):
            await driver.connect()
            for _ in range(5):
                [batch] = await driver.read(replace(driver.scans[0], timeout_s=0.25))
                assert batch.values.tolist() == [5]
        await driver.close()


@pytest.mark.interop
async def test_a_libmodbus_server_is_read_on_a_line(libmodbus, build):
    """The same over RTU frames; another unit is silent, which this one recovers from, and no value is ever wrong.

    libmodbus takes what follows a request to another unit for its answer, whatever it is, and then takes its time.
    """
    wire = libmodbus.Wire()
    async with libmodbus.serving("rtu", wire.paths[1], libmodbus.BAUD, str(UNIT)):
        url = f"rtu://{wire.paths[0]}?baud={libmodbus.BAUD}&parity=N"
        other = {"unit": 18, "timeout_s": 0.1, "points": {"x": "holding:1"}}
        driver = build(url, {"unit": UNIT, "points": POINTS}, other)
        await driver.connect()
        for _ in range(3):
            with pytest.raises(TimeoutError, match="no answer from unit 18"):
                await driver.read(driver.scans[1])
            check(await tried(driver))
        await driver.close()
    wire.close()


async def tried(driver):
    """Return the first batch that comes within some tries."""
    for _ in range(20):
        with suppress(TimeoutError):
            batch, *_ = await driver.read(replace(driver.scans[0], timeout_s=0.3))
            return batch
    raise AssertionError("it does not recover")


def check(batch):
    """Judge that all points are good and as the peer has them, but the one that it refuses."""
    assert batch.values.tolist()[:-1] == VALUES
    assert batch.quality.tolist() == [0] * len(VALUES) + [Quality.INVALID | Quality.BAD_REFERENCE]


@pytest.mark.interop
@pytest.mark.parametrize(("framing", "dissector"), [(Mbap, "mbtcp"), (Rtu, "mbrtu")])
def test_wireshark_reads_our_requests(framing, dissector, tmp_path):
    """Function, address, count and unit as meant; nothing malformed, and every checksum good."""
    if not (shutil.which("tshark") and shutil.which("text2pcap")):
        pytest.skip("tshark is missing: apt install tshark")
    blocks = [Block(TABLES[f], 100 * f, count) for f, count in ((1, 2000), (2, 9), (3, 125), (4, 1))]
    ours = framing()
    frames = [ours.ask(UNIT, Request.read(block), lenient=False) for block in blocks]
    frames.append(ours.ask(UNIT, Request.identify(1, 0), lenient=False))
    (tmp_path / "frames.txt").write_text("".join(f"0000 {frame.hex(' ')}\n" for frame in frames))
    capture = tmp_path / "frames.pcap"
    command = ["text2pcap", "-q", "-T", "40000,502", tmp_path / "frames.txt", capture]
    subprocess.run(command, check=True, capture_output=True)
    fields = ["mbtcp.unit_id", "mbrtu.unit_id", "modbus.func_code", "modbus.reference_num", "modbus.word_cnt"]
    fields += ["modbus.bit_cnt", "mbrtu.crc16.status", "_ws.malformed"]
    words = ["-E", "separator=|", *(word for field in fields for word in ("-e", field))]
    decode = ["-o", "mbrtu.crc_verification:TRUE", "-d", f"tcp.port==502,{dissector}"]
    done = subprocess.run(
        ["tshark", "-r", capture, *decode, "-T", "fields", *words], check=True, capture_output=True, text=True
    )

    unit = f"{UNIT}|" if framing is Mbap else f"|{UNIT}"
    status = "" if framing is Mbap else "1"
    assert done.stdout.splitlines() == [
        f"{unit}|1|100||2000|{status}|",
        f"{unit}|2|200||9|{status}|",
        f"{unit}|3|300|125||{status}|",
        f"{unit}|4|400|1||{status}|",
        f"{unit}|43||||{status}|",
    ]
