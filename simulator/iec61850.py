"""A bay as an IEC 61850 server: data sets, buffered and unbuffered reports, from a CID file of its own.

The server is open61850's, in threads. In front of it stands a small relay on the event loop, which misbehaves as the
conduct says, and which is what clients see: the values are renewed in a thread, so no client can hold up the loop.
"""

import asyncio
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from open61850.data import BitStringData, BoolData, FloatData, IECData, IntData, TimestampData
from open61850.server.model import IedModel
from open61850.server.server import MmsServer

from simulator import iec61850_cid
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.iec61850_cid import Place

NOISE: Final = 0x5A
"""Every byte of an answer is exclusive-ored with it to make garbage."""
CHUNK: Final = 65_536
GOOD, REFUSED = BitStringData(b"\x00\x00", 3), BitStringData(b"\x48\x00", 3)
"""Validity good; invalid, with a bad reference."""
NON_EXISTENT: Final = 10
OFF, ON = BitStringData(b"\x40", 6), BitStringData(b"\x80", 6)


class Iec61850Bay:
    """The server of one bay. `port` is known once it serves."""

    def __init__(self, bay: str, grid: Grid, conduct: Conduct, *, host: str, port: int) -> None:
        self.bay = bay
        self.port = port
        self.conduct = conduct
        self._host = host
        self._grid = grid
        self._places = iec61850_cid.places(bay)
        self._server: MmsServer | None = None
        self._front: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    @property
    def serving(self) -> bool:
        """Whether the port is open."""
        return self._front is not None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        front = await asyncio.start_server(self._accept, self._host, self.port, start_serving=False)
        try:
            self._server = await asyncio.to_thread(self._begin)
            await front.start_serving()
        except BaseException:
            front.close()
            raise
        self._front = front
        self.port = front.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        front, self._front = self._front, None
        server, self._server = self._server, None
        if front is not None:
            front.close()
        relays = list(self._relays)
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
        if server is not None:
            await asyncio.to_thread(server.stop)

    async def follow(self) -> None:
        """Renew the values, and open or close the port as the conduct asks."""
        closed = self.conduct.answers == "closed"
        if closed and self.serving:
            await self.stop()
        elif not closed and not self.serving:
            await self.start()
        if self._server is not None:
            await asyncio.to_thread(self._renew, self._server)

    def _begin(self) -> MmsServer:
        """Build a new model: one that has served keeps its reports."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{self.bay}.cid"
            file.write_text(iec61850_cid.cid(self.bay))
            model = IedModel.from_scl(str(file))
        server = MmsServer(model, host="127.0.0.1", port=0, vendor="GridSentinel", model_name="simulator", revision="1")
        server.read_hooks.append(self._refuse)
        self._renew(server)
        server.start()
        return server

    def _renew(self, server: MmsServer) -> None:
        """Give every attribute its present value; what changes at once is one report."""
        now = TimestampData(datetime.now(UTC), 0x0A)
        model: Any = server.model
        with model.batch():
            for name, place in self._places.items():
                top = f"{iec61850_cid.domain(self.bay)}/{place.node}.{place.down}"
                constraint = place.constraint
                quality = REFUSED if f"{self.bay}.{name}" in self.conduct.refused else GOOD
                value = _value(place, self._grid[f"{self.bay}.{name}"])
                address = f"{top}.{place.attribute}[{constraint}]"
                if model.get(address) != value:
                    model.set(f"{top}.t[{constraint}]", now)
                    model.set(address, value)
                model.set(f"{top}.q[{constraint}]", quality)

    def _refuse(self, _connection: object, name: Any) -> int | None:
        """Refuse to read what the conduct refuses; in a data set its quality says so."""
        if not self.conduct.refused:
            return None
        for each, place in self._places.items():
            node, *down = (place.node, place.constraint, *place.down.split("."))
            if f"{self.bay}.{each}" in self.conduct.refused and name.item.startswith("$".join((node, *down))):
                return NON_EXISTENT
        return None

    # the relay

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer), name=f"simulator:iec61850:{self.bay}")
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._server is not None
        inner: asyncio.StreamWriter | None = None
        try:
            answers, inner = await asyncio.open_connection("127.0.0.1", self._server.port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, inner))
                group.create_task(self._answer(answers, writer))
        except* (OSError, _HungUp):
            pass
        finally:
            writer.transport.abort()
            if inner is not None:
                inner.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.conduct.delay_s:
                await asyncio.sleep(self.conduct.delay_s)
            match self.conduct.answers:
                case "well":
                    writer.write(data)
                case "garbage":
                    writer.write(bytes(byte ^ NOISE for byte in data))
                case "cut":
                    writer.write(data[: len(data) // 2])
                    with suppress(OSError):
                        await writer.drain()
                    writer.close()
                case "silent" | "closed":
                    pass
            await writer.drain()
        raise _HungUp


class _HungUp(Exception):
    """One side has closed: the other is closed, too."""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    raise _HungUp


def _value(place: Place, value: float) -> IECData:
    match place.kind:
        case "MV" | "CMV":
            return FloatData(value)
        case "DPC":
            return ON if value else OFF
        case "SPS":
            return BoolData(bool(value))
        case _:
            return IntData(round(value))
