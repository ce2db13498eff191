"""Captures for other people's tools: pcapng with times in nanoseconds and a remark beside a frame. Bytes only, no file.

    section     who wrote it (option 4), and why (option 1)
    interface   Ethernet, its name (option 2), its resolution 9: 10^-9 s (option 9)
    frames      one enhanced packet block each, with a comment (option 1) where there is one

All in little endian; see `protocols.tap.capture.blocks` for the blocks. A tag that the kernel took off is put back in.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from protocols.tap.capture.links import ETHERNET

SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6
ORDER: Final = 0x1A2B3C4D
COMMENT, NAME, APPLICATION, RESOLUTION = 1, 2, 4, 9
NANOSECONDS: Final = b"\x09"
UNKNOWN_LENGTH: Final = -1
TAG: Final = Struct(">HH")
VLAN: Final = 0x8100
MOST_COMMENT: Final = 4096
"""Bytes of a comment; a tool shows it in one line."""

_LENGTH: Final = Struct("<I")
_HEAD: Final = Struct("<II")
_SECTION: Final = Struct("<IHHq")
_INTERFACE: Final = Struct("<HHI")
_ENHANCED: Final = Struct("<IIIII")
_OPTION: Final = Struct("<HH")


def head(*, interface: str = "", application: str = "GridSentinel", comment: str = "") -> bytes:
    """Return what a file begins with: a section of one interface."""
    said = _options({COMMENT: _text(comment), APPLICATION: _text(application)})
    heard = _options({NAME: _text(interface), RESOLUTION: NANOSECONDS})
    return _block(SECTION, _SECTION.pack(ORDER, 1, 0, UNKNOWN_LENGTH) + said) + _block(
        INTERFACE, _INTERFACE.pack(ETHERNET, 0, 0) + heard
    )


def packet(frame: bytes, time_ns: int, *, vlan: int = 0, wire: int = 0, comment: str = "") -> bytes:
    """Return a frame as a block; `wire` is its length before it was cut, 0 when it was not."""
    if vlan and len(frame) >= 12:
        frame, wire = frame[:12] + TAG.pack(VLAN, vlan) + frame[12:], wire + TAG.size if wire else 0
    fixed = _ENHANCED.pack(0, time_ns >> 32, time_ns & 0xFFFF_FFFF, len(frame), max(wire, len(frame)))
    return _block(ENHANCED, fixed + _padded(frame) + _options({COMMENT: _text(comment)}))


def capture(
    frames: Iterable[tuple[int, bytes, int]], *, interface: str = "", comment: str = "", why: str = ""
) -> Iterator[bytes]:
    """Yield a file piece by piece: of time, frame and VLAN each; `why` is the comment of the first frame."""
    yield head(interface=interface, comment=comment)
    for time_ns, frame, vlan in frames:
        yield packet(frame, time_ns, vlan=vlan, comment=why)
        why = ""


def _text(text: str) -> bytes:
    return text.encode()[:MOST_COMMENT].decode(errors="ignore").encode()  # never cut within a letter


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(options: dict[int, bytes]) -> bytes:
    told = b"".join(_OPTION.pack(code, len(value)) + _padded(value) for code, value in options.items() if value)
    return told + _OPTION.pack(0, 0) if told else b""


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return _HEAD.pack(kind, size) + body + _LENGTH.pack(size)
