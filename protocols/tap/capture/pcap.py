"""Captures in files: pcap and pcapng, either byte order, in the clear or gzip, read as they are asked for.

    pcap      magic:4 major:2 minor:2 zone:4 accuracy:4 snap:4 link:4      then, for each frame
              seconds:4 fraction:4 kept:4 wire:4 frame:kept                fraction in us or ns, as the magic says
    pcapng    see `protocols.tap.capture.blocks`

What is no capture at its start is `BadCapture`. What breaks further on ends the reading with a note, for all before it
is as good as it was: captures are cut off by full disks and by the power. Memory is one frame and two read buffers.
"""

import zlib
from collections.abc import Generator, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from protocols.tap.capture.blocks import MAGIC as PCAPNG
from protocols.tap.capture.blocks import Blocks
from protocols.tap.capture.inflate import GZIP, Inflated
from protocols.tap.capture.links import FRAMED
from protocols.tap.capture.reading import MOST_FRAME, BadCapture, Record, exactly
from protocols.tap.capture.source import Captured

MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Byte order, and nanoseconds in a fraction."""
MOST_NOTES: Final = 20
"""Remarks about one capture."""
READ_BYTES: Final = 1 << 18
"""Bytes read at once."""
NS: Final = 1_000_000_000


class Capture:
    """The capture at `path`, read once; `received` counts its frames, `notes` says what was left out, for people.

    Raises:
        BadCapture: it is none.
        OSError: it cannot be opened.
    """

    dropped = 0
    """What the capturing side lost is not told by most files."""

    def __init__(self, path: Path) -> None:
        self.received = 0
        self.notes: list[str] = []
        self._path, self._left_out = path, dict[int, int]()
        self._size = max(path.stat().st_size, 1)
        self._file = BufferedReader(FileIO(path), READ_BYTES)
        try:
            self._frames = self._read()
        except BaseException as error:
            self._file.close()
            if isinstance(error, BROKEN):
                raise BadCapture(f"{path}: {error}") from None
            raise

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return 1.0 if self._file.closed else min(self._file.tell() / self._size, 1.0)

    def frames(self) -> Iterator[Captured]:
        """Yield the frames that were not read yet, in the order of the file."""
        return self._frames

    def close(self) -> None:
        """Let go of the file."""
        self._frames.close()
        self._file.close()

    def _read(self) -> Generator[Captured, None, None]:
        file: BinaryIO = self._file
        if self._file.peek(2).startswith(GZIP):
            file = BufferedReader(Inflated(self._file), READ_BYTES)
        magic = exactly(file, 4)
        if magic == PCAPNG:
            blocks = Blocks(file)
            return self._told(blocks.records(), blocks)
        if magic not in MAGICS:
            raise BadCapture("this is neither pcap nor pcapng")
        order, fraction_ns = MAGICS[magic]
        link = Struct(order + "16xI").unpack(exactly(file, 20))[0] & 0xFFFF  # above it: whether frames end with a FCS
        return self._told(_records(file, order, fraction_ns, link), None)

    def _told(self, records: Iterator[Record], blocks: Blocks | None) -> Generator[Captured, None, None]:
        try:
            for link, time_ns, data, wire in records:
                framed = FRAMED.get(link)
                if framed is None:
                    self._left_out[link] = self._left_out.get(link, 0) + 1
                    continue
                self.received += 1
                yield memoryview(framed(data)), time_ns, 0, wire
        except BROKEN as error:
            count = self.received + sum(self._left_out.values())
            self._remark(f"broken after frame {count}: {error}; the rest is left out")
        for link, count in self._left_out.items():
            self._remark(f"{count} frames of link type {link} are left out: it is not known here")
        if blocks is not None and blocks.timeless:
            self._remark(f"{blocks.timeless} frames have no time: they get that of the frame before them")

    def _remark(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(text)


def _records(file: BinaryIO, order: str, fraction_ns: int, link: int) -> Iterator[Record]:
    layout = Struct(order + "IIII")
    read, unpack = file.read, layout.unpack
    while head := read(16):
        if len(head) != 16:
            raise BadCapture("the file ends within the header of a frame")
        seconds, fraction, kept, wire = unpack(head)
        if kept > MOST_FRAME:
            raise BadCapture(f"frame of {kept} bytes is over {MOST_FRAME}")
        data = read(kept)
        if len(data) != kept:
            raise BadCapture("the file ends within a frame")
        yield link, seconds * NS + fraction * fraction_ns, data, wire


BROKEN: Final = (BadCapture, zlib.error)
"""What damaged bytes are told as."""
