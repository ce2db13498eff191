"""The composition root: starts from the broker backwards, stops from the devices forwards.

A stop: no more polls, carry what waits, close the windows, flush the disk, a grace for the broker; over within 2 s.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from gateway import __version__
from gateway.clocksync import synchronised
from gateway.config import Config, ConfigError, Fault
from gateway.config.apart import load_beside
from gateway.description import describe, fingerprint
from gateway.evidence.shelf import FOLDER
from gateway.growth import Growth
from gateway.health import Health, judge, notify, watchdog_s
from gateway.integrity import Integrity
from gateway.keeper import Keeper
from gateway.local.evidence import Evidence
from gateway.local.learn import Learn
from gateway.local.report import Report
from gateway.local.server import StatusServer
from gateway.log import set_up
from gateway.memory import Memory, remembered
from gateway.overview import overview
from gateway.plant import Plant
from gateway.store.audit import SEALED, STARTED, STOPPED, Audit
from gateway.store.limits import Limits
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.store.work import StoreStats
from gateway.timeline import Timeline
from gateway.uplink.format import Readings, Sources
from gateway.uplink.formats import build
from gateway.uplink.logbook import Logbook
from gateway.uplink.payload import iso
from gateway.uplink.publisher import Publisher
from protocols.model import Read

if TYPE_CHECKING:
    from gateway.metrics.source import Source

log = structlog.get_logger()

FLUSH_S = 0.8
"""How long a stop waits for the disk."""
GRACE_S = 0.5
"""How long a stop goes on sending what is stored."""
DRAIN_S = 0.2
"""How long a stop waits for the last acknowledgements; with all of these below the 2 s that a stop may take."""
LOOK_S = 1.0
"""How often the gateway looks at its own health; a change is published at once."""

STALL_S = 120.0
"""A broker that is connected, while messages wait, acknowledges within this time, or the watchdog is no longer fed."""


class Order(Enum):
    """What the gateway can be told; what is told twice before its turn is done once."""

    STOP = "stop"
    RELOAD = "reload"
    RECOLLECT = "recollect"


class Gateway:
    """The daemon of one configuration file."""

    def __init__(self, path: Path, config: Config, *, grace_s: float = GRACE_S, clock: Timeline | None = None) -> None:
        self.config, self._path, self._grace_s = config, path, grace_s
        self.clock = clock or Timeline()
        self._keeper = Keeper(config.gateway.state_dir, self._learned, self._facts, self._sealed)
        self._growth = Growth(Limits.of(config.store).other_bytes)
        self._integrity = Integrity(
            path, config.gateway.state_dir, include=self._include, put=self._put, clock=self.clock
        )  # fmt: skip
        self._metrics: list[asyncio.Task[None]] = []
        self._orders: dict[Order, None] = {}
        self._ordered, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Serve until ordered to stop."""
        directory = self.config.gateway.state_dir
        self.store = await Store.open(directory, self.config.store)
        self.audit = await Audit.open(directory, self.clock)
        self._logbook = Logbook(self.audit, self.clock, time.monotonic)
        try:
            await self._serve()
        except BaseException as error:
            self.audit.note("failed", "gateway", error=type(error).__name__)
            raise
        finally:
            await self.store.close()
            await self.audit.close()

    def _learned(self) -> bytes:
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

    def order(self, order: Order) -> None:
        """Take an order; it is carried out after those before it, but for a stop, which waits for none."""
        self._orders[order] = None
        self._ordered.set()
        if order is Order.STOP:
            self._stopping.set()

    def look_at_itself(self) -> None:
        """Look soon whether code, configuration and audit log are what they were, and not only tomorrow."""
        self._integrity.again()

    def health(self) -> Health:
        """Return how the gateway is."""
        pipeline, fault = self.plant.pipeline, self.store.stats.fault
        hours, far = self._growth.hours_until_full, chain.from_iterable(pipeline.learned().values())
        return judge(self.plant.answering(), pipeline.alarms, fault, hours, far)

    async def _serve(self) -> None:
        self.plant = Plant(self.config, self.store, await self._remembered(), self.clock, self.audit)
        self._forgetful = self.store.stats.fault is not None
        self.publisher = self._publisher()
        config_hash = fingerprint(self.config)
        self.audit.note(STARTED, "gateway", version=__version__, config=config_hash, previous=self.audit.previous)
        if self.audit.previous == "unclean":
            log.warning("stopped_uncleanly", previous="the run before ended without a stop")
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.publisher.run(), name="publisher"),
                group.create_task(self.store.watch(), name="store"),
                group.create_task(self._look(), name="health"),
                group.create_task(self._keeper.run(), name="learned"),
                group.create_task(self._integrity.run(), name="integrity"),
                group.create_task(self._status_server().run(), name="status"),
            ]
            await self._serve_metrics(group)
            await self.plant.start(group)
            log.info("started", version=__version__, devices=len(self.config.devices), points=len(self.plant.points))
            self._ready()
            while (order := await self._next_order()) is not Order.STOP:
                await (self._reload(group) if order is Order.RELOAD else self._recollect(group))
            notify("STOPPING=1")
            await self._stop()
            for task in (*tasks, *self._metrics):
                task.cancel()
        self._logbook.tell(now=True)
        self.audit.note(STOPPED, "gateway")

    async def _next_order(self) -> Order:
        while not self._orders:
            self._ordered.clear()
            await self._ordered.wait()
        order = Order.STOP if self._stopping.is_set() else next(iter(self._orders))
        del self._orders[order]
        return order

    async def _stop(self) -> None:
        began = time.monotonic()
        await self.plant.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.store.flush(), FLUSH_S)
            await asyncio.wait_for(self.publisher.emptied(), self._grace_s)
        await self.publisher.drain(DRAIN_S)
        await self._keeper.last()
        log.info("stopped", seconds=round(time.monotonic() - began, 3))

    async def _reload(self, group: asyncio.TaskGroup) -> None:
        """Replace the plant by that of the new configuration, or keep the old one and say why."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            new = await self._loaded()
            if new is None:
                return
            config = _reloadable(new, self.config, self._path)
        except ConfigError as error:
            self.audit.note(
                "reload", "gateway", outcome="refused", faults=len(error.faults), first=str(error.faults[0])
            )
            for fault in error.faults:
                log.error("reload_refused", fault=str(fault))  # noqa: TRY400 - the fault is the operator's, not ours
        except OSError as error:  # the other process: no memory for it, or somebody ended it
            self.audit.note("reload", "gateway", outcome="refused", first=str(error))
            log.error("reload_refused", fault=str(error))  # noqa: TRY400 - nothing of ours to trace
        else:
            moved = config.metrics != self.config.metrics
            self.config = config
            set_up(config.log)
            self.audit.note("reload", "gateway", outcome="good", config=fingerprint(config))
            await self._replace(group, Memory())
            if moved:
                await self._serve_metrics(group)
            self.publisher.birth_now()
            self._integrity.again()
            log.info("reloaded", devices=len(config.devices), points=len(self.plant.points))
        self._ready()

    def _ready(self) -> None:
        """Tell systemd, for `systemctl status`, and the log what to do next while there is nothing to poll."""
        devices, points = len(self.config.devices), len(self.plant.points)
        if not devices:
            log.warning("nothing_to_poll", next=f"name devices in {self._path}, then reload")
        told = f"{devices} devices, {points} points" if devices else f"nothing to poll: name devices in {self._path}"
        notify(f"READY=1\nSTATUS={told}")

    async def _loaded(self) -> Config | None:
        """Return what the file says now; None if a stop is ordered first."""
        loading = asyncio.create_task(load_beside(self._path), name="reload")
        stopping = asyncio.create_task(self._stopping.wait(), name="reload:stop")
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if loading.done():
            return loading.result()
        loading.cancel()
        await asyncio.wait((loading,))
        return None

    async def _recollect(self, group: asyncio.TaskGroup) -> None:
        """Take up what the store remembers, now that it can be read: at the start it could not."""
        await self._replace(group, await self._remembered())
        self._forgetful = self.store.stats.fault is not None
        log.info("memory_recovered", alarms=len(self.plant.pipeline.alarms))

    async def _replace(self, group: asyncio.TaskGroup, older: Memory) -> None:
        """Go on with a new plant, which knows what the present one knows, and of `older` what is not newer there."""
        await self.plant.stop()
        self.plant = Plant(self.config, self.store, self.plant.memory().over(older), self.clock, self.audit)
        await self.plant.start(group)

    def _publisher(self) -> Publisher:
        uplink, identity = self.config.uplink, self.config.gateway
        return Publisher(uplink, identity, self.store, build(uplink, identity, self._sources()))

    def _sources(self) -> Sources:
        return Sources(
            birth=lambda: describe(self.plant.config),
            status=self._status,
            gaps=self.store.losses,
            command=self._command,
            readings=self._readings,
            links=self._links,
            alarms=lambda: self.plant.pipeline.alarms,
            states=self.store,
            journal=self._logbook,
        )

    def _status_server(self) -> StatusServer:
        report = Report(
            store=self.store,
            publisher=self.publisher,
            plant=lambda: self.plant,
            status=self._status,
            clock=self.clock,
            max_bytes=self.config.store.max_bytes,
            learn=Learn(
                pipeline=lambda: self.plant.pipeline, clock=self.clock, audit=self.audit, keep=self._keeper.facts
            ),
            evidence=Evidence(self.config.gateway.state_dir / FOLDER, lambda: self.plant.witness),
        )
        return StatusServer(self.config.gateway.state_dir, report.answer)

    async def _serve_metrics(self, group: asyncio.TaskGroup) -> None:
        """Serve the page of numbers where the configuration now says, in place of what was served before."""
        for task in self._metrics:
            task.cancel()
        await asyncio.gather(*self._metrics, return_exceptions=True)  # its port may be wanted again
        self._metrics = []
        if self.config.metrics is not None:
            from gateway.metrics.serve import serving  # noqa: PLC0415 - without it, none of its code is loaded

            server = serving(self.config.metrics.listen, source=self._source, health=self.health)
            self._metrics = [group.create_task(server.run(), name="metrics")]

    def _source(self, page: Mapping[str, int]) -> "Source":
        from gateway.metrics.source import Source  # noqa: PLC0415

        return Source(
            plant=self.plant,
            store=self.store,
            publisher=self.publisher,
            audit=self.audit,
            health=self.health(),
            now_ns=self.clock(),
            synchronised=synchronised(),
            hours_until_full=self._growth.hours_until_full,
            store_max_bytes=self.config.store.max_bytes,
            page=page,
        )

    def _command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.plant.command(command)  # asked when needed: a reload replaces the plant

    def _readings(self, device: str) -> Readings:
        return self.plant.readings(device)

    def _links(self) -> Mapping[str, bool]:
        return self.plant.answering()

    def _status(self) -> Mapping[str, Any]:
        health, stats = self.health(), self.store.stats
        return {
            "since": iso(self.clock.since_ns),
            "version": __version__,
            "state": health.state,
            "health": health.score,
            "why": list(health.why),
            "clock": "synchronised" if synchronised() else "free",
            "store": {**_told(stats), "hours_until_full": self._growth.hours_until_full},
            "audit": {"entries": self.audit.end.n, "hash": self.audit.end.hash},
            "alarms": overview(self.plant.pipeline, self.clock()),
            "devices": self.plant.devices(),
        }

    async def _look(self) -> None:
        """Publish changes of health, and feed the watchdog while time passes in the pipeline."""
        said, ticks, every_s = Health(100, "", ()), -1, watchdog_s()
        while True:
            await asyncio.sleep(min(LOOK_S, every_s / 2) if every_s else LOOK_S)
            self._note_numbers()
            health = self.health()
            if health.state != said.state:
                log.info("health", state=health.state, score=health.score, why=list(health.why))
            if (health.state, health.score) != (said.state, said.score):
                said = health
                self.publisher.status_now()
            if every_s and self.plant.flow.ticks != ticks and not self._stalled():
                notify("WATCHDOG=1")
            ticks = self.plant.flow.ticks
            if self._forgetful and self.store.stats.fault is None:
                self._forgetful = False
                self.order(Order.RECOLLECT)

    def _note_numbers(self) -> None:
        """Follow what only shows over time: the store's growth, and commands that nobody heard."""
        size = self.store.stats.bytes
        self._growth.look(time.monotonic(), sum(size.values()) - size.get(Stream.ALARM, 0))
        self._logbook.swallowed(self.publisher.commands_swallowed)
        self._logbook.tell()

    def _stalled(self) -> bool:
        """Whether messages wait and the broker is there, yet nothing has been acknowledged for too long."""
        silent_s = time.monotonic() - self.publisher.last_ack_s
        waiting = sum(self.store.stats.rows.values()) - self.publisher.held
        return self.publisher.connected and waiting > 0 and silent_s > STALL_S


def _reloadable(new: Config, old: Config, path: Path) -> Config:
    """Return `new` if it can be taken up while running.

    Raises:
        ConfigError: who the gateway is, its store and its broker change only with a restart.
    """
    fixed = [key for key in ("gateway", "uplink", "store") if getattr(new, key) != getattr(old, key)]
    if fixed:
        text = f"{' and '.join(fixed)} changed, which needs a restart; everything else is taken up by a reload"
        raise ConfigError((Fault(str(path), 1, 1, fixed[0], text),))
    return new


def _told(stats: StoreStats) -> dict[str, Any]:
    """Return the numbers of the store that the status message tells."""
    return {
        "waiting": dict(stats.rows),
        "last_seq": dict(stats.last),
        "dropped": dict(stats.dropped),
        "bytes": stats.db_bytes + stats.wal_bytes,
        "pending_bytes": stats.pending_bytes,
        "fault": stats.fault,
    }
