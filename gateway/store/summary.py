"""The content of a stored summary of n points, little-endian.

    +----------+--------------------------------------+-------+-----+-----+------+------+---------+
    | head u32 | JSON [device, start_ns, length_ns,   | count | min | max | mean | last | quality |
    | (bytes)  |  [point, ...], synchronised]         | u32   | f64 | f64 | f64  | f64  | u16     |
    +----------+--------------------------------------+-------+-----+-----+------+------+---------+

Each column is n items with their bytes shuffled (all first bytes, then all second bytes, ...): measured on 1,000
points, 38,000 bytes deflate to 16,100 instead of 21,500, and in half the time.
"""

import struct

import msgspec
import numpy as np

from gateway.core.messages import Summary
from gateway.store import words

HEAD_BYTES = struct.Struct("<I")
COLUMNS = {"count": "<u4", "min": "<f8", "max": "<f8", "mean": "<f8", "last": "<f8", "quality": "<u2"}
POINT = np.dtype(list(COLUMNS.items()))


class Head(msgspec.Struct, array_like=True, gc=False):
    """What stands before the columns; an older one does not say whether the clock was synchronised."""

    device: str
    start_ns: int
    length_ns: int
    points: tuple[str, ...]
    synchronised: bool = False


_head_in = msgspec.json.Decoder(Head).decode


def content_of(summary: Summary) -> bytes:
    """Pack `summary`."""
    told = [summary.device, summary.start_ns, summary.length_ns, summary.points, summary.synchronised]
    head, rows = words.encode(told), np.empty(len(summary.points), POINT)
    for name in COLUMNS:
        rows[name] = getattr(summary, name)
    planes = rows.view(np.uint8).reshape(len(rows), POINT.itemsize).T
    return b"".join((HEAD_BYTES.pack(len(head)), head, planes.tobytes()))


def summary_in(content: bytes) -> Summary:
    """Unpack what `content_of` packed.

    Raises:
        ValueError, TypeError, struct.error: it is no summary.
    """
    (size,) = HEAD_BYTES.unpack_from(content)
    begin = HEAD_BYTES.size + size
    head = _head_in(content[HEAD_BYTES.size : begin])
    n = len(head.points)
    if len(content) - begin != n * POINT.itemsize:
        raise ValueError(f"{n} points take {n * POINT.itemsize} bytes, not {len(content) - begin}")
    planes = np.frombuffer(content, np.uint8, offset=begin).reshape(POINT.itemsize, n)
    rows = np.ascontiguousarray(planes.T).view(POINT)[:, 0]
    count, least, greatest, mean, last, quality = (rows[name] for name in COLUMNS)
    times = words.whole(head.start_ns), words.whole(head.length_ns)
    return Summary(head.device, *times, head.points, count, least, greatest, mean, last, quality, head.synchronised)
