"""The process image: the last reading of every point."""

import numpy as np

from protocols.model import Batch, Quality, Rows, span
from protocols.points import Points


class Image:
    """Arrays of one entry a row: `values` (NaN before the first reading), `quality`, `time_ns`, `arrival_ns`.

    `read` says what was read since the last frame.
    """

    def __init__(self, points: Points) -> None:
        self._points = points
        self.values = np.full(len(points), np.nan)
        self.quality = np.full(len(points), Quality.INVALID | Quality.OLD, np.uint16)
        self.time_ns = np.zeros(len(points), np.int64)
        self.arrival_ns = np.zeros(len(points), np.int64)
        self.read = np.zeros(len(points), np.bool_)

    def observe(self, batch: Batch) -> None:
        """Take the readings of `batch`."""
        at = span(batch.rows)
        self.values[at] = batch.values
        self.quality[at] = batch.quality
        self.time_ns[at] = batch.time_ns
        self.arrival_ns[at] = batch.arrival_ns
        self.read[at] = True

    def take_over(self, older: "Image", there: Rows, here: Rows) -> None:
        """Take the last readings of the rows `there` of an older image for the rows `here`."""
        for name in ("values", "quality", "time_ns", "arrival_ns", "read"):
            getattr(self, name)[here] = getattr(older, name)[there]

    def step(self, by_ns: int) -> None:
        """The clock was set: let the ages of the readings stay what they are. Their own times are their device's."""
        self.arrival_ns[self.arrival_ns > 0] += by_ns

    def lost(self, device: str, now_ns: int) -> Batch | None:
        """Mark the points of `device` as lost; return them as readings: last values, their own times, new quality."""
        rows = self._points.rows_of.get(device)
        if not rows:
            return None
        at = slice(rows.start, rows.stop)
        self.quality[at] |= np.uint16(Quality.COMM_LOST)
        return Batch(
            rows=np.arange(rows.start, rows.stop, dtype=np.int32),
            values=self.values[at].copy(),
            quality=self.quality[at].copy(),
            time_ns=self.time_ns[at].copy(),
            arrival_ns=now_ns,
        )
