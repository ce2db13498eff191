"""Registers into numbers: one image of everything a scan reads, decoded by one view or one gather per type.

An order only says where in the image each byte of a value lies, so it is an index made once, and costs nothing later.
Values that lie evenly, their bytes as a processor has them, need no index: they are a view of the image.
A, B, C ... are the bytes as sent; written is the value from its most significant byte:

    order           16 bits   32 bits   64 bits
    big             AB        ABCD      ABCDEFGH    as the specification says
    little          BA        DCBA      HGFEDCBA    all bytes reversed
    big_swapped     AB        CDAB      GHEFCDAB    registers reversed
    little_swapped  BA        BADC      BADCFEHG    bytes swapped within each register
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.modbus.planner import Block, Limits, cover, plan
from protocols.model import Qualities, Quality, Span, Values, span

_DTYPES: Final = {
    "int16": "<i2",
    "uint16": "<u2",
    "int32": "<i4",
    "uint32": "<u4",
    "int64": "<i8",
    "uint64": "<u8",
    "float32": "<f4",
    "float64": "<f8",
}
_WHOLE_TABLE: Final = 65_536


class Value(NamedTuple):
    """How one value lies in the register map: `bit` of a register, or `kind` in `order`; then scale and offset."""

    block: Block
    kind: str
    order: str = "big"
    bit: int = 0
    scale: float = 1.0
    offset: float = 0.0


class Image:
    """What a scan reads, as bytes: a register takes two, a coil or discrete input one.

    Addresses that may be read together lie together, so every request has one place, however the plan changes.
    """

    def __init__(self, values: Sequence[Block], max_gap: int) -> None:
        everything = Limits(max_registers=_WHOLE_TABLE, max_bits=_WHOLE_TABLE, max_gap=max_gap)
        islands = [cover(members) for members in plan(values, everything)]
        sizes = [island.count * _width(island) for island in islands]
        self._islands = [(island.table, island.start) for island in islands]
        self._offsets = list(accumulate(sizes, initial=0))
        self.bytes: NDArray[np.uint8] = np.zeros(self._offsets[-1], np.uint8)

    def place(self, block: Block) -> slice:
        """Return where `block` lies in `bytes`."""
        island = bisect_right(self._islands, (block.table, block.start)) - 1
        start = self._offsets[island] + (block.start - self._islands[island][1]) * _width(block)
        return slice(start, start + block.count * _width(block))

    def put(self, place: slice, data: bytes, *, bits: bool) -> None:
        """Write the data of a response to its place."""
        raw = np.frombuffer(data, np.uint8)
        self.bytes[place] = np.unpackbits(raw, count=place.stop - place.start, bitorder="little") if bits else raw


@dataclass(frozen=True, slots=True, eq=False)
class _Gather:
    """Values of one type: `index` intp[n, bytes] into the image, least significant first; where they belong."""

    dtype: np.dtype[np.generic]
    index: NDArray[np.intp]
    into: Span


class Decoder:
    """Turns an image into values and qualities, in the order of `values`."""

    def __init__(self, values: Sequence[Value], image: Image) -> None:
        self._image = image.bytes
        self._count = len(values)
        starts = [image.place(value.block).start for value in values]
        self._views: list[tuple[Span, NDArray[np.generic]]] = []
        self._gathers: list[_Gather] = []
        for kind, name in _DTYPES.items():
            if chosen := [i for i, value in enumerate(values) if value.kind == kind]:
                self._plan(np.dtype(name), np.array([_index(values[i], starts[i]) for i in chosen]), _into(chosen))
        flags = [i for i, value in enumerate(values) if value.kind == "bool"]
        self._flags = _into(flags) if flags else None
        places = [_bit(values[i], starts[i]) for i in flags]
        self._flag_index = np.array([at for at, _ in places], np.intp)
        self._flag_shift = np.array([shift for _, shift in places], np.uint8)
        scaled = [i for i, value in enumerate(values) if (value.scale, value.offset) != (1.0, 0.0)]
        self._scaled = _into(scaled) if scaled else None
        self._scale = np.array([values[i].scale for i in scaled])
        self._offset = np.array([values[i].offset for i in scaled])

    def decode(self) -> tuple[Values, Qualities]:
        """Return float64[n] and uint16[n]: what is no finite number is NaN and invalid."""
        values = np.empty(self._count)
        with np.errstate(invalid="ignore", over="ignore"):  # signalling NaN, and a scale that leaves float64
            for into, view in self._views:
                values[into] = view
            for gather in self._gathers:
                raw = self._image.take(gather.index)
                values[gather.into] = raw.view(gather.dtype)[:, 0]
            if self._flags is not None:
                values[self._flags] = self._image.take(self._flag_index) >> self._flag_shift & 1
            if self._scaled is not None:
                values[self._scaled] = values[self._scaled] * self._scale + self._offset
        quality = np.zeros(self._count, np.uint16)
        finite = np.isfinite(values)
        if not finite.all():
            values[~finite] = np.nan
            quality[~finite] = Quality.INVALID
        return values, quality

    def _plan(self, dtype: np.dtype[np.generic], index: NDArray[np.intp], into: Span) -> None:
        view = _evenly(self._image, dtype, index)
        if view is None:
            self._gathers.append(_Gather(dtype, index, into))
        else:
            self._views.append((into, view))


def _evenly(
    image: NDArray[np.uint8], dtype: np.dtype[np.generic], index: NDArray[np.intp]
) -> NDArray[np.generic] | None:
    """Return the values at `index` as a view, or None: they lie at uneven distances, or their bytes out of order."""
    first = index[0]
    step = int(index[1, 0] - first[0]) if len(index) > 1 else dtype.itemsize
    if step <= 0 or not np.array_equal(index, first + step * np.arange(len(index))[:, None]):
        return None
    for each, ascending in ((dtype, first), (dtype.newbyteorder(">"), first[::-1])):
        if np.array_equal(ascending, ascending[0] + np.arange(dtype.itemsize)):
            return np.ndarray((len(index),), each, image.data, int(ascending[0]), (step,))
    return None


def _width(block: Block) -> int:
    return 1 if block.bits else 2


def _into(chosen: Sequence[int]) -> Span:
    return span(np.array(chosen, np.int32))


def _index(value: Value, start: int) -> NDArray[np.intp]:
    """Return where each byte of `value` lies, least significant first."""
    pairs = np.arange(2 * value.block.count).reshape(-1, 2)
    if value.order in ("little", "big_swapped"):
        pairs = pairs[::-1]
    if value.order in ("little", "little_swapped"):
        pairs = pairs[:, ::-1]
    return np.asarray(start + pairs.ravel()[::-1], np.intp)


def _bit(value: Value, start: int) -> tuple[int, int]:
    """Return the byte of one bit and its place in it."""
    if value.block.bits:
        return start, 0
    return int(_index(value, start)[value.bit // 8]), value.bit % 8
