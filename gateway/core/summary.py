"""Windows: count, min, max, mean, last and worst quality of every point, instead of every reading."""

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.kept import put
from gateway.core.messages import Summary
from protocols.model import Batch, Quality, Rows, Span, span, usable
from protocols.points import Points

NS = 1_000_000_000
ONE = np.array(1, np.uint32)  # an array, as a scalar is made one with every call
SMALL_STEP_NS = 1_500_000_000
"""The clock may be set by so much, a leap second, and the open window goes on; beyond it another begins."""


class Windows:
    """The open window of all points; it begins at a whole multiple of its length. `good` counts usable readings.

    It closes when its time is over, or when the clock is set: so none is held open, and none is longer than it says but
    for a leap second.
    """

    def __init__(self, points: Points, window_s: float) -> None:
        self._points, self._length_ns = points, int(window_s * NS)
        self._names = {device: points.names[rows.start : rows.stop] for device, rows in points.rows_of.items()}
        self.good = 0
        self._start_ns = 0
        self._synchronised = self._throughout = False
        n = len(points)
        self._count, self._sum = np.zeros(n, np.uint32), np.zeros(n)
        self._min, self._max, self._last = np.full(n, np.inf), np.full(n, -np.inf), np.full(n, np.nan)
        self._quality = np.zeros(n, np.uint16)

    def observe(self, batch: Batch) -> None:
        """Add readings; values under an unusable quality leave only their quality."""
        at, values = span(batch.rows), batch.values
        if not batch.complete:
            quality = batch.quality | self._quality[at]
            self._quality[at] = quality
            good = usable(batch.quality)
            at, values = batch.rows[good], values[good]
        self.good += len(values)
        count, total, least, most = self._count[at], self._sum[at], self._min[at], self._max[at]
        count += ONE
        total += values
        np.minimum(least, values, out=least)
        np.maximum(most, values, out=most)
        put(self._count, at, count)
        put(self._sum, at, total)
        put(self._min, at, least)
        put(self._max, at, most)
        self._last[at] = values

    def take_over(self, older: "Windows", there: Rows, here: Rows) -> None:
        """Go on with the open window of the rows `there` of `older`, here `here`; nothing of them is left there."""
        for name in ("_start_ns", "_synchronised", "_throughout"):
            setattr(self, name, getattr(older, name))
        for name in ("_count", "_sum", "_min", "_max", "_last", "_quality"):
            getattr(self, name)[here] = getattr(older, name)[there]
        older.clear(there)

    def turn(self, now_ns: int, quality: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Sequence[Summary]:
        """Close the window when `now_ns` lies outside it; `quality` of the process image carries over losses.

        What comes late counts to the open one: a closed window is never opened again.
        """
        if now_ns < self._start_ns + self._length_ns:
            return ()
        closed = tuple(self._close(self._length_ns)) if self._start_ns else ()
        self._open(now_ns, quality)
        return closed

    def step(self, now_ns: int, by_ns: int, quality: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Sequence[Summary]:
        """The clock was set by `by_ns` to `now_ns`: close what it told before, with the length that has passed."""
        if not self._start_ns or abs(by_ns) <= SMALL_STEP_NS:
            return ()
        closed = self.flush(now_ns - by_ns)
        self._open(now_ns, quality)
        return closed

    def trust(self, *, synchronised: bool) -> None:
        """Note whether the clock follows a time source now."""
        self._synchronised = synchronised
        self._throughout &= synchronised

    def flush(self, now_ns: int) -> Sequence[Summary]:
        """Close the open window before its time, at a stop."""
        if not self._start_ns:
            return ()
        closed = tuple(self._close(min(max(now_ns - self._start_ns, 0), self._length_ns)))
        self._start_ns = 0
        return closed

    def _open(self, now_ns: int, quality: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> None:
        self._start_ns = now_ns - now_ns % self._length_ns
        self._throughout = self._synchronised
        np.bitwise_and(quality, np.uint16(Quality.COMM_LOST), out=self._quality)

    def _close(self, length_ns: int) -> Iterator[Summary]:
        counts = np.maximum(self._count, 1)
        mean = np.where(self._count > 0, self._sum / counts, np.nan)
        empty = self._count == 0
        self._min[empty] = self._max[empty] = self._last[empty] = np.nan
        for device, rows in self._points.rows_of.items():
            at = slice(rows.start, rows.stop)
            if rows and (self._count[at].any() or self._quality[at].any()):
                yield Summary(
                    device=device,
                    start_ns=self._start_ns,
                    length_ns=length_ns,
                    points=self._names[device],
                    count=self._count[at].copy(),
                    min=self._min[at].copy(),
                    max=self._max[at].copy(),
                    mean=mean[at],
                    last=self._last[at].copy(),
                    quality=self._quality[at].copy(),
                    synchronised=self._throughout,
                )
        self.clear()

    def clear(self, at: Span = slice(None)) -> None:
        """Forget what the open window has."""
        self._count[at] = 0
        self._sum[at] = 0
        self._min[at] = np.inf
        self._max[at] = -np.inf
        self._last[at] = np.nan
        self._quality[at] = 0
