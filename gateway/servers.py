"""Those who answer for the gateway: to the broker's consumers, to local users, to Prometheus and OpenTelemetry."""

import asyncio
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.clocksync import synchronised
from gateway.config.model import MetricsPage
from gateway.config.otel import OtelExport
from gateway.description import describe
from gateway.evidence.shelf import FOLDER
from gateway.following import Following
from gateway.keeper import Keeper
from gateway.local.evidence import Evidence
from gateway.local.learn import Learn
from gateway.local.report import Report
from gateway.running import Running
from gateway.uplink.format import Sources
from gateway.uplink.formats import build
from gateway.uplink.logbook import Logbook
from gateway.uplink.publisher import Publisher

if TYPE_CHECKING:
    from gateway.metrics.exporter import Exporter
    from gateway.metrics.source import Source
    from gateway.page.serve import Page


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


def report(running: Running, publisher: Publisher, keeper: Keeper) -> Report:
    """Return who knows the answers of the status socket."""
    return Report(
        store=running.store,
        publisher=publisher,
        plant=lambda: running.plant,
        status=running.status,
        clock=running.clock,
        max_bytes=running.config.store.max_bytes,
        learn=Learn(
            pipeline=lambda: running.plant.pipeline, clock=running.clock, audit=running.audit, keep=keeper.facts
        ),
        evidence=Evidence(running.config.gateway.state_dir / FOLDER, lambda: running.plant.witness),
    )


class Metrics:
    """The page of numbers and their export, where the configuration says so; else none of their code is loaded."""

    def __init__(self, running: Running, publisher: Publisher, local: "LocalPage") -> None:
        self._running, self._publisher, self._local = running, publisher, local
        self._page, self._export = Following("metrics", self._serve), Following("otel", self._push)
        self._exporter: Exporter | None = None

    async def serve(self, group: asyncio.TaskGroup) -> None:
        """Serve where the configuration says now, in place of what was served before."""
        await self._page.follow(self._running.config.metrics, group)
        await self._export.follow(self._running.config.otel, group)

    async def close(self) -> None:
        """Serve no more, and give the port back."""
        await self._page.close()
        await self._export.close()

    async def _serve(self, wanted: MetricsPage) -> None:
        from gateway.metrics.serve import serving  # noqa: PLC0415

        await serving(wanted.listen, source=self._source, health=self._running.health).run()

    async def _push(self, wanted: OtelExport) -> None:
        from gateway.metrics.exporter import Exporter  # noqa: PLC0415

        identity = self._running.config.gateway
        self._exporter = Exporter(wanted, identity, lambda: self._source({}), random=random.random, sleep=asyncio.sleep)
        try:
            await self._exporter.run()
        finally:
            self._exporter = None

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
            page={**page, **self._local.counted(), **(self._exporter.counted() if self._exporter else {})},
        )


class LocalPage:
    """The local page, where the configuration says so; a reload may move it."""

    def __init__(self, running: Running, report: Report) -> None:
        self._running, self._report = running, report
        self._page: Page | None = None

    async def serve(self, group: asyncio.TaskGroup) -> None:
        """Serve where the configuration says now, and to whom."""
        wanted = self._running.config.page
        if self._page is None and wanted is not None:
            from gateway.page.serve import Page  # noqa: PLC0415 - without it, none of its code is loaded

            self._page = Page(self._running, self._report.answer)
        if self._page is not None:
            await self._page.serve(wanted, group)

    def counted(self) -> Mapping[str, int]:
        """Return what it counts of itself, nothing where it is not served."""
        return self._page.counted() if self._page is not None else {}

    async def close(self) -> None:
        """Serve no more."""
        if self._page is not None:
            await self._page.close()
