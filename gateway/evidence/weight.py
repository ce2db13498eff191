"""What evidence takes of memory: a ring of readings, and at worst one exhibit that is open and one that is written."""

from typing import Final

from gateway.config.model import EvidenceBudget
from gateway.evidence.exhibit import SHARE
from gateway.evidence.flight import ROWS_AT_ONCE, capacity
from protocols.points import Points

READING_BYTES: Final = 30
"""Of a reading in arrays: row, value, quality, two times."""
LINE_BYTES: Final = 80
"""Of a line of its table, beside the name of the point; measured."""
MAKING_BYTES: Final = 400
"""Of each of the lines that are made at once: texts of numbers and times; measured."""


def remembered(points: Points, budget: EvidenceBudget) -> int:
    """Return the octets of the ring of readings."""
    return READING_BYTES * _size(points, budget)


def at_worst(points: Points, budget: EvidenceBudget, *, frames_bytes: int) -> int:
    """Return the octets beside it while one exhibit is written and the next is open; `frames_bytes` taps remember.

    Each has what was remembered before the alarm and what came after. Readings are there twice while their table is
    made, and then the table is, while it is put together; so are the frames.
    """
    size, share = _size(points, budget), budget.max_bytes // SHARE
    label = sum(len(points.label(row)) for row in range(len(points))) / max(len(points), 1)
    exhibit = 2 * (READING_BYTES * size + frames_bytes)
    lines = min(share, round(2 * size * (LINE_BYTES + label)))
    making = 2 * READING_BYTES * size + MAKING_BYTES * min(ROWS_AT_ONCE, 2 * size)
    readings = lines + max(making, lines)
    frames = 2 * min(share, 2 * frames_bytes)
    return 2 * exhibit + readings + frames


def _size(points: Points, budget: EvidenceBudget) -> int:
    return capacity(points, budget.before_s + budget.after_s)
