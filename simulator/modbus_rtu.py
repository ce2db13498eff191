"""Several bays as units on one RS-485 line: a Modbus RTU server on a pseudo-terminal, as slow as the line it plays.

A pseudo-terminal takes bytes in at any speed, so the rate is played: a request is heard when its last bit would have
come, and an answer leaves in the time that its bytes take. Who speaks while a unit answers collides with it, and both
are spoilt, as on two wires.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymodbus.framer.rtu import FramerRTU

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.modbus import NOISE
from simulator.modbus_reply import reply
from simulator.pty import PseudoTerminal
from simulator.registers import BITS, MAPS
from simulator.sunspec import image_of, spans_of

CHAR_BITS = 11
LUMP_S = 0.01
"""Bytes leave in lumps of this length, as from a UART's FIFO."""
MESSAGE_GAP_S = 0.05
"""A request that is not complete after so much silence is forgotten."""
LONGEST = 256


class ModbusLine:
    """The units on one line: the first of `bays` is unit 1. `path` is the terminal to open, known once it serves.

    `baud` None answers at once. `link` is a name that stays, for a terminal whose own name changes at every start.
    """

    def __init__(
        self,
        bays: Sequence[str],
        grid: Grid,
        conducts: Mapping[str, Conduct],
        *,
        baud: int | None = 9600,
        link: Path | None = None,
    ) -> None:
        self.units = dict(enumerate(bays, 1))
        self.path = ""
        self.collisions = 0
        self._conducts = conducts
        self._memories = {bay: _Unit(bay, grid, conducts[bay], spans_of(bay)) for bay in bays}
        self._char_s = 0.0 if baud is None else CHAR_BITS / baud
        self._link = link
        self._open: PseudoTerminal | None = None
        self._heard = b""
        self._last = 0.0
        self._answering: asyncio.Task[None] | None = None

    @property
    def serving(self) -> bool:
        """Whether the terminal is there."""
        return self._open is not None

    @property
    def terminal(self) -> str:
        """The name to open: the one that stays, where it has one."""
        return self.path if self._link is None else str(self._link)

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: there is no terminal left, or `link` cannot be made.
        """
        self._open = PseudoTerminal(self._link)
        self.path = self._open.path
        asyncio.get_running_loop().add_reader(self._open.ours, self._hear)

    async def stop(self) -> None:
        """Take the terminal away; may be called twice."""
        terminal, self._open = self._open, None
        if terminal is None:
            return
        asyncio.get_running_loop().remove_reader(terminal.ours)
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.wait([self._answering])
        terminal.close()

    async def follow(self) -> None:
        """Nothing to do: an answer is made when it is asked for."""

    def _hear(self) -> None:
        assert self._open is not None
        heard, now = os.read(self._open.ours, LONGEST), asyncio.get_running_loop().time()
        if self._answering is not None and not self._answering.done():
            self.collisions += 1
            return
        self._heard = heard if now - self._last > MESSAGE_GAP_S else (self._heard + heard)[-LONGEST:]
        self._last = now
        if len(self._heard) >= 4 and checksum(self._heard[:-2]) == self._heard[-2:]:
            unit, pdu, self._heard = self._heard[0], self._heard[1:-2], b""
            if unit in self.units:
                self._answering = asyncio.create_task(self._answer(unit, pdu), name=f"simulator:line:{unit}")

    async def _answer(self, unit: int, pdu: bytes) -> None:
        bay = self.units[unit]
        conduct = self._conducts[bay]
        if conduct.answers in ("silent", "closed"):
            return
        await asyncio.sleep((len(pdu) + 3) * self._char_s + 3.5 * self._char_s + conduct.delay_s)
        message = bytes((unit,)) + reply(pdu, self._memories[bay])
        frame = message + checksum(message)
        if conduct.answers == "garbage":
            frame = bytes(byte ^ NOISE for byte in frame)
        elif conduct.answers == "cut":
            frame = frame[: len(frame) // 2]
        await self._send(frame)

    async def _send(self, frame: bytes) -> None:
        """Send `frame` at the rate of the line; spoilt from where someone else has spoken."""
        before = self.collisions
        lump = len(frame) if not self._char_s else max(1, int(LUMP_S / self._char_s))
        for at in range(0, len(frame), lump):
            part = frame[at : at + lump]
            await asyncio.sleep(len(part) * self._char_s)
            if self._open is not None:
                spoilt = self.collisions > before
                os.write(self._open.ours, bytes(byte ^ NOISE for byte in part) if spoilt else part)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a bay has in its tables."""

    bay: str
    grid: Grid
    conduct: Conduct
    spans: Mapping[str, range]

    def has(self, table: str, asked: range) -> bool:
        """Whether all these addresses answer."""
        span = self.spans.get(table, range(0))
        return (
            asked.start >= span.start
            and asked.stop <= span.stop
            and not any(
                f"{self.bay}.{one.name}" in self.conduct.refused
                and one.table == table
                and one.offset < asked.stop
                and asked.start < one.offset + one.width
                for one in MAPS[self.bay]
            )
        )

    def words(self, table: str, asked: range) -> list[int]:
        """Return what they hold."""
        words = image_of(self.bay, table, lambda name: self.grid[f"{self.bay}.{name}"])
        if table in BITS:
            return [words[0] >> place & 1 for place in asked]
        first = self.spans[table].start
        return words[asked.start - first : asked.stop - first]


def checksum(message: bytes) -> bytes:
    """Return the checksum as it is sent; by pymodbus, so that the gateway's own has a judge."""
    return FramerRTU.compute_CRC(message).to_bytes(2, "big")
