"""The composition root: starts from the broker backwards, stops from the devices forwards.

A stop: no more polls, carry what waits, close the windows, flush the disk, a grace for the broker; over within 2 s.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from gateway import __version__
from gateway.config import Config
from gateway.description import fingerprint
from gateway.exchange import exchange
from gateway.growth import Growth
from gateway.health import Health, notify
from gateway.integrity import Integrity
from gateway.keeper import Keeper
from gateway.local.server import StatusServer
from gateway.log import set_up
from gateway.memory import Memory, remembered
from gateway.number import number_of
from gateway.orders import Order, Orders
from gateway.plant import Plant
from gateway.pulse import Pulse
from gateway.reload import read_anew
from gateway.running import Running
from gateway.servers import LocalPage, Metrics, publisher, report
from gateway.spare import collect
from gateway.store.audit import SEALED, STARTED, STOPPED, Audit
from gateway.store.limits import Limits
from gateway.store.store import Store
from gateway.timeline import Timeline
from gateway.uplink.logbook import Logbook
from protocols.model import Read

log = structlog.get_logger()

FLUSH_S = 0.8
"""How long a stop waits for the disk."""
GRACE_S = 0.5
"""How long a stop goes on sending what is stored."""
DRAIN_S = 0.2
"""How long a stop waits for the last acknowledgements; with all of these below the 2 s that a stop may take."""


class Gateway:
    """The daemon of one configuration file."""

    def __init__(self, path: Path, config: Config, *, grace_s: float = GRACE_S, clock: Timeline | None = None) -> None:
        self.config, self._path, self._grace_s = config, path, grace_s
        self.clock = clock or Timeline()
        self._orders = Orders()
        self._keeper = Keeper(config.gateway.state_dir, self._learned, self._facts, self._sealed)
        self._integrity = Integrity(
            path, config.gateway.state_dir, include=self._include, put=self._put, clock=self.clock
        )  # fmt: skip

    @property
    def ending(self) -> asyncio.Event:
        """Is set as soon as a stop is ordered, or a fault ends it."""
        return self._orders.stopping

    @property
    def plant(self) -> Plant:
        """What is polled and checked now; a reload replaces it."""
        return self._running.plant

    async def run(self) -> None:
        """Serve until ordered to stop."""
        directory = self.config.gateway.state_dir
        self.store = await Store.open(directory, self.config.store)
        self.audit = await Audit.open(directory, self.clock)
        try:
            await self._serve()
        except BaseException as error:
            self.audit.note("failed", "gateway", error=type(error).__name__)
            raise
        finally:
            await self.store.close()
            await self.audit.close()

    def order(self, order: Order) -> None:
        """Take an order; it is carried out after those before it, but for a stop, which waits for none."""
        self._orders.give(order)

    def health(self) -> Health:
        """Return how the gateway is."""
        return self._running.health()

    def look_at_itself(self) -> None:
        """Look soon whether code, configuration and audit log are what they were, and not only tomorrow."""
        self._integrity.again()

    def _learned(self) -> Iterable[bytes]:
        return self.plant.learned()  # asked when needed: a reload replaces the plant

    def _facts(self) -> Mapping[str, Mapping[str, Any]] | None:
        return self.plant.facts()

    async def _sealed(self, seal: str) -> None:
        self.audit.note(SEALED, "gateway", sha256=seal)
        await self.audit.settled()

    def _include(self) -> Sequence[str]:
        return self.config.include

    async def _put(self, seen: Read) -> None:
        await self.plant.flow.put(seen)  # asked when needed, too

    async def _remembered(self) -> Memory:
        return await remembered(self.store, self.config.gateway.state_dir)

    async def _serve(self) -> None:
        memory = await self._remembered()
        running = self._running = Running(
            config=self.config,
            plant=Plant(self.config, self.store, self.clock, self.audit),
            store=self.store,
            audit=self.audit,
            clock=self.clock,
            growth=Growth(Limits.of(self.config.store).other_bytes),
        )
        logbook = Logbook(self.audit, self.clock, time.monotonic)
        self.publisher = publisher(running, logbook)
        answers = report(running, self.publisher, self._keeper)
        self._local = LocalPage(running, answers)
        self._metrics = Metrics(running, self.publisher, self._local)
        self._pulse = Pulse(running, self.publisher, logbook, recollect=lambda: self.order(Order.RECOLLECT))
        self._say_started()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.publisher.run(), name="publisher"),
                group.create_task(self.store.watch(), name="store"),
                group.create_task(self._pulse.run(), name="health"),
                group.create_task(self._keeper.run(), name="learned"),
                group.create_task(self._integrity.run(), name="integrity"),
                group.create_task(StatusServer(self.config.gateway.state_dir, answers.answer).run(), name="status"),
            ]
            await self._metrics.serve(group)
            await self._local.serve(group)
            await self.plant.start(group, memory)
            log.info("started", version=__version__, devices=len(self.config.devices), points=len(self.plant.points))
            self._ready()
            await asyncio.to_thread(collect)
            try:
                while (order := await self._orders.next()) is not Order.STOP:
                    await (self._reload(group) if order is Order.RELOAD else self._recollect(group))
            finally:
                self.ending.set()
            notify("STOPPING=1")
            await self._stop()
            for task in tasks:
                task.cancel()
            await self._metrics.close()
            await self._local.close()
        logbook.tell(now=True)
        self.audit.note(STOPPED, "gateway")

    def _say_started(self) -> None:
        config, previous = fingerprint(self.config), self.audit.previous
        self.audit.note(STARTED, "gateway", version=__version__, config=config, previous=previous)
        if previous == "unclean":
            log.warning("stopped_uncleanly", previous="the run before ended without a stop")

    async def _stop(self) -> None:
        began = time.monotonic()
        await self.plant.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self.store.flush()
            async with asyncio.timeout(self._grace_s):
                await self.publisher.emptied()
        await self.publisher.drain(DRAIN_S)
        await self._keeper.last()
        log.info("stopped", seconds=round(time.monotonic() - began, 3))

    async def _reload(self, group: asyncio.TaskGroup) -> None:
        """Replace the plant by that of the new configuration, or keep the old one and say why."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        stopping = self._orders.stopping
        config = await read_anew(self._path, self.config, audit=self.audit, stopping=stopping)
        if config is not None:
            self.config = config
            set_up(config.log)
            seal = await asyncio.to_thread(fingerprint, config)
            self.audit.note("reload", "gateway", outcome="good", config=seal)
            await self._replace(group)
            await self._metrics.serve(group)
            await self._local.serve(group)
            self.publisher.birth_now()
            self._integrity.taken_up()
            log.info("reloaded", devices=len(config.devices), points=len(self.plant.points))
        if not stopping.is_set():
            self._ready()
            await asyncio.to_thread(collect)

    def _ready(self) -> None:
        """Tell systemd, for `systemctl status`, and the log what to do next while there is nothing to poll."""
        devices, points = len(self.config.devices), len(self.plant.points)
        if not devices:
            log.warning("nothing_to_poll", next=f"name devices in {self._path}, then reload")
        told = f"{number_of(devices, 'device')}, {number_of(points, 'point')}"
        notify(f"READY=1\nSTATUS={told if devices else f'nothing to poll: name devices in {self._path}'}")

    async def _recollect(self, group: asyncio.TaskGroup) -> None:
        """Take up what the store remembers, now that it can be read: at the start it could not."""
        await self._replace(group, await self._remembered())
        self._pulse.forgetful = self.store.stats.fault is not None
        log.info("memory_recovered", alarms=len(self.plant.pipeline.alarms))

    async def _replace(self, group: asyncio.TaskGroup, older: Memory | None = None) -> None:
        """Go on with a new plant, which knows what the present one knows, and of `older` what is not newer there."""
        new = await asyncio.to_thread(Plant, self.config, self.store, self.clock, self.audit)
        await exchange(self._running, new, group, older=older)
