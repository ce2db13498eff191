"""OPC UA services: which ones the gateway asks, and what they answer. None of them can ask a server to change anything.

A message body is a node id, which names its structure, a response header, and what the service answers (OPC 10000-4
clause 7.33, OPC 10000-6 clause 5.2).
"""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from protocols.model import Qualities, Quality, Times, Values
from protocols.opcua.binary import DOUBLE, NO_NUMBER, Found, Reader, Violation, told
from protocols.opcua.status import name, overflowed, quality, refuses

EPOCH: Final = 116_444_736_000_000_000
"""1970 in the 100 ns since 1601 that OPC UA counts."""
LATEST: Final = EPOCH + (2**63 - 1) // 100
"""Beyond the year 2262 there are no nanoseconds in 64 bits."""


class Service(IntEnum):
    """Everything the gateway ever asks, by the number of its request in namespace 0; a response is 3 more."""

    GET_ENDPOINTS = 428
    OPEN_SECURE_CHANNEL = 446
    CLOSE_SECURE_CHANNEL = 452
    CREATE_SESSION = 461
    ACTIVATE_SESSION = 467
    CLOSE_SESSION = 473
    BROWSE = 527
    BROWSE_NEXT = 533
    READ = 631
    CREATE_MONITORED_ITEMS = 751
    CREATE_SUBSCRIPTION = 787
    PUBLISH = 826
    REPUBLISH = 832


SERVICE_FAULT: Final = 397
DATA_CHANGE: Final = 811
STATUS_CHANGE: Final = 820

_WRONG_TYPE: Final = int(Quality.INVALID | Quality.BAD_REFERENCE)
_NOTHING: Final = int(Quality.INVALID)


class Refused(Exception):
    """The server refuses a service. Carries its status code."""

    def __init__(self, service: Service, status: int) -> None:
        super().__init__(f"the server refuses to {service.name.lower().replace('_', ' ')}: {name(status)}")
        self.status = status


class Header(NamedTuple):
    """What every response begins with."""

    kind: int
    handle: int
    status: int


class Notified(NamedTuple):
    """What a notification says: values by client handle, in the server's order.

    `available` are the numbers of what the server can send again; `more` whether more waits to be sent at once.
    """

    subscription: int
    sequence: int
    handles: Times
    values: Values
    quality: Qualities
    time_ns: Times
    refused: dict[int, str]
    overflowed: tuple[int, ...]
    closed: int
    keep_alive: bool
    available: tuple[int, ...] = ()
    more: bool = False


class Item(NamedTuple):
    """What became of a monitored item."""

    status: int
    sampling_ms: float
    queue: int


def header(reader: Reader) -> Header:
    """Return what a response begins with; the reader stands at what the service answers."""
    kind = reader.node()
    reader.skip(8)
    handle, status = reader.u32(), reader.u32()
    reader.diagnostics()
    for _ in range(reader.count()):
        reader.octets()
    _, reader.at = reader.object()
    return Header(kind, handle, status)


def readings(reader: Reader) -> list[Found]:
    """Return the values of a read response."""
    found = [reader.value() for _ in range(reader.count())]
    _diagnostics(reader)
    return found


def items(reader: Reader) -> list[Item]:
    """Return what became of each monitored item that was asked for."""
    found = []
    for _ in range(reader.count()):
        status = reader.u32()
        reader.skip(4)
        sampling_ms, queue = float(reader.take(DOUBLE)), reader.u32()
        _, reader.at = reader.object()
        found.append(Item(status, sampling_ms, queue))
    _diagnostics(reader)
    return found


def notified(reader: Reader) -> Notified:
    """Return what a publish response brings."""
    subscription = reader.u32()
    available = tuple(reader.u32() for _ in range(reader.count()))
    more = bool(reader.u8())
    seen = _message(reader, subscription)
    reader.skip(4 * reader.count())
    _diagnostics(reader)
    return seen._replace(available=available, more=more)


def republished(reader: Reader, subscription: int) -> Notified:
    """Return what a republish response brings: a notification of `subscription` once more."""
    return _message(reader, subscription)


def arrays(found: list[Found]) -> tuple[Values, Qualities, Times]:
    """Return float64[n], uint16[n] and int64[n] of what was found; a value that is no number is a bad reference."""
    values = np.array([each.value for each in found], np.float64)
    qualities = np.array([_quality(each) for each in found], np.uint16)
    return values, qualities, np.array([nanoseconds(each.filetime) for each in found], np.int64)


def refusal(found: Found) -> str | None:
    """Return why this can never be a reading, or None."""
    if refuses(found.status):
        return name(found.status)
    return f"{told(found.kind)}, where a number is needed" if found.kind & NO_NUMBER else None


def nanoseconds(filetime: int) -> int:
    """Return UTC since 1970 of 100 ns since 1601; 0, no time, before 1970 and beyond 2262."""
    return (filetime - EPOCH) * 100 if EPOCH < filetime <= LATEST else 0


def _message(reader: Reader, subscription: int) -> Notified:
    sequence = reader.u32()
    reader.skip(8)
    found: list[tuple[int, Found]] = []
    closed, objects = 0, reader.count()
    for _ in range(objects):
        kind, end = reader.object()
        if kind == DATA_CHANGE:
            found.extend((reader.u32(), reader.value()) for _ in range(reader.count()))
        elif kind == STATUS_CHANGE:
            closed = reader.u32()
        if reader.at > end:
            raise Violation("a notification is longer than it says")
        reader.at = end
    values, qualities, times = arrays([each for _, each in found])
    return Notified(
        subscription, sequence, np.array([handle for handle, _ in found], np.int64), values, qualities, times,
        {handle: why for handle, each in found if (why := refusal(each))},
        tuple(handle for handle, each in found if overflowed(each.status)), closed, not objects,
    )  # fmt: skip


def _diagnostics(reader: Reader) -> None:
    """Leave out what ends every response."""
    for _ in range(reader.count()):
        reader.diagnostics()


def _quality(found: Found) -> int:
    if found.kind & NO_NUMBER:
        return int(quality(found.status)) | _WRONG_TYPE
    if not found.kind and not found.status:
        return _NOTHING
    return int(quality(found.status)) if found.status else 0
