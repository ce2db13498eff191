"""The ground on which attacks are carried out: a substation on a hub, those who belong there, and a stranger.

10.77.0.1    the gateway, whose tap listens at the hub          10.77.0.20   two HMIs: poll a feeder over Modbus
10.77.0.10   the station: devices by every way, IEC 104         10.77.0.30   relay: publishes GOOSE
10.77.1.x    the stranger: with each attack another address, as if somebody had plugged in another computer

"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from simulator.attacks.attack import LONGEST_S, Attack, Field, Place
from simulator.attacks.gooseframe import GooseFrame
from simulator.attacks.hosts import Cable, Host, Hub
from simulator.attacks.modbus import mbap
from simulator.iec104 import Iec104Station
from simulator.scenario import Scenario
from simulator.speakers import SPEAKERS
from simulator.substation import Substation, serve
from simulator.truth import Truth

GATEWAY, STATION, RELAY = "10.77.0.1", "10.77.0.10", "10.77.0.30"
HMIS: Final = ("10.77.0.20", "10.77.0.21")
BLOCKS: Final = 5
"""Control blocks that the relay publishes."""
WATCHED: Final = "feeder1"
"""What the HMI polls, and what is attacked over Modbus."""
QUIET: Final = "feeder2"
"""What is attacked by the other ways: nobody else talks to it by them."""
READ: Final = struct.pack(">BHH", 3, 100, 13)
"""What the HMI asks: the holding registers of a feeder."""
HMI_EVERY_S: Final = 0.25
HMI_WAITS_S: Final = 1.0
GOOSE_EVERY_S: Final = 0.25
STATE_OF: Final = 12
"""Messages after which the relay has a new state."""
STRANGERS: Final = 250


class Ground:
    """A substation with a HMI and a relay, and where a stranger plugs in. `shown` is what each HMI shows."""

    def __init__(self, hub: Hub, substation: Substation, station: Iec104Station) -> None:
        self.substation, self._station = substation, station
        self._hub = hub
        self.hmis = [hub.host(f"hmi{number}", address) for number, address in enumerate(HMIS)]
        self.relay = hub.host("relay", RELAY)
        self.stranger = hub.host("stranger", "10.77.1.1")
        self.frames = [
            GooseFrame(
                source=self.relay.mac, t_ns=time.time_ns(), ref=f"RELAY1LD0/LLN0$GO$gcb{number}", go_id=f"gcb{number}",
                app_id=number, target=bytes.fromhex("010ccd0100") + bytes((number,)), sq=number,
            )
            for number in range(1, BLOCKS + 1)
        ]  # fmt: skip
        self.shown: dict[str, tuple[int, ...]] = {}
        self.gateway: Path | None = None
        self._attacks = 1
        self._work = [hmi.begin(self._poll(hmi.address)) for hmi in self.hmis]
        self._work.append(self.relay.begin(self._publish()))

    @property
    def places(self) -> dict[str, dict[str, Place]]:
        """Where each way reaches each bay, but for serial lines."""
        return {
            word: {bay: (STATION, server.port) for bay, server in bays.items()}
            for word, bays in self.substation.speaking.items()
            if SPEAKERS[word].ports
        }

    @property
    def targets(self) -> dict[str, Place]:
        """Who is attacked, by what is spoken there."""
        targets = {word: bays[WATCHED if word == "modbus" else QUIET] for word, bays in self.places.items()}
        return {**targets, "iec104": (STATION, self._station.port)}

    async def carry_out(self, attack: Attack, tell: Callable[[Truth], object] | None = None) -> Truth:
        """Let a stranger plug in and attack; return what truly happened. To cancel it ends the attack.

        `tell` is told when it begins: then its end is when it is over at the latest.
        """
        self._attacks = self._attacks % STRANGERS + 1
        me, hmi = f"10.77.1.{self._attacks}", self.hmis[attack.WHOM % len(self.hmis)]
        block = attack.WHOM % BLOCKS
        await asyncio.to_thread(self.stranger.call, self.stranger.plug_in, me)
        on = Field(
            targets=self.targets,
            me=me,
            hmi=hmi.address,
            macs={STATION: self._hub.mac, hmi.address: hmi.mac},
            victim=lambda: self.frames[block],
            stage=self.substation,
            gateway=self.gateway,
        )
        begin_ns = time.time_ns()
        truth = Truth(
            attack.NAME, attack.text, begin_ns, begin_ns + int(LONGEST_S * 1e9), attack.CHECKS, (), (),
            source=me, target=attack.target(on),
        )  # fmt: skip
        if tell is not None:
            tell(truth)
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            await self.stranger.run(_with_cable(attack, on, self.stranger))
        return replace(truth, end_ns=time.time_ns())

    async def stop(self) -> None:
        """Let all who belong here go home."""
        for work in self._work:
            work.cancel()
        await asyncio.sleep(0)

    async def _poll(self, hmi: str) -> None:
        """Be an HMI: ask for the registers of a feeder, and connect again when that fails."""
        while True:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(HMI_WAITS_S):
                    reader, writer = await asyncio.open_connection(*self.targets["modbus"])
                try:
                    await self._ask(hmi, reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(HMI_EVERY_S)

    async def _ask(self, hmi: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            number = number % 0xFFFF + 1
            writer.write(mbap(READ, number=number))
            async with asyncio.timeout(HMI_WAITS_S):
                head = await reader.readexactly(6)
                answer = await reader.readexactly(int.from_bytes(head[4:6], "big"))
            if int.from_bytes(head[:2], "big") != number:
                return
            if answer[1] == 3:
                self.shown[hmi] = struct.unpack(f">{answer[2] // 2}H", answer[3 : 3 + answer[2] // 2 * 2])
            await asyncio.sleep(HMI_EVERY_S)

    async def _publish(self) -> None:
        """Be a relay."""
        cable = Cable(self.relay)
        try:
            while True:
                self.frames = [_next(frame) for frame in self.frames]
                for frame in self.frames:
                    cable.send(frame.frame())
                await asyncio.sleep(GOOSE_EVERY_S)
        finally:
            cable.close()


@asynccontextmanager
async def ground(scenario: Scenario, ways: Iterable[str] = tuple(SPEAKERS)) -> AsyncIterator[Ground]:
    """Set it all up, and take it away at the end. Needs a network namespace of one's own.

    Raises:
        OSError: it is not allowed here.
    """
    with Hub(GATEWAY, STATION) as hub:
        station = Iec104Station(host=STATION)
        await station.start()
        try:
            async with serve(scenario, host=STATION, ways=tuple(ways)) as substation:
                made = await asyncio.to_thread(partial(Ground, hub, substation, station))
                yield made
                await made.stop()
        finally:
            await station.stop()


def _next(frame: GooseFrame) -> GooseFrame:
    """Return what a publisher says next: the same state, or now and then a new one."""
    if frame.sq + 1 < STATE_OF:
        return replace(frame, sq=frame.sq + 1)
    values = (not frame.values[0], *frame.values[1:])
    return replace(frame, st=frame.st + 1, sq=0, t_ns=time.time_ns(), values=values)


async def _with_cable(attack: Attack, on: Field, host: Host) -> None:
    cable = Cable(host)
    try:
        await attack.run(replace(on, wire=cable))
    finally:
        cable.close()
