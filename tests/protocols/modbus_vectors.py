"""Writes modbus_vectors.json: what libmodbus' client and server say to each other, heard between them.

    .venv/bin/python tests/protocols/modbus_vectors.py

Needs gcc and libmodbus-dev. Each vector is a request and its answer, frame and all, in hex: for TCP and for RTU.
"""

import asyncio
import json
import os
import subprocess
import tty
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE / "modbus_vectors.json"
PROGRAM = HERE.parents[1] / ".peers/modbus_peer"
SOURCE = HERE / "modbus_peer.c"
BAUD = "115200"
UNIT = "17"


def build() -> Path:
    """Compile the peer into .peers, unless it is there and newer than its source."""
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < SOURCE.stat().st_mtime:
        PROGRAM.parent.mkdir(exist_ok=True)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], check=True, capture_output=True)
        made = PROGRAM.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-O1", "-Wall", "-o", made, SOURCE, *flags.stdout.decode().split()], check=True)
        made.replace(PROGRAM)
    return PROGRAM


@asynccontextmanager
async def serving(*words: str) -> AsyncIterator[int]:
    """Run libmodbus' server, and yield its port; 0 on a line."""
    peer = await asyncio.create_subprocess_exec(build(), "serve", *words, stdin=PIPE, stdout=PIPE)
    try:
        yield int((await peer.stdout.readline()).split()[1])
    finally:
        peer.stdin.close()
        await asyncio.wait_for(peer.wait(), 30)


async def asking(*words: str) -> list[list[int]]:
    """Run libmodbus' client; return function, start, count and what it got of each question."""
    peer = await asyncio.create_subprocess_exec(build(), "ask", *words, stdout=PIPE)
    said, _ = await peer.communicate()
    return [[int(word) for word in line.split()] for line in said.decode().splitlines()]


class Wire:
    """Two pseudo-terminals joined end to end; `heard(side, bytes)` is told what goes through."""

    def __init__(self, heard: Callable[[int, bytes], None] = lambda *_: None) -> None:
        pairs = [os.openpty() for _ in range(2)]
        self._fds = [end for pair in pairs for end in pair]
        for ours, theirs in pairs:
            tty.setraw(theirs)
            os.set_blocking(ours, False)
        self.paths = [os.ttyname(theirs) for _, theirs in pairs]
        self._ours = [ours for ours, _ in pairs]
        for side in (0, 1):
            asyncio.get_running_loop().add_reader(self._ours[side], self._carry, side, heard)

    def _carry(self, side: int, heard: Callable[[int, bytes], None]) -> None:
        data = os.read(self._ours[side], 4096)
        heard(side, data)
        os.write(self._ours[1 - side], data)

    def close(self) -> None:
        for ours in self._ours:
            asyncio.get_running_loop().remove_reader(ours)
        for end in self._fds:
            os.close(end)


class Recorder:
    """Pairs what the client said with what the server answered."""

    def __init__(self) -> None:
        self.pairs: list[list[bytes]] = []

    def __call__(self, side: int, data: bytes) -> None:
        if side == 0 and (not self.pairs or self.pairs[-1][1]):
            self.pairs.append([b"", b""])
        self.pairs[-1][side] += data

    @property
    def hex(self) -> list[list[str]]:
        return [[data.hex() for data in pair] for pair in self.pairs]


async def record_tcp() -> list[list[str]]:
    """Listen between client and server on the loopback."""
    recorder = Recorder()
    async with serving("tcp") as port:

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: int) -> None:
            while data := await reader.read(4096):
                recorder(side, data)
                writer.write(data)
            writer.close()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(carry(reader, far_writer, 0), carry(far_reader, writer, 1))

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        await asking("tcp", str(server.sockets[0].getsockname()[1]), UNIT)
        server.close()
        await server.wait_closed()
    return recorder.hex


async def record_rtu() -> list[list[str]]:
    """Listen between client and server on two terminals."""
    recorder = Recorder()
    wire = Wire(recorder)
    async with serving("rtu", wire.paths[1], BAUD, UNIT):
        await asking("rtu", wire.paths[0], BAUD, UNIT)
    wire.close()
    return recorder.hex


async def record() -> dict[str, list[list[str]]]:
    """Return the vectors of both framings."""
    return {"tcp": await record_tcp(), "rtu": await record_rtu()}


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(asyncio.run(record()), indent=1) + "\n")
