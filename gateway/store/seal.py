"""Bytes under a checksum: what was written, or a `BadRecord`.

Little-endian:

    +---------+--------+-----------+--------------------------------------+
    | version | coding | crc32 u32 | content, plain (0) or zlib (1)       |
    |  u8 = 1 |   u8   | of the    |                                      |
    |         |        | rest      |                                      |
    +---------+--------+-----------+--------------------------------------+
"""

import struct
import zlib

VERSION = 1
PLAIN, DEFLATED = 0, 1
HEADER = struct.Struct("<BBI")
CONTENT_MAX_BYTES = 16 * 1024 * 1024
"""No message is larger; 400,000 points in one summary. It bounds what a damaged body may inflate to."""
WORTH_DEFLATING_BYTES = 256
"""Below it zlib saves less than a tenth of a page."""


class BadRecord(Exception):
    """A stored body is not what was written: skip it and report the gap."""


def seal(content: bytes) -> bytes:
    """Return `content` under its checksum, deflated where that is smaller."""
    if len(content) > CONTENT_MAX_BYTES:
        raise ValueError(f"message of {len(content)} bytes is over {CONTENT_MAX_BYTES}")
    coding = PLAIN
    if len(content) >= WORTH_DEFLATING_BYTES:
        deflated = zlib.compress(content, 1)
        if len(deflated) < len(content):
            coding, content = DEFLATED, deflated
    return HEADER.pack(VERSION, coding, zlib.crc32(content)) + content


def unseal(body: bytes) -> bytes:
    """Return the content of `body`.

    Raises:
        BadRecord: it is not what was sealed.
    """
    if len(body) < HEADER.size:
        raise BadRecord(f"body of {len(body)} bytes is shorter than its header")
    version, coding, crc = HEADER.unpack_from(body)
    content = body[HEADER.size :]
    if version != VERSION or coding not in (PLAIN, DEFLATED):
        raise BadRecord(f"body has version {version}, coding {coding}; known are version {VERSION}, coding 0 and 1")
    if zlib.crc32(content) != crc:
        raise BadRecord("body does not match its checksum")
    return content if coding == PLAIN else _inflate(content)


def _inflate(deflated: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(deflated, CONTENT_MAX_BYTES)
    except zlib.error as error:
        raise BadRecord(str(error)) from error
    if not stream.eof or stream.unused_data:
        raise BadRecord(f"body inflates to more than {CONTENT_MAX_BYTES} bytes, or has no clean end")
    return content
