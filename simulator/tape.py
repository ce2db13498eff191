"""A recording of what the instruments showed, and its playing back: what somebody on the wire does to hide the rest."""

from bisect import bisect_right
from collections import deque

import numpy as np
from numpy.typing import NDArray

LONGEST_S = 1800.0
"""Longest recording: half an hour of a value a second is 3 MB."""
MAX_ENTRIES = 20_000
"""Most entries, 30 MB; with more than eleven a second the recording is shorter than it was asked to be."""

ROUNDING_S = 1e-6
"""An entry that is later by no more than this is the one that is meant."""


class Tape:
    """Keeps the last `length_s` seconds; `play` serves them again, over and over, for some rows of the values."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self._entries: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=MAX_ENTRIES)
        self._played: dict[int, tuple[float, float]] = {}

    def play(self, rows: NDArray[np.int64], time_s: float, length_s: float) -> None:
        """From `time_s` on show the last `length_s` seconds of the recording instead of what `rows` measure."""
        self._played |= dict.fromkeys(rows.tolist(), (time_s, length_s))

    def stop(self, rows: NDArray[np.int64]) -> None:
        """Show what `rows` measure again; when nothing is played any more, it records anew."""
        for row in rows.tolist():
            self._played.pop(row, None)

    def pass_on(self, values: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Return what is shown instead of `values`; they are recorded unless something is played."""
        if self._played:
            return self._replaced(values, time_s)
        self._entries.append((time_s, values))
        while self._entries[0][0] <= time_s - self.length_s:
            self._entries.popleft()
        return values

    def _replaced(self, values: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        if not self._entries:
            return values
        shown = values.copy()
        for span in set(self._played.values()):
            rows = [row for row, of_row in self._played.items() if of_row == span]
            shown[rows] = self._at(*span, time_s)[rows]
        return shown

    def _at(self, began_s: float, length_s: float, time_s: float) -> NDArray[np.float64]:
        """Return the entry that was current one length, or several, before `time_s`."""
        into_s = (time_s - began_s - ROUNDING_S) % length_s + ROUNDING_S  # the last entry comes at the very end
        source_s = began_s - length_s + into_s + ROUNDING_S
        place = bisect_right(self._entries, source_s, key=lambda entry: entry[0])
        return self._entries[max(place - 1, 0)][1]
