"""Bytes of a capture file: exactly as many as are asked for, or the one error that there is."""

from typing import BinaryIO, Final, TypeAlias

MOST_FRAME: Final = 262_144
"""Longest frame in bytes: the largest snap length of tcpdump and of Wireshark."""
SKIPPED_BYTES: Final = 1 << 16
"""Bytes read at once of what is not looked at."""

Record: TypeAlias = tuple[int, int, bytes, int]
"""Link type, UTC nanoseconds, what was kept of the frame, and its length on the wire."""


class BadCapture(Exception):
    """The file is no capture, or broken from here on: says where, and what is allowed."""


def exactly(file: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes.

    Raises:
        BadCapture: there are fewer.
    """
    data = file.read(size)
    if len(data) != size:
        raise BadCapture(f"the file ends {size - len(data)} bytes too early")
    return data


def skip(file: BinaryIO, size: int) -> None:
    """Pass over `size` bytes without keeping them."""
    while size > 0:
        size -= len(exactly(file, min(size, SKIPPED_BYTES)))
