"""The week of a soak: what happens to the daemon, when, and what is seen of it meanwhile."""

import argparse
import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import soak_watch
from paho.mqtt.client import Client, MQTTMessage
from soak_rig import Rig
from soak_troubles import DAY_S, HOSTILE, STRANGE, Trouble, troubles

from gateway.demo.link import Link

SAMPLE_S = 0.5
"""Real seconds between two looks at the process."""
COUNTED = ("polls", "timeouts", "skipped")
"""Counters of a device that the status tells."""


@dataclass
class Week:
    """One run: what happened, what was seen."""

    rig: Rig
    link: Link
    asked: argparse.Namespace
    mqtt: Client
    samples: list[soak_watch.Sample] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    marks: list[tuple[float, str]] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    variant: int = 0
    cut_until_s: float = 0.0

    async def run(self) -> None:
        """Let all troubles happen at their time, and look at the daemon meanwhile."""
        self.configure()
        self.rig.start()
        self.rig.listen()
        due, watching = troubles(self.asked.days, self.asked.seed), asyncio.create_task(self._watch())
        for trouble in due:
            await self._until(trouble.at_s)
            if watching.done():
                break
            await self._happen(trouble)
        await self._until(self.asked.days * DAY_S)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    def configure(self) -> None:
        """Write the configuration as it is now."""
        self.rig.configure(every_s=self.asked.every, window_s=self.asked.window, variant=self.variant)

    async def _until(self, at_s: float) -> None:
        """Wait for a simulated second; mend the link when it is time."""
        while self.rig.now_s < at_s:
            if not self.link.up and self.rig.now_s >= self.cut_until_s:
                with suppress(OSError):  # a connection of somebody else has the port for a moment: the next turn
                    await self.link.mend()
            await asyncio.sleep(min(0.1, max(0.001, (at_s - self.rig.now_s) / self.rig.speed)))

    async def _happen(self, trouble: Trouble) -> None:
        self.happened[trouble.do] += 1
        if trouble.do in ("kill", "long outage"):
            self.marks.append((self.rig.now_s, trouble.do))
        await getattr(self, "_" + trouble.do.replace(" ", "_"))(trouble.by)

    async def _outage(self, for_s: float) -> None:
        self.cut_until_s = max(self.cut_until_s, self.rig.now_s + for_s)
        if self.link.up:
            await self.link.cut()

    _long_outage = _outage

    async def _kill(self, _: float) -> None:
        self.rig.kill()
        self.configure()  # the file may be a bad one
        await asyncio.to_thread(self.rig.start)

    async def _reload(self, _: float) -> None:
        self.variant = 1 - self.variant
        self.configure()
        self.rig.reload()

    async def _bad_reload(self, _: float) -> None:
        self.rig.file.write_text("gateway: [unclosed\n")
        self.rig.reload()

    async def _clock(self, by_s: float) -> None:
        self.rig.set_clock(by_s)

    async def _commands(self, _: float) -> None:
        for body in HOSTILE:
            self.mqtt.publish("gridsentinel/soak/gw/command", body, qos=1)

    async def _strangers(self, _: float) -> None:
        await asyncio.gather(*(self._say(words) for words in STRANGE))

    async def _say(self, words: bytes) -> None:
        """Say something to the status socket, and listen to what it answers."""
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_unix_connection(self.rig.state / "status.sock")
            writer.write(words)
            async with asyncio.timeout(1):
                await reader.read()
            writer.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            with suppress(OSError):  # between two lives there is nothing to see
                taken = soak_watch.sample(self.rig.pid, self.rig.now_s, self.rig.lives, self.rig.state)
                if taken.rss_mb:
                    self.samples.append(taken)

    def told(self, message: MQTTMessage) -> None:
        """Take the counters of a status; they begin anew with a life, and with a reload that changes a device."""
        status = json.loads(message.payload)
        for device, counters in status.get("devices", {}).items():
            for word in COUNTED:
                before, self.counted[device, word] = self.counted[device, word], counters[word]
                self.totals[word] += counters[word] - (before if counters[word] >= before else 0)
