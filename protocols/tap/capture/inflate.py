"""A gzip file as a stream that gives all it has: also when it is cut off, where `gzip` would drop its last buffer."""

import zlib
from io import RawIOBase
from typing import BinaryIO, Final

GZIP: Final = b"\x1f\x8b"
COMPRESSED_BYTES: Final = 1 << 16
"""Bytes read from the file at once."""
WITH_HEADER: Final = 16 + zlib.MAX_WBITS


class Inflated(RawIOBase):
    """What is in the gzip `file`, one member after the other; `readinto` raises `zlib.error` where it is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(WITH_HEADER)
        self._behind = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a part of `buffer`; return how many bytes, 0 at the end of the file, cut off or not."""
        while True:
            if self._inflate.eof:
                self._behind = self._inflate.unused_data.lstrip(b"\0")  # tapes pad with zeros
                self._inflate = zlib.decompressobj(WITH_HEADER)
            data = self._inflate.unconsumed_tail or self._behind or self._file.read(COMPRESSED_BYTES)
            self._behind = b""
            if not data:
                return 0
            made = self._inflate.decompress(data, len(buffer))
            if made:
                buffer[: len(made)] = made
                return len(made)
