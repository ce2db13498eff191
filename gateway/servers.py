"""Those who answer for the gateway: to the broker's consumers, to a local user, to Prometheus."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.clocksync import synchronised
from gateway.config.model import MetricsPage
from gateway.description import describe
from gateway.evidence.shelf import FOLDER
from gateway.keeper import Keeper
from gateway.local.evidence import Evidence
from gateway.local.learn import Learn
from gateway.local.report import Report
from gateway.local.server import StatusServer
from gateway.running import Running
from gateway.uplink.format import Sources
from gateway.uplink.formats import build
from gateway.uplink.logbook import Logbook
from gateway.uplink.publisher import Publisher

if TYPE_CHECKING:
    from gateway.metrics.source import Source


def publisher(running: Running, logbook: Logbook) -> Publisher:
    """Return who speaks to the broker."""
    uplink, identity = running.config.uplink, running.config.gateway
    sources = Sources(
        birth=lambda: describe(running.plant.config),
        status=running.status,
        gaps=running.store.losses,
        command=running.command,
        readings=running.readings,
        links=running.links,
        alarms=lambda: running.plant.pipeline.alarms,
        states=running.store,
        journal=logbook,
    )
    return Publisher(uplink, identity, running.store, build(uplink, identity, sources))


def status_server(running: Running, publisher: Publisher, keeper: Keeper) -> StatusServer:
    """Return who answers at the status socket."""
    directory = running.config.gateway.state_dir
    report = Report(
        store=running.store,
        publisher=publisher,
        plant=lambda: running.plant,
        status=running.status,
        clock=running.clock,
        max_bytes=running.config.store.max_bytes,
        learn=Learn(
            pipeline=lambda: running.plant.pipeline, clock=running.clock, audit=running.audit, keep=keeper.facts
        ),
        evidence=Evidence(directory / FOLDER, lambda: running.plant.witness),
    )
    return StatusServer(directory, report.answer)


class Metrics:
    """The page of numbers, where the configuration says so; a reload may move it."""

    def __init__(self, running: Running, publisher: Publisher) -> None:
        self._running, self._publisher = running, publisher
        self._served: MetricsPage | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(self, group: asyncio.TaskGroup) -> None:
        """Serve where the configuration says now, in place of what was served before."""
        wanted = self._running.config.metrics
        if wanted == self._served:
            return
        await self.close()
        self._served = wanted
        if wanted is not None:
            from gateway.metrics.serve import serving  # noqa: PLC0415 - without it, none of its code is loaded

            server = serving(wanted.listen, source=self._source, health=self._running.health)
            self._task = group.create_task(server.run(), name="metrics")

    async def close(self) -> None:
        """Serve no more, and give the port back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _source(self, page: Mapping[str, int]) -> "Source":
        from gateway.metrics.source import Source  # noqa: PLC0415

        running = self._running
        return Source(
            plant=running.plant,
            store=running.store,
            publisher=self._publisher,
            audit=running.audit,
            health=running.health(),
            now_ns=running.clock(),
            synchronised=synchronised(),
            hours_until_full=running.growth.hours_until_full,
            store_max_bytes=running.config.store.max_bytes,
            page=page,
        )
