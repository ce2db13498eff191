"""What is at work now, for everybody who asks: a reload replaces configuration and plant, everything else stays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from detectors.detector import Learned
from gateway import __version__
from gateway.clocksync import synchronised
from gateway.config import Config
from gateway.growth import Growth
from gateway.health import Health, judge
from gateway.overview import overview
from gateway.plant import Plant
from gateway.store.audit import Audit
from gateway.store.store import Store
from gateway.store.work import StoreStats
from gateway.timeline import Timeline
from gateway.uplink.format import Readings
from gateway.uplink.payload import iso


@dataclass(slots=True, kw_only=True)
class Running:
    """The parts of a gateway that has begun to serve."""

    config: Config
    plant: Plant
    store: Store
    audit: Audit
    clock: Timeline
    growth: Growth

    def health(self) -> Health:
        """Return how the gateway is."""
        return self._judged(chain.from_iterable(self.plant.pipeline.learned().values()))

    def condition(self) -> Health:
        """Return how it is but for how far its checks have learned, which takes no points off and a while to gather."""
        return self._judged(())

    def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a command on an alarm; return its new state, or why it cannot be done."""
        return self.plant.command(command)

    def readings(self, device: str) -> Readings:
        """Return the points of `device`, and the last reading of each."""
        return self.plant.readings(device)

    def links(self) -> Mapping[str, bool]:
        """Return of each device whether it answers."""
        return self.plant.answering()

    def status(self) -> Mapping[str, Any]:
        """Return the body of the status message."""
        health, stats = self.health(), self.store.stats
        return {
            "since": iso(self.clock.since_ns),
            "version": __version__,
            "state": health.state,
            "health": health.score,
            "why": list(health.why),
            "clock": "synchronised" if synchronised() else "free",
            "store": {**_told(stats), "hours_until_full": self.growth.hours_until_full},
            "audit": {"entries": self.audit.end.n, "hash": self.audit.end.hash},
            "alarms": overview(self.plant.pipeline, self.clock()),
            "devices": self.plant.devices(),
        }

    def _judged(self, learned: Iterable[Learned]) -> Health:
        alarms, fault, hours = self.plant.pipeline.alarms, self.store.stats.fault, self.growth.hours_until_full
        return judge(self.plant.answering(), alarms, fault, hours, learned)


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
