"""Merging the batches that wait, so that a gateway under load looks at many devices in one pass of arrays."""

from collections.abc import Iterable, Iterator

import numpy as np

from protocols.model import Batch, Read, Tick

MERGED_ROWS = 65_536
"""Most readings in one merged batch: beyond it a pass no longer gets cheaper per reading, only longer."""


def merge(waiting: Iterable[Read | Tick], window_ns: int) -> Iterator[Read | Tick]:
    """Yield `waiting` in order, neighbouring batches as one where no point appears twice; empty ones are left out.

    Two readings of the same point stay two batches; everything else stays where it is; batches of different
    windows stay apart.
    """
    open_: list[Batch] = []
    for seen in waiting:
        if isinstance(seen, Batch) and not len(seen):
            continue
        if isinstance(seen, Batch) and open_ and _fits(open_, seen, window_ns):
            open_.append(seen)
            continue
        yield from _merged(open_)
        open_ = [seen] if isinstance(seen, Batch) else []
        if not isinstance(seen, Batch):
            yield seen
    yield from _merged(open_)


def _fits(open_: list[Batch], batch: Batch, window_ns: int) -> bool:
    """Whether the ranges of rows do not touch, which is how devices lie in the table."""
    first, last = batch.rows[0], batch.rows[-1]
    return (
        open_[0].arrival_ns // window_ns == batch.arrival_ns // window_ns
        and sum(map(len, open_)) + len(batch) <= MERGED_ROWS
        and all(last < other.rows[0] or first > other.rows[-1] for other in open_)
    )


def _merged(batches: list[Batch]) -> Iterator[Batch]:
    if len(batches) < 2:
        yield from batches
        return
    batches = sorted(batches, key=lambda batch: int(batch.rows[0]))
    yield Batch(
        rows=np.concatenate([batch.rows for batch in batches]),
        values=np.concatenate([batch.values for batch in batches]),
        quality=np.concatenate([batch.quality for batch in batches]),
        time_ns=np.concatenate([batch.time_ns for batch in batches]),
        arrival_ns=max(batch.arrival_ns for batch in batches),
    )
