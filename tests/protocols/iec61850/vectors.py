"""Writes vectors.txt: what libiec61850's server sends, and what tshark reads in it.

    .venv/bin/python -m pytest -m interop tests/protocols/iec61850     makes the environment of libiec61850
    PYTHONPATH=. .venv/bin/python tests/protocols/iec61850/vectors.py

Needs Debian's tshark. Each vector is a message, as the session layer has it, in hex; below it each value.
"""

import asyncio
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from protocols.driver import Outside
from protocols.iec61850.config import Iec61850Device, Iec61850Point, ReportConfig
from protocols.iec61850.driver import Iec61850Driver
from protocols.iec61850.transport import Stream
from protocols.points import Points

HERE = Path(__file__).parent
VECTORS = HERE / "vectors.txt"
LD = "IED3LD0"
POINTS = {f"m{index}": f"{LD}/GGIO1.AnIn{index + 1:03}.mag.f[MX]" for index in range(4)}
POINTS |= {"pos": f"{LD}/XCBR1.Pos.stVal[ST]", "no": f"{LD}/GGIO1.AnIn999.mag.f[MX]"}
ORDERS = ("set 2 -12.625 1700000000250", "quality 1 3", "quality 3 7682", "pos 2 1700000000123")
"""Measurands 0 to 3 are 0, 1, -12.625, 3; questionable 1, and 3 invalid with overflow and much else."""
KINDS = {
    "boolean", "bit-string", "integer", "unsigned", "floating-point", "octet-string", "visible-string", "binary-time",
    "utc-time", "failure",
}  # fmt: skip
BIT_STRING = "bit-string"
HEAD = """\
# Messages of libiec61850's server (pyiec61850-ng 1.6.1.10), in hex, and below each what tshark 4.0.17 (Wireshark) reads
# in it: the kind of each value, the unused bits of a bit string, and its contents.

"""


def libiec61850():
    """Return the module with the fixtures, which are no package."""
    spec = spec_from_file_location("iec61850_peers", HERE / "conftest.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def conversations() -> list[list[tuple[str, bytes]]]:
    """Return what goes to and fro, I to the client and O to the server, for each way to read."""
    peers, heard = libiec61850(), []

    async def pump(side, reader, writer, to):
        while data := await reader.read(65_536):
            to.append((side, data))
            writer.write(data)
        writer.close()

    async def relay(reader, writer):
        heard.append([])
        with suppress(OSError):
            answers, inner = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.gather(pump("O", reader, inner, heard[-1]), pump("I", answers, writer, heard[-1]))

    async with peers.foreign_server(peers.PEERS / "bin/python") as server:
        for order in ORDERS:
            await server.order(order)
        front = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"tcp://127.0.0.1:{front.sockets[0].getsockname()[1]}"
        reports = (ReportConfig(block=f"{LD}/LLN0.brcbMeas", buffer_ms=0),)
        for keys in ({}, {"data_sets": (f"{LD}/LLN0.dsMeas",)}, {"reports": reports}):
            driver = reading(url, keys)
            await driver.connect()
            for _ in range(6):
                await driver.read(driver.scans[0])
                await driver.read(driver.scans[-1])
            await server.order("pos 1 1700000000999")
            await asyncio.sleep(0.1)
            await driver.close()
            await server.order("pos 2 1700000000123")
        front.close()
    return heard


def reading(url, keys) -> Iec61850Driver:
    points = tuple(Iec61850Point(name=name, address=address) for name, address in POINTS.items())
    device = Iec61850Device(name="ied", protocol="iec61850", url=url, points=points, **keys)
    return Iec61850Driver(device, Points.of([(device, device.points)]), Outside(clock=time.time_ns))


def told(heard) -> list[list[str]]:
    """Return the values that tshark reads in each message to the client."""
    with tempfile.TemporaryDirectory() as folder:
        text, capture = Path(folder) / "heard.txt", Path(folder) / "heard.pcap"
        text.write_text("".join(f"{side}\n000000 {data.hex(' ')}\n" for side, data in heard))
        subprocess.run(["text2pcap", "-q", "-D", "-T", "102,40000", text, capture], check=True)
        words = ["tshark", "-r", capture, "-Y", "mms && tcp.srcport == 102", "-O", "mms"]
        shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [list(values(section)) for section in shown.split("\nMMS\n")[1:]]


def values(section):
    """Yield kind and contents of each value; a type has none."""
    padding = "0"
    if "getVariableAccessAttributes" in section:
        return
    for line in section.splitlines():
        word, _, rest = line.strip().partition(": ")
        if word == "Padding":
            padding = rest
        elif word in KINDS and not rest.startswith("structure"):
            yield f"{word} {padding} {rest}" if word == BIT_STRING else f"{word} {rest}"


def messages(heard) -> list[bytes]:
    """Return the messages to the client."""
    stream = Stream()
    return [each for side, data in heard if side == "I" for each in stream.take(data) if each is not None]


def main() -> None:
    found = {}
    for heard in asyncio.run(conversations()):
        for message, read in zip(messages(heard), told(heard), strict=True):
            if read:
                found.setdefault(tuple(read), message)
    with VECTORS.open("w") as out:
        out.write(HEAD)
        for read, message in found.items():
            out.write("\n".join([message.hex(), *(f"  {value}" for value in read), ""]))


if __name__ == "__main__":
    main()
