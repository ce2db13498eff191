"""What the metrics are read from: the parts of one gateway, asked once for each page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.health import Health
from gateway.overview import overview
from gateway.plant import Plant
from gateway.store.audit import Audit
from gateway.store.store import Store
from gateway.store.work import StoreStats
from gateway.uplink.publisher import Publisher


@dataclass(frozen=True, kw_only=True)
class Source:
    """A gateway as it is now. Times are UTC nanoseconds."""

    plant: Plant
    store: Store
    publisher: Publisher
    audit: Audit
    health: Health
    now_ns: int
    synchronised: bool
    hours_until_full: float | None
    store_max_bytes: int
    page: Mapping[str, int]
    """How often pages were asked, and refused; what was pushed."""

    @cached_property
    def devices(self) -> Mapping[str, Mapping[str, Any]]:
        """What is known of each device's link."""
        return self.plant.devices()

    @cached_property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        """What is known of each conversation."""
        return self.plant.lines()

    @cached_property
    def alarms(self) -> Mapping[str, Any]:
        """How the alarms are as a whole."""
        return overview(self.plant.pipeline, self.now_ns)

    @property
    def stats(self) -> StoreStats:
        """The numbers of the store."""
        return self.store.stats
