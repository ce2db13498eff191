"""A proxy to the broker that knows MQTT packets: records them, delays them, loses them, or cuts inside of one.

The order of packets is kept in each direction, as TCP keeps it: one that is delayed holds up those behind it.
"""

import asyncio
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

KINDS = (
    *("reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp"),
    *("subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"),
)
"""MQTT 5 clause 2.1.2: the packet types in the order of their numbers."""
MQTT5 = 5


class Fate(Enum):
    """What may happen to a packet, beside a delay in seconds."""

    PASS = "pass"
    LOSE = "lose"
    CUT = "cut"
    """Half of it passes, then both ends are cut."""


Treatment: TypeAlias = Fate | float
Queue: TypeAlias = "asyncio.Queue[tuple[float, bytes] | None]"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it went through: `ours` from the gateway, else from the broker; on connection number `link`."""

    ours: bool
    raw: bytes
    body: bytes = field(repr=False)
    version: int
    link: int
    at_s: float

    @property
    def kind(self) -> str:
        return KINDS[self.raw[0] >> 4]

    @property
    def qos(self) -> int:
        return self.raw[0] >> 1 & 3

    @property
    def retain(self) -> bool:
        return bool(self.raw[0] & 1)

    @property
    def topic(self) -> str:
        """The topic of a publish."""
        return self.body[2 : 2 + _short(self.body, 0)].decode()

    @property
    def payload(self) -> bytes:
        """The payload of a publish."""
        at = 2 + _short(self.body, 0) + (2 if self.qos else 0)
        if self.version == MQTT5:
            length, size = _varint(self.body[at : at + 4])
            at += size + length
        return self.body[at:]


class Wire:
    """Stands between the gateway and a broker at `target`; `treat` decides about each packet."""

    def __init__(self, target: int, *, host: str = "127.0.0.1") -> None:
        self.treat: Callable[[Packet], Treatment] = lambda _: Fate.PASS
        self.packets: list[Packet] = []
        self.accepted_s: list[float] = []
        self.port = 0
        self._target, self._host = target, host
        self._silent = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"mqtt://{self._host}:{self.port}"

    @property
    def accepted(self) -> int:
        """Connections that were ever accepted."""
        return len(self.accepted_s)

    async def mend(self) -> None:
        """Accept connections, always on the same port, and let all bytes flow; what has lost any is cut."""
        if self._silent:
            self.cut()
        self._silent = False
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def swallow(self) -> None:
        """Keep all connections, accept new ones, and lose every byte of both sides until mended."""
        self._silent = True

    def cut(self) -> None:
        """End all connections at once, and accept new ones."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        """End all connections and refuse new ones, until mended."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def seen(self, wanted: Callable[[Packet], bool], timeout_s: float = 30.0) -> Packet:
        """Wait for the first packet of which `wanted` holds, from the beginning of the record."""
        read = 0
        async with asyncio.timeout(timeout_s):
            while True:
                for packet in self.packets[read:]:
                    read += 1
                    if wanted(packet):
                        return packet
                self._news.clear()
                await self._news.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_s.append(time.monotonic())
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer, self.accepted), name="wire")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: int) -> None:
        try:
            with suppress(OSError):
                await self._relay(reader, writer, link)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: int) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._target)
        self._writers.add(far_writer)
        ends = (writer, far_writer)
        version = [0]
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far_writer, _Side(True, link, version, ends)))
                both.create_task(self._carry(far_reader, writer, _Side(False, link, version, ends)))
        finally:
            far_writer.transport.abort()
            self._writers.discard(far_writer)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, side: "_Side") -> None:
        """Carry one direction to its end; then the other ends too, as a cut wire has no half."""
        queue: Queue = asyncio.Queue()
        writing = asyncio.create_task(_write(target, queue))
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while self._take(await _read(source, side), queue):
                    pass
            queue.put_nowait(None)
            await writing
        finally:
            writing.cancel()
            for end in side.ends:
                end.close()

    def _take(self, packet: Packet, queue: Queue) -> bool:
        """Treat a packet, and return whether the connection goes on."""
        self.packets.append(packet)
        self._news.set()
        fate = Fate.LOSE if self._silent else self.treat(packet)
        if fate is Fate.CUT:
            queue.put_nowait((packet.at_s, packet.raw[: max(1, len(packet.raw) // 2)]))
        elif fate is not Fate.LOSE:
            queue.put_nowait((packet.at_s + (0.0 if fate is Fate.PASS else float(fate)), packet.raw))
        return fate is not Fate.CUT


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction of one connection; `version` is filled in by its CONNECT and shared by both."""

    ours: bool
    link: int
    version: list[int]
    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]


async def _read(source: asyncio.StreamReader, side: _Side) -> Packet:
    """Read the next packet."""
    head = await source.readexactly(2)
    while head[-1] & 0x80:
        head += await source.readexactly(1)
    body = await source.readexactly(_varint(head[1:])[0])
    if side.ours and not side.version[0]:
        side.version[0] = body[2 + _short(body, 0)]
    return Packet(side.ours, head + body, body, side.version[0], side.link, time.monotonic())


async def _write(target: asyncio.StreamWriter, queue: Queue) -> None:
    """Write each packet when its time has come, until None."""
    with suppress(OSError):
        while (due := await queue.get()) is not None:
            await asyncio.sleep(max(0.0, due[0] - time.monotonic()))
            target.write(due[1])
            await target.drain()


def _short(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", data, at)[0])


def _varint(data: bytes) -> tuple[int, int]:
    """Return a variable byte integer and its size (MQTT 5 clause 1.5.5)."""
    value = 0
    for n, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * n
        if not byte & 0x80:
            return value, n + 1
    raise ValueError("variable byte integer has no end")
