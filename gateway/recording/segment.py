"""The recorder's files, pure: a head that names the points, then blocks; each is whole under its checksum, or the end.

Little-endian:

    segment   | "GSRC" | version u16 = 1 | head: u32 length, u32 crc32, JSON {"points": ["DEVICE.POINT", …]} | block …
    block     | "BLK1" | u32 length | u32 crc32 | zlib of: u32 k, u32 n, times i64[k], then by point and byte plane:
                 values f64[n, k], quality u16[n, k], fresh u1[n, k] (packed bits) |

A block is k looks at the image of n points. A value is stored as its bits XOR those of the look before, byte by byte of
all values together: what stands still is zeros, and of what moves only the low bytes are left for zlib. Nothing is
rounded: what comes out is what went in, bit by bit.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.model import Qualities, Times, Values

MAGIC, BLOCK = b"GSRC", b"BLK1"
VERSION = 1
START = struct.Struct("<4sHII")
HEAD = struct.Struct("<4sII")
SIZES = struct.Struct("<II")
CONTENT_MOST = 256 * 1024 * 1024
"""What a block may inflate to: 60 looks at 200,000 points have 130 MB. A damaged length asks for no more."""
LEVEL = 1
"""Of zlib: level 6 takes five times the time and saves a tenth."""


class BadSegment(Exception):
    """What was read is not what was written."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """k looks at n points: `times_ns` int64[k], `values` float64[k, n], `quality` uint16[k, n], `fresh` bool[k, n]."""

    times_ns: Times
    values: NDArray[np.float64]
    quality: NDArray[np.uint16]
    fresh: NDArray[np.bool_]

    def looks(self) -> Iterator[tuple[int, Values, Qualities, NDArray[np.bool_]]]:
        """Yield each look: when, values, quality, and which were read since the look before."""
        yield from zip(self.times_ns.tolist(), self.values, self.quality, self.fresh, strict=True)


def head(points: Sequence[str]) -> bytes:
    """Return how a segment begins."""
    words = json.dumps({"points": list(points)}, separators=(",", ":")).encode()
    return START.pack(MAGIC, VERSION, len(words), zlib.crc32(words)) + words


def points_in(start: bytes, words: bytes) -> Sequence[str]:
    """Return the points that `start` (`START.size` bytes) and the `words` behind it name.

    Raises:
        BadSegment: they are no head.
    """
    magic, version, _, crc = _unpacked(START, start)
    if magic != MAGIC or version != VERSION:
        raise BadSegment(f"it is no segment of version {VERSION}")
    if zlib.crc32(words) != crc:
        raise BadSegment("the head does not match its checksum")
    named: Sequence[str] = json.loads(words)["points"]
    return named


def block(looks: Block) -> bytes:
    """Return `looks` as they are written."""
    values = np.ascontiguousarray(looks.values.T).view(np.uint64)
    quality = np.ascontiguousarray(looks.quality.T)
    k, n = looks.values.shape
    content = b"".join(
        (
            SIZES.pack(k, n),
            looks.times_ns.astype("<i8").tobytes(),
            _planes(_differences(values)),
            _planes(_differences(quality)),
            np.packbits(looks.fresh.T).tobytes(),
        )
    )
    deflated = zlib.compress(content, LEVEL)
    return HEAD.pack(BLOCK, len(deflated), zlib.crc32(deflated)) + deflated


def length_of(start: bytes) -> int:
    """Return how many bytes follow the `HEAD.size` bytes of a block's head.

    Raises:
        BadSegment: they are none.
    """
    magic, length, _ = _unpacked(HEAD, start)
    if magic != BLOCK or length > CONTENT_MOST:
        raise BadSegment("here is no block")
    return int(length)


def looks_in(start: bytes, deflated: bytes) -> Block:
    """Return the looks of the block with this head and body.

    Raises:
        BadSegment: they are not what was written.
    """
    _, length, crc = _unpacked(HEAD, start)
    if len(deflated) != length or zlib.crc32(deflated) != crc:
        raise BadSegment("a block does not match its checksum")
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(deflated, CONTENT_MOST)
    except zlib.error as error:
        raise BadSegment(str(error)) from error
    k, n = _unpacked(SIZES, content[: SIZES.size])
    bits = (k * n + 7) // 8
    if len(content) != SIZES.size + 8 * k + 10 * k * n + bits or not stream.eof:
        raise BadSegment(f"a block of {k} looks at {n} points has another length")
    at = SIZES.size + 8 * k
    values = _sums(_columns(content[at : at + 8 * k * n], np.uint64, (n, k))).view(np.float64)
    quality = _sums(_columns(content[at + 8 * k * n : at + 10 * k * n], np.uint16, (n, k)))
    fresh = np.unpackbits(np.frombuffer(content, np.uint8, offset=len(content) - bits), count=k * n).reshape(n, k)
    times = np.frombuffer(content, "<i8", count=k, offset=SIZES.size).astype(np.int64)
    return Block(times, values.T, quality.T, fresh.T.astype(bool))


def _unpacked(layout: struct.Struct, content: bytes) -> tuple[Any, ...]:
    if len(content) != layout.size:
        raise BadSegment("it ends within a head")
    return layout.unpack(content)


def _differences(columns: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    changed = columns.copy()
    changed[:, 1:] ^= columns[:, :-1]
    return changed


def _sums(changed: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    return np.ascontiguousarray(np.bitwise_xor.accumulate(changed, axis=1)) if changed.size else changed


def _planes(columns: NDArray[np.unsignedinteger]) -> bytes:
    size = columns.dtype.itemsize
    return columns.astype(columns.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, size).T.tobytes()


def _columns(content: bytes, kind: type[np.unsignedinteger], shape: tuple[int, int]) -> NDArray[np.unsignedinteger]:
    size = np.dtype(kind).itemsize
    planes = np.frombuffer(content, np.uint8).reshape(size, -1)
    return np.ascontiguousarray(planes.T).view(np.dtype(kind).newbyteorder("<")).astype(kind).reshape(shape)
