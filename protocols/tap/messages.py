"""Cuts what one side of a connection sends into messages, wherever TCP cut it, and finds the next after garbage.

Of a message longer than `KEPT_MAX` only the beginning is handed on, which holds what it is about; the rest is counted
and thrown away, so that nobody can make the tap keep much.
"""

from collections.abc import Sequence
from re import Pattern
from struct import Struct
from typing import Final

KEPT_MAX: Final = 16_384
"""Bytes of one message that are kept: twice the largest TPDU of class 0, four usual chunks of OPC UA."""


class Shape:
    """How a message begins.

    `mark` matches a beginning. The first `size` bytes, the least there is, say at `at` how long all of it is, but for
    `more`; `most` is what the protocol allows.
    """

    def __init__(self, mark: Pattern[bytes], *, size: int, length: Struct, at: int, most: int, more: int = 0) -> None:
        self.size, self.most, self.more = size, most, more
        self.match, self.search = mark.match, mark.search
        self.length, self.at = length.unpack_from, at


class Messages:
    """One side. `lost` is whether what comes next may begin anywhere, so that no garbage is worth a word."""

    __slots__ = ("_held", "_shape", "_skip", "_wanted", "lost")

    def __init__(self, shape: Shape, *, lost: bool) -> None:
        self.lost = lost
        self._shape = shape
        self._held = bytearray()
        self._wanted = 0
        self._skip = 0

    def gap(self) -> None:
        """Forget what was begun: bytes are missing."""
        self._held.clear()
        self._skip, self.lost = 0, True

    def take(self, data: bytes) -> Sequence[bytes | None]:
        """Add bytes; return the messages that are whole, or as much of them as is kept, and None for garbage."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return ()
            data = bytes(self._held)
            self._held.clear()
        return self._cut(data) if data else ()

    def _cut(self, data: bytes) -> Sequence[bytes | None]:
        shape, at, size = self._shape, 0, len(data)
        found: list[bytes | None] = []
        while at < size:
            if size - at < shape.size:
                self._hold(data[at:], shape.size)
                break
            length = shape.length(data, at + shape.at)[0] + shape.more
            if not shape.size <= length <= shape.most or shape.match(data, at) is None:
                at = self._resume(data, at, found)
                continue
            kept = min(length, KEPT_MAX)
            if size - at < kept:
                self._hold(data[at:], kept)
                break
            self.lost = False
            found.append(data if not at and kept == size else data[at : at + kept])
            at += length
            if at > size:
                self._skip = at - size
        return found

    def _hold(self, data: bytes, wanted: int) -> None:
        self._held += data
        self._wanted = wanted

    def _resume(self, data: bytes, at: int, found: list[bytes | None]) -> int:
        """Return where the next message may begin."""
        if not self.lost and (not found or found[-1] is not None):
            found.append(None)
        self.lost = True
        again = self._shape.search(data, at + 1)
        return again.start() if again else max(at + 1, len(data) - self._shape.size + 1)
