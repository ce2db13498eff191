"""What all attacks share: a field on which they are carried out, and one way to start them."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Protocol

from simulator.attacks.gooseframe import GooseFrame
from simulator.steps.step import Stage

LONGEST_S: Final = 30.0
"""An attack that takes longer is given up."""
REQUESTS_MAX: Final = 500
"""Messages of one attack."""
CHUNK: Final = 65_536

Place = tuple[str, int]
"""Host and port."""


class Wire(Protocol):
    """An interface of the attacker's: what puts whole frames on the wire, and hears what goes by."""

    @property
    def mac(self) -> bytes:
        """Its own hardware address."""

    def send(self, frame: bytes) -> None:
        """Put a frame on the wire."""

    async def hear(self) -> bytes:
        """Return the next frame that somebody else has sent."""


@dataclass(frozen=True)
class Field:
    """Where an attack is carried out.

    `targets` are hosts and ports by what is spoken there: modbus, dnp3, iec61850, opcua, iec104. `me` is the attacker's
    address, `hmi` that of a host which talks to the station, `macs` hardware addresses by IP address as ARP tells
    them. `victim` returns the last frame of a GOOSE publisher, `stage` has the devices for whoever took one
    over, `gateway` the folder of the gateway for whoever got in there.
    """

    targets: Mapping[str, Place] = field(default_factory=dict)
    me: str = ""
    hmi: str = ""
    macs: Mapping[str, bytes] = field(default_factory=dict)
    wire: Wire | None = None
    victim: Callable[[], GooseFrame] = GooseFrame
    stage: Stage | None = None
    gateway: Path | None = None
    clock: Callable[[], int] = time.time_ns

    @property
    def on_wire(self) -> Wire:
        """The attacker's interface.

        Raises:
            LookupError: he has none.
        """
        if self.wire is None:
            raise LookupError("this attack needs an interface, and the field has none")
        return self.wire

    async def connect(self, way: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to where `way` is spoken.

        Raises:
            OSError: there is nobody.
        """
        return await asyncio.open_connection(*self.targets[way])


class Attack:
    """One attack. `NAME` is what it is called, `CHECKS` are the kinds of alarm that must be raised.

    `WAY` is what its target speaks, empty where it is nobody in particular. What stands first in its class tells people
    what is done.
    """

    NAME: ClassVar[str]
    CHECKS: ClassVar[tuple[str, ...]]
    WAY: ClassVar[str] = ""
    WHOM: ClassVar[int] = 0
    """Which of several targets that are alike is taken: what is told of one is not told again while it goes on."""

    @property
    def text(self) -> str:
        """What is done, for people, in a sentence."""
        return " ".join((self.__doc__ or "").split("\n\n")[0].split()).rstrip(".")

    def target(self, on: Field) -> str:
        """Return who is attacked."""
        return on.targets[self.WAY][0] if self.WAY in on.targets else ""

    async def run(self, on: Field) -> None:
        """Carry it out.

        Raises:
            OSError: there is nobody.
            TimeoutError: it takes too long.
        """
        raise NotImplementedError


class Asking(Attack):
    """An attack that is one conversation: messages that are sent one after the other, whatever is answered."""

    EACH_S: ClassVar[float] = 0.05
    """How long an answer is waited for before the next is sent."""

    def messages(self) -> Iterator[bytes]:
        """Yield what is sent, one after the other."""
        raise NotImplementedError

    async def run(self, on: Field) -> None:
        """Connect, send, read what is answered, hang up; connect again when the other side hung up."""
        async with asyncio.timeout(LONGEST_S):
            reader, writer = await on.connect(self.WAY)
            try:
                for number, message in enumerate(self.messages()):
                    if number >= REQUESTS_MAX:
                        break
                    if reader.at_eof():
                        writer.close()
                        reader, writer = await on.connect(self.WAY)
                    with suppress(ConnectionError):
                        writer.write(message)
                        await writer.drain()
                        await heard(reader, self.EACH_S)
            finally:
                writer.close()


async def heard(reader: asyncio.StreamReader, for_s: float) -> bytes:
    """Return what is answered soon, nothing if nobody answers."""
    try:
        async with asyncio.timeout(for_s):
            return await reader.read(CHUNK)
    except TimeoutError:
        return b""
