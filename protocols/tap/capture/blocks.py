"""Blocks of a pcapng file: sections, interfaces and frames; everything else is passed over.

    any block         type:4 length:4 body length:4, padded to 4 bytes; the byte order may change with each section
    section           0a0d0d0a   1a2b3c4d:4 major:2 minor:2 size:8 options
    interface         1          link:2 0:2 snap:4 options         option 9: resolution of time, 14: its offset in s
    enhanced packet   6          interface:4 high:4 low:4 kept:4 wire:4 frame options
    simple packet     3          wire:4 frame                      of interface 0, without a time
    packet            2          interface:2 lost:2 high:4 low:4 kept:4 wire:4 frame options      before 2004

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, Final

from protocols.tap.capture.reading import MOST_FRAME, BadCapture, Record, exactly, skip

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
INTERFACE, PACKET, SIMPLE, ENHANCED = 1, 2, 3, 6
RESOLUTION, OFFSET = 9, 14
LEAST_BLOCK: Final = 12
"""Type and both lengths."""
MOST_BLOCK: Final = MOST_FRAME + 65_536
"""Longest block in bytes that is looked at: a frame and its options, comments of 64 KiB at most."""
MOST_INTERFACES: Final = 1024
"""Interfaces of one section; a machine has some dozens."""
LAST_NS: Final = (1 << 63) - 1
NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Interface:
    """What is known of the frames of one interface: `ticks * times // over + offset_ns` is their UTC."""

    link: int
    snap: int
    times: int = 1000
    over: int = 1
    offset_ns: int = 0


class Layouts:
    """The layouts of all blocks in one byte order."""

    def __init__(self, order: str) -> None:
        self.head = Struct(order + "II")
        self.length = Struct(order + "I")
        self.interface = Struct(order + "HHI")
        self.packet = Struct(order + "HHIIII")
        self.enhanced = Struct(order + "IIIII")
        self.option = Struct(order + "HH")
        self.offset = Struct(order + "q")


class Blocks:
    """Reads `file`, which stands behind the first block's type."""

    def __init__(self, file: BinaryIO) -> None:
        self.timeless = 0
        """Frames that came without a time, and got that of the frame before them."""
        self._file = file
        self._time_ns = 0
        self._section(exactly(file, 4))

    def records(self) -> Iterator[Record]:
        """Yield the frames.

        Raises:
            BadCapture: the file is broken from here on.
        """
        while head := self._file.read(8):
            if head.startswith(MAGIC) and len(head) == 8:
                self._section(head[4:])
                continue
            kind, length = self._layouts.head.unpack(head if len(head) == 8 else exactly(self._file, 8))
            if length < LEAST_BLOCK or length % 4:
                raise BadCapture(f"block of {length} bytes, which is no multiple of 4 from {LEAST_BLOCK} on")
            if kind not in {INTERFACE, PACKET, SIMPLE, ENHANCED}:
                skip(self._file, length - 8)
            elif kind == INTERFACE:
                self._interface(self._body(length))
            else:
                yield self._packet(kind, self._body(length))

    def _section(self, length: bytes) -> None:
        order = ORDERS.get(exactly(self._file, 4))
        if order is None:
            raise BadCapture("section without its byte order 1a2b3c4d")
        self._layouts = Layouts(order)
        self._interfaces: list[Interface] = []
        skip(self._file, self._layouts.length.unpack(length)[0] - LEAST_BLOCK)

    def _body(self, length: int) -> bytes:
        if length > MOST_BLOCK:
            raise BadCapture(f"block of {length} bytes is over {MOST_BLOCK}")
        body = exactly(self._file, length - 8)
        if self._layouts.length.unpack_from(body, length - LEAST_BLOCK)[0] != length:
            raise BadCapture(f"block of {length} bytes does not say so at its end")
        return body[:-4]

    def _interface(self, body: bytes) -> None:
        if len(self._interfaces) >= MOST_INTERFACES:
            raise BadCapture(f"over {MOST_INTERFACES} interfaces")
        if len(body) < self._layouts.interface.size:
            raise BadCapture("interface block without a link type")
        link, _, snap = self._layouts.interface.unpack_from(body)
        options = self._options(body, self._layouts.interface.size)
        times, over = _resolution(options.get(RESOLUTION, b"\x06")[:1])
        offset = options.get(OFFSET, b"")
        offset_ns = self._layouts.offset.unpack(offset)[0] * NS if len(offset) == 8 else 0
        self._interfaces.append(Interface(link, snap or MOST_FRAME, times, over, offset_ns))

    def _options(self, body: bytes, at: int) -> dict[int, bytes]:
        options: dict[int, bytes] = {}
        while at + 4 <= len(body):
            code, size = self._layouts.option.unpack_from(body, at)
            if not code:
                break
            options[code] = body[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4
        return options

    def _packet(self, kind: int, body: bytes) -> Record:
        if kind == SIMPLE:
            return self._simple(body)
        layout = self._layouts.enhanced if kind == ENHANCED else self._layouts.packet
        if len(body) < layout.size:
            raise BadCapture(f"packet block of {len(body)} bytes is under {layout.size}")
        number, *_, high, low, kept, wire = layout.unpack_from(body)
        interface = self._of(number)
        if kept > len(body) - layout.size:
            raise BadCapture(f"frame of {kept} bytes in a block of {len(body)}")
        self._time_ns = (high << 32 | low) * interface.times // interface.over + interface.offset_ns
        if not 0 <= self._time_ns <= LAST_NS:
            raise BadCapture("frame with a time that is not from 1970 to 2262")
        return interface.link, self._time_ns, body[layout.size : layout.size + kept], wire

    def _simple(self, body: bytes) -> Record:
        if len(body) < 4:
            raise BadCapture("packet block without a length")
        wire, interface = self._layouts.length.unpack_from(body)[0], self._of(0)
        self.timeless += 1
        return interface.link, self._time_ns, body[4 : 4 + min(wire, interface.snap)], wire

    def _of(self, number: int) -> Interface:
        if number >= len(self._interfaces):
            raise BadCapture(f"frame of interface {number}, which was not described")
        return self._interfaces[number]


def _resolution(option: bytes) -> tuple[int, int]:
    """Return by what ticks are multiplied and divided; the option says a power of ten, or of two in its upper half."""
    power = option[0] & 0x7F if option else 6
    if option and option[0] & 0x80:
        return NS, 1 << power
    return (10 ** (9 - power), 1) if power <= 9 else (1, 10 ** (power - 9))
