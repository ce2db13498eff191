"""Report by exception: what is sent at once, outside its window, because it switched or moved.

A status of a device that tells a sequence of events is sent whenever it comes with a time that was not sent yet, also
where its value is known: a poll may have shown the state before the event of it came.
"""

from collections.abc import Sequence

import numpy as np

from gateway.core.messages import Change
from protocols.model import Batch, Rows, span
from protocols.points import Points


class Changes:
    """Remembers what was last sent of each status point and each point with a dead-band."""

    def __init__(self, points: Points) -> None:
        self._points = points
        deadband = points.column(lambda config: 0.0 if config.status and config.deadband is None else config.deadband)
        self._sequenced = points.column(lambda config: float(config.status and config.sequenced)).astype(np.bool_)
        self._watched = ~np.isnan(deadband)
        self._idle = not np.count_nonzero(self._watched)
        self._deadband = np.where(self._watched, deadband, np.inf)
        self._sent = np.full(len(points), np.nan)
        self._quality = np.zeros(len(points), np.uint16)
        self._time_ns = np.zeros(len(points), np.int64)

    def take_over(self, older: "Changes", there: Rows, here: Rows) -> None:
        """Know as sent what was sent of the rows `there` of an older configuration, which are `here` now."""
        for name in ("_sent", "_quality", "_time_ns"):
            getattr(self, name)[here] = getattr(older, name)[there]

    def observe(self, batch: Batch) -> Sequence[Change]:
        """Return one change a device whose points switched, moved beyond their dead-band or changed quality."""
        if self._idle:
            return ()
        at = span(batch.rows)
        watched = self._watched[at]
        if not np.count_nonzero(watched):
            return ()
        within = np.abs(batch.values - self._sent[at]) <= self._deadband[at]
        changed = ~within | (batch.quality != self._quality[at])
        if np.count_nonzero(self._sequenced[at]):
            changed |= self._sequenced[at] & (batch.time_ns != 0) & (batch.time_ns != self._time_ns[at])
        changed &= watched
        if not np.count_nonzero(changed):
            return ()
        return self._send(batch, np.flatnonzero(changed))

    def _send(self, batch: Batch, picked: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Sequence[Change]:
        rows, values, quality = batch.rows[picked], batch.values[picked], batch.quality[picked]
        still_none = np.isnan(values) & np.isnan(self._sent[rows]) & (quality == self._quality[rows])
        picked, rows, values, quality = (each[~still_none] for each in (picked, rows, values, quality))
        self._sent[rows], self._quality[rows] = values, quality
        self._time_ns[rows] = np.where(batch.time_ns[picked], batch.time_ns[picked], self._time_ns[rows])
        devices = self._points.device_of[rows]
        return [self._change(batch, picked[devices == device], int(device)) for device in sorted(set(devices.tolist()))]

    def _change(self, batch: Batch, picked: np.ndarray[tuple[int], np.dtype[np.intp]], device: int) -> Change:
        rows: Rows = batch.rows[picked]
        return Change(
            device=self._points.devices[device],
            time_ns=batch.arrival_ns,
            points=tuple(self._points.names[row] for row in rows),
            values=batch.values[picked],
            quality=batch.quality[picked],
            times_ns=batch.time_ns[picked],
        )
