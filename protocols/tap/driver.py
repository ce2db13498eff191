"""The tap as a driver: fetches what has come, shows it to the watch, hands on what that saw, and what was counted."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Any, Final

from protocols.driver import Outside, Scan
from protocols.model import Event, EventKind, Read
from protocols.points import Points
from protocols.sighting import Sighting
from protocols.tap.capture.bpf import MOST_BROKERS, program
from protocols.tap.capture.packets import Filter
from protocols.tap.capture.plain import Plain
from protocols.tap.capture.player import Player
from protocols.tap.capture.ring import Ring
from protocols.tap.capture.silence import Silence
from protocols.tap.capture.source import Source
from protocols.tap.config import TapDevice
from protocols.tap.memory import Memory
from protocols.tap.numbers import Numbers
from protocols.tap.registry import PORTS
from protocols.tap.watch import Watch

BREATH: Final = 128
"""Frames after which other conversations have their turn: a millisecond."""
MOST_AT_ONCE: Final = 16_384
"""Frames of one read; what waits beyond it is fetched by the next, after what these said was handed on."""
MOST_TOLD: Final = 32
"""Remarks of a tap about itself; each is said once."""
NS: Final = 1_000_000_000


class TapDriver:
    """Listens for `device`. `memory` has the last frames, `watch` what is known of the wire."""

    def __init__(self, device: TapDevice, points: Points, outside: Outside) -> None:
        self.memory = Memory(device.evidence_bytes)
        self.watch = Watch(device.name, ports=device.ports)
        self._device, self._outside, self._clock = device, outside, outside.clock
        self._source: Source | None = None
        self._dropped = self._dropped_before = self._second = 0
        self._frames_before = self._per_s = 0
        self._silence = Silence(device.name, recorded=device.file is not None)
        self._told: set[str] = set()
        self._numbers = Numbers(device.name, points)
        self._scans = (Scan(0, device.name, device.drain_ms / 1000, self._numbers.rows, requests=0),)

    @property
    def scans(self) -> Sequence[Scan]:
        """The one that fetches."""
        return self._scans

    @property
    def counters(self) -> Mapping[str, Any]:
        """What it hears, and what found no room, since the start; `per_s` in the last second.

        `source` is by which way frames come: ring, plain where the kernel gives no ring, player of a capture.
        """
        watch = self.watch
        return {
            "source": type(self._source).__name__.lower() if self._source else "none",
            "frames": watch.frames,
            "per_s": self._per_s,
            "dropped": self._dropped,
            "evicted": watch.evicted,
            "untold": watch.notes.dropped,
            "faults": watch.faults,
        }

    async def connect(self) -> Sequence[Event]:
        """Begin to listen.

        Raises:
            LinkLost: it is not allowed, or there is no such interface or capture.
        """
        await self.close()
        if self._device.file is not None:
            self._source = Player(self._device.file, self._clock)
            return ()
        return self._listen(partial(_filter, await self._brokers(), self._device))

    async def read(self, scan: Scan) -> Sequence[Read]:  # noqa: ARG002 - there is one scan
        """Look at what has come; return what was seen, and each second what was counted.

        Raises:
            LinkLost: the interface has gone.
        """
        source = self._source
        assert source is not None, "read before connect"
        await self._drain(source)
        now_ns = self._clock()
        seen: list[Read] = [*self.watch.take(now_ns), *self._remarks(source, now_ns)]
        if now_ns // int(self._device.every_s * NS) != self._second:
            self._second = now_ns // int(self._device.every_s * NS)
            frames = self.watch.frames
            self._per_s, self._frames_before = round((frames - self._frames_before) / self._device.every_s), frames
            seen += self._lost(source, now_ns)
            if not (isinstance(source, Player) and source.over):
                seen += self._silence.look(self.watch.frames, now_ns)
            seen.append(self._numbers.batch(self.watch, self._dropped, now_ns))
        return seen

    async def close(self) -> None:
        """Listen no more; may be called twice."""
        source, self._source = self._source, None
        if source is not None:
            self._dropped_before += source.dropped
            source.close()

    async def _drain(self, source: Source) -> None:
        frame, keep, done, before = self.watch.frame, self.memory.keep, 0, -1
        # frames are stamped by the wall clock, everything else by ours
        shift_ns = self._clock() - time.time_ns() if not isinstance(source, Player) else 0
        while before < done < MOST_AT_ONCE:
            before = done
            for data, stamp_ns, vlan, _wire in source.frames():
                time_ns = stamp_ns + shift_ns
                frame(data, time_ns, vlan)
                keep(data, time_ns, vlan)
                done += 1
                if not done % BREATH:
                    await asyncio.sleep(0)

    def _listen(self, filtered: Filter) -> Sequence[Event]:
        device = self._device
        assert device.interface is not None
        promiscuous = device.promiscuous == "on"
        try:
            self._source = Ring(device.interface, filtered, ring_bytes=device.ring_bytes, promiscuous=promiscuous)
        except OSError as error:
            self._source = Plain(device.interface, filtered, buffer_bytes=device.ring_bytes, promiscuous=promiscuous)
            return self._once(
                f"the kernel gives no ring ({error.strerror}): frames are received one by one", self._clock()
            )
        return ()

    async def _brokers(self) -> list[tuple[str, int]]:
        """Return the IPv4 addresses of our broker."""
        host, port = self._outside.broker
        try:
            return [(str(IPv4Address(host)), port)]
        except ValueError:
            pass
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port) if host else []
        except OSError:
            found = []  # then its packets are looked at like all others
        return [(str(where[0]), port) for *_, where in found if ":" not in str(where[0])][:MOST_BROKERS]

    def _lost(self, source: Source, now_ns: int) -> list[Event]:
        """Return what there is to say when frames were lost since the last time."""
        dropped = self._dropped_before + source.dropped
        lost, self._dropped = dropped - self._dropped, dropped
        if not lost:
            return []
        text = f"{lost} frames came faster than they were looked at: what was in them is not known"
        facts = {"dropped": dropped, "of": self.watch.frames + dropped}
        return [Sighting(self._device.name, EventKind.DROPS, text, now_ns, count=lost, facts=facts)]

    def _remarks(self, source: Source, now_ns: int) -> list[Event]:
        """Return what concerns the tap itself, each once."""
        said: list[Event] = []
        if self.watch.fault is not None:
            said += self._once(f"a dissector failed: {self.watch.fault!r}"[:200], now_ns, EventKind.FAULT)
        if isinstance(source, Player) and source.over:
            said += self._once(" ".join(["the capture is at its end", *source.notes])[:200], now_ns)
        return said

    def _once(self, text: str, now_ns: int, kind: EventKind = EventKind.ACCEPTED) -> list[Event]:
        if text in self._told or len(self._told) >= MOST_TOLD:
            return []
        self._told.add(text)
        return [Event(self._device.name, kind, text, now_ns)]


def _filter(brokers: Sequence[tuple[str, int]], device: TapDevice, loopback: bool) -> bytes:  # noqa: FBT001
    ports = sorted({*PORTS, *device.ports})
    return program(loopback=loopback, brokers=brokers, ports=ports, hosts=device.hosts)
