"""Pushes the numbers to a collector, every so often: what is not taken is not kept, the next has it newer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from gateway.config.model import Identity
from gateway.config.otel import OtelExport
from gateway.metrics.collector import Collector, CollectorLost
from gateway.metrics.otlp import body
from gateway.metrics.source import Source
from gateway.metrics.table import METRICS
from gateway.uplink.backoff import Backoff

PAUSE_MAX_S: Final = 600.0
"""Longest pause after failures, and as long as a collector may have us wait."""

log = structlog.get_logger()


class Exporter:
    """Exports what `source` knows. A lost collector is tried again after pauses that double, by chance."""

    def __init__(
        self,
        export: OtelExport,
        identity: Identity,
        source: Callable[[], Source],
        *,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._every_s, self._identity, self._source = export.every_s, identity, source
        self._random, self._sleep = random, sleep
        self._collector = Collector(export)
        self._backoff = Backoff(export.every_s, PAUSE_MAX_S, random)
        self._sent = self._failed = self._rejected = 0
        self._said: str | None = ""

    async def run(self) -> None:
        """Export until cancelled; the first time by chance, so that a fleet does not come at once."""
        await self._sleep(self._random() * self._every_s)
        while True:
            pause_s = await self._pushed()
            await self._sleep(pause_s)

    def counted(self) -> Mapping[str, int]:
        """Return what it counts of itself."""
        return {"otel_sent": self._sent, "otel_failed": self._failed, "otel_rejected": self._rejected}

    async def _pushed(self) -> float:
        """Push once; return how long to wait then, in seconds."""
        try:
            self._rejected += await self._collector.send(body(METRICS, self._source(), self._identity))
        except CollectorLost as error:
            self._failed += 1
            pause_s = min(PAUSE_MAX_S, max(self._backoff.pause_s(0), error.wait_s, self._every_s))
            self._say(str(error))
            return pause_s
        self._sent += 1
        self._backoff.failures = 0
        self._say(None)
        return self._every_s

    def _say(self, reason: str | None) -> None:
        """Log how the collector is, where that has changed."""
        if reason == self._said:
            return
        self._said = reason
        if reason is None:
            log.info("otel_connected")
        else:
            log.warning("otel_lost", reason=reason)
