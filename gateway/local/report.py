"""The answers of the status socket: the whole picture of a running gateway, and the points of a device."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.core.image import Image
from gateway.local.alarms import ALARMS_SHOWN, told, worst
from gateway.local.checks import learned, reports
from gateway.local.cyber import cyber
from gateway.local.evidence import Evidence
from gateway.local.learn import Learn
from gateway.local.server import NotKnown
from gateway.plant import Plant
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.uplink.payload import gap_fields, iso
from gateway.uplink.publisher import Publisher
from protocols.model import Quality

POINTS_AT_ONCE = 1000
"""Points in one answer, which takes a few milliseconds; who wants more asks again."""
LOSSES_SHOWN = 100
"""Holes in an answer: the newest of all that there ever were."""
DISK_S = 1.0
"""How long an answer waits for the disk, which may hang; then it does without the holes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Reads; changes nothing but what is normal, by `learn`."""

    store: Store
    publisher: Publisher
    plant: Callable[[], Plant]
    status: Callable[[], Mapping[str, Any]]
    clock: Callable[[], int]
    max_bytes: int
    learn: Learn
    evidence: Evidence

    async def answer(self, asked: Mapping[str, Any], uid: int) -> Mapping[str, Any]:
        """Answer one question of the user `uid`.

        Raises:
            NotKnown: there is no answer to it.
        """
        match asked:
            case {"ask": "status"}:
                return await self._status()
            case {"ask": "points", "device": str(device)}:
                return self._points(device, asked.get("after", 0))
            case {"ask": "point", "point": str(label)}:
                return self._point(label)
            case {"ask": "reports"}:
                return self._reports(asked.get("kind"))
            case {"ask": "evidence"}:
                return await self.evidence.answer(asked)
            case {"ask": "learn"}:
                return await self.learn.answer(asked, uid)
        raise NotKnown("ask: not status, reports, learn, evidence, point, or points with a device")

    async def _status(self) -> Mapping[str, Any]:
        said, plant, stats = self.status(), self.plant(), self.store.stats
        oldest_ns = min(stats.oldest_ns.values(), default=0)
        return {
            **said,
            "time": iso(self.clock()),
            "store": {**said["store"], "max_bytes": self.max_bytes, "oldest": iso(oldest_ns), "faults": stats.faults},
            "uplink": self._uplink(),
            "ledger": {stream.value: self._stream(stream) for stream in Stream},
            "lost": await self._lost(),
            "lines": plant.lines(),
            "checks": learned(plant.pipeline.learned()),
            "alarms": {**said.get("alarms", {}), "worst": worst(plant.pipeline.alarms)},
            "cyber": cyber(plant.pipeline, plant.taps, plant.witness),
        }

    def _point(self, label: str) -> Mapping[str, Any]:
        """Return one point: its reading, the octets it came from, and what of the alarms is about it."""
        plant = self.plant()
        points, row = plant.points, plant.points.row(label)
        if row is None:
            raise NotKnown(f"point: there is no '{label[:129]}'")
        reading = _point(plant.pipeline.image, row, self.clock())
        device, name = points.device(row), points.names[row]
        active = [alarm for alarm in plant.pipeline.alarms if alarm.device == device and name in alarm.points]
        return {
            **reading,
            "unit": points.configs[row].unit,
            "read": plant.explained(row) if reading["age_s"] is not None else {},
            "alarms": [told(alarm) for alarm in active[:ALARMS_SHOWN]],
        }

    def _reports(self, kind: Any) -> Mapping[str, Any]:
        """Return the last report of each subject; of the days those that are open, as far as they have come."""
        pipeline = self.plant().pipeline
        days = {(day.kind, day.subject): day for day in pipeline.so_far()}
        found = {**pipeline.reports, **days}.values()
        kinds = sorted({report.kind for report in found})
        if kind is not None and kind not in kinds:
            raise NotKnown(f"kind: no reports of '{str(kind)[:64]}' yet, only {', '.join(kinds) or 'none at all'}")
        return {"kinds": kinds, "reports": reports(found, kind)}

    async def _lost(self) -> Sequence[Mapping[str, Any]] | None:
        """Return the holes, None while the disk refuses or hangs."""
        try:
            async with asyncio.timeout(DISK_S):
                losses = await self.store.losses()
        except TimeoutError:
            return None
        return None if losses is None else [gap_fields(gap) for gap in losses[-LOSSES_SHOWN:]]

    def _uplink(self) -> Mapping[str, Any]:
        words = ("connected", "connects", "published", "acked", "inflight", "last_error")
        return {word: getattr(self.publisher, word) for word in words}

    def _stream(self, stream: Stream) -> Mapping[str, int]:
        stats = self.store.stats
        numbers = {"last": stats.last, "waiting": stats.rows, "lost": stats.dropped}
        return {word: of.get(stream, 0) for word, of in numbers.items()}

    def _points(self, device: str, after: Any) -> Mapping[str, Any]:
        """Return at most POINTS_AT_ONCE points of `device`, those behind the first `after`."""
        plant = self.plant()
        rows = plant.points.rows_of.get(device)
        if rows is None:
            raise NotKnown(f"no device '{device[:64]}', only {', '.join(plant.points.devices)[:1000]}")
        if not isinstance(after, int) or after < 0:
            raise NotKnown("after: not a number of points")
        shown = rows[after : after + POINTS_AT_ONCE]
        points = {
            plant.points.names[row]: {
                "unit": plant.points.configs[row].unit, **_point(plant.pipeline.image, row, self.clock()),
            }
            for row in shown
        }  # fmt: skip
        return {"device": device, "count": len(rows), "points": points}


def _point(image: Image, row: int, now_ns: int) -> Mapping[str, Any]:
    """Return value, quality and age of a point; null where it was not read yet."""
    value, arrival_ns = float(image.values[row]), int(image.arrival_ns[row])
    quality = Quality(int(image.quality[row]))
    return {
        "value": value if np.isfinite(value) else None,
        "q": quality.value,
        "quality": [(flag.name or "").lower() for flag in quality],
        "age_s": round((now_ns - arrival_ns) / 1e9, 3) if arrival_ns else None,
        "time": iso(int(image.time_ns[row])),
    }
