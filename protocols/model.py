"""The words every protocol speaks: batches of readings, events of a conversation, and ticks of time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag, StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int32]
Values: TypeAlias = NDArray[np.float64]
Qualities: TypeAlias = NDArray[np.uint16]
Times: TypeAlias = NDArray[np.int64]
Span: TypeAlias = slice | Rows


class Quality(IntFlag):
    """What is known against a reading; 0 is good.

    The detail quality of IEC 61850-7-3 clause 6.2, with what DNP3 flags, OPC UA status codes and a silent Modbus
    device add. The worst quality of several readings is the union of their flags.
    """

    GOOD = 0
    INVALID = 1 << 0
    QUESTIONABLE = 1 << 1
    OLD = 1 << 2
    OVERFLOW = 1 << 3
    OUT_OF_RANGE = 1 << 4
    BAD_REFERENCE = 1 << 5
    OSCILLATORY = 1 << 6
    FAILURE = 1 << 7
    INCONSISTENT = 1 << 8
    INACCURATE = 1 << 9
    SUBSTITUTED = 1 << 10
    TEST = 1 << 11
    BLOCKED = 1 << 12
    COMM_LOST = 1 << 13
    RESTART = 1 << 14
    TIME_UNTRUSTED = 1 << 15


UNUSABLE = Quality.INVALID | Quality.BAD_REFERENCE | Quality.FAILURE | Quality.COMM_LOST | Quality.RESTART
"""A value under one of these flags says nothing about the grid: no detector judges it."""
UNUSABLE_, NOTHING = np.array(UNUSABLE, np.uint16), np.array(0, np.uint16)
# Arrays, as a scalar is made one with every call.


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Readings of one or more devices, taken together.

    `rows` int32[n] ascending and unique; `values` float64[n], NaN where there is none; `quality` uint16[n] of
    `Quality`; `time_ns` int64[n], the device's own time where it gives one, UTC since 1970, 0 for none;
    `arrival_ns` when the gateway had the readings. No array is changed after the batch was made. `complete` may say
    that every reading is of good quality, and none beyond `BELIEVABLE`, so that nobody has to look.
    """

    rows: Rows
    values: Values
    quality: Qualities
    time_ns: Times
    arrival_ns: int
    complete: bool = False

    def __len__(self) -> int:
        return len(self.rows)


GATEWAY = "gateway"
"""The device of what concerns the gateway itself."""


class EventKind(StrEnum):
    """What a conversation can tell apart from numbers."""

    CONNECTED = "connected"
    LOST = "lost"
    IDENTITY = "identity"
    RESTART = "restart"
    VIOLATION = "violation"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    OVERFLOW = "overflow"
    CLOCK = "clock"
    LATE = "late"
    FAULT = "fault"
    # what is seen of who does what to whom: `protocols.sighting` says what each tells
    TALKER = "talker"
    PAIR = "pair"
    COMMAND = "command"
    QUERY = "query"
    EXCEPTION = "exception"
    ORPHAN = "orphan"
    MALFORMED = "malformed"
    PUBLISHER = "publisher"
    BINDING = "binding"
    SWEEP = "sweep"
    RATE = "rate"
    SECURITY = "security"
    UNSOLICITED = "unsolicited"
    ROUND_TRIP = "round_trip"
    DROPS = "drops"
    INTEGRITY = "integrity"


@dataclass(frozen=True, slots=True)
class Event:
    """Anything a device or its link says that is not a number. `rows` names the points it concerns, if any."""

    device: str
    kind: EventKind
    detail: str
    time_ns: int
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time itself, UTC since 1970, so that silence can be noticed.

    `stepped_ns` is by how much our clock was set since the tick before; `synchronised` whether it follows a source.
    """

    time_ns: int
    stepped_ns: int = 0
    synchronised: bool = False


BELIEVABLE = 1e15
"""Nothing that is measured is larger in any unit; its square still fits a float32."""
BELIEVABLE_ = np.array(BELIEVABLE)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The plant as a whole, once a second: what statistical and physical checks look at, however fast it is polled.

    `values` float64[points]: the last reading of every point, NaN where there is none or it is not usable. `fresh`
    bool[points]: read, and usable, since the frame before. Both are views that nobody writes to: copy what you keep.
    `complete` may say that all points are fresh, and none is beyond `BELIEVABLE`, so that nobody has to look.
    `utc_ns` is the calendar's time, for the hour and the day; `time_ns` is the time that detectors live in, which no
    clock that is set moves.
    """

    time_ns: int
    utc_ns: int
    values: Values
    fresh: NDArray[np.bool_]
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a driver stands in its device's own memory, such as the last report it has taken.

    Kept on disk after everything that was read before it, and handed back to the driver at the next start.
    """

    device: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """A driver's question whether everything that it handed on before is on disk, so that its device may forget it.

    `settle` is called once, on the event loop: with True when all of it is committed; with False when the disk refused
    for so long that some of it may have fallen out of RAM: then the device must be asked again. `urgent` is whether the
    device has more and waits. A driver has at most one receipt open for each device, so the configuration bounds them.
    """

    settle: Callable[[bool], None]
    urgent: bool = False


Read: TypeAlias = Batch | Event | Bookmark | Receipt
"""What a driver hands on."""

Fed: TypeAlias = Batch | Event | Tick
"""What the pipeline is fed with."""

Seen: TypeAlias = Fed | Frame
"""What detectors see: what the pipeline is fed with, and the frames that it makes."""


_last: list[tuple[Rows, Span]] = [(np.empty(0, np.int32), slice(0, 0))]


def span(rows: Rows) -> Span:
    """Return the cheapest index for ascending, unique `rows`: a slice (a view) where they are contiguous.

    It is asked for the rows of each batch by all who look at it, one after the other: the last answer is remembered.
    """
    known, at = _last[0]
    if known is not rows:
        first, last = int(rows[0]), int(rows[-1])
        at = slice(first, last + 1) if last - first + 1 == len(rows) else rows
        _last[0] = rows, at
    return at


def usable(quality: Qualities) -> NDArray[np.bool_]:
    """Return bool[n]: True where the value may be judged."""
    good: NDArray[np.bool_] = (quality & UNUSABLE_) == NOTHING
    return good


def sound(batch: Batch) -> Batch:
    """Return `batch` where what is no finite number is NaN and invalid, whatever its device says of it.

    It is complete where nothing is wrong with any reading.
    """
    believable = np.abs(batch.values) < BELIEVABLE_
    if np.count_nonzero(believable) == len(believable) and not np.count_nonzero(batch.quality):
        return Batch(batch.rows, batch.values, batch.quality, batch.time_ns, batch.arrival_ns, complete=True)
    finite = np.isfinite(batch.values)
    if np.count_nonzero(finite) == len(finite):
        return batch
    values = np.where(finite, batch.values, np.nan)
    quality = np.where(finite, batch.quality, batch.quality | np.uint16(Quality.INVALID))
    return replace(batch, values=values, quality=quality)
