"""Frames from a ring that the kernel and the tap share (TPACKET_V3): no system call and no copy for a frame.

    ring      blocks of BLOCK_BYTES; the kernel fills one after the other, and hands one over when it is full, or
              RETIRE_MS after its first frame
    block     version:4 private:4 status:4 frames:4 first:4 length:4 number:8 times     status 0 kernel's, bit 0 ours
    frame     next:4 seconds:4 nanoseconds:4 kept:4 wire:4 status:4 mac:2 net:2 hash:4 tci:4 tpid:2 ... frame at `mac`

A block is read whole, then given back with its status. While all blocks are ours the kernel drops, and counts.
https://www.kernel.org/doc/html/latest/networking/packet_mmap.html
"""

import mmap
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import Final

from protocols.tap.capture.hearing import Hearing
from protocols.tap.capture.packets import SOL_PACKET, VLAN_NUMBER, VLAN_VALID, Filter
from protocols.tap.capture.source import Captured

RX_RING, VERSION, TPACKET_V3 = 5, 10, 2
BLOCK_BYTES: Final = 1 << 18
"""A block; four of the largest frames that the kernel puts together of TCP's (GRO, 64 KiB)."""
FRAME_BYTES: Final = 2048
"""Only a divisor in this version of the ring: frames lie close."""
RETIRE_MS: Final = 50
"""How long a frame waits in a block that is not full."""
LEAST_BLOCKS: Final = 4
REQUEST: Final = Struct("=IIIIIII")
BLOCK: Final = Struct("=III")
"""At offset 8 of a block: its status, its frames, the offset of the first."""
FRAME: Final = Struct("=IIIIIIHH4xI")
KERNELS, OURS = b"\0\0\0\0", 1
NS: Final = 1_000_000_000


class Ring(Hearing):
    """A ring of `ring_bytes` on `interface`.

    Raises:
        LinkLost: as `Hearing`.
        OSError: the kernel has no such ring, or no memory for it.
    """

    def __init__(self, interface: str, filtered: Filter, *, ring_bytes: int, promiscuous: bool = False) -> None:
        self._blocks = max(LEAST_BLOCKS, ring_bytes // BLOCK_BYTES)
        self._next = 0
        super().__init__(interface, filtered, promiscuous=promiscuous)

    def frames(self) -> Iterator[Captured]:
        """Yield the frames of the next block, none if the kernel has not handed one over.

        Raises:
            LinkLost: the interface has gone.
        """
        view, at = self._view, self._next * BLOCK_BYTES
        status, count, first = BLOCK.unpack_from(view, at + 8)
        if not status & OURS:
            self._packets.check()
            return
        self._next = (self._next + 1) % self._blocks
        unpack, place = FRAME.unpack_from, at + first
        try:
            for _ in range(count):
                further, seconds, rest, kept, wire, flags, mac, _net, tag = unpack(view, place)
                begin = place + mac
                vlan = tag & VLAN_NUMBER if flags & VLAN_VALID else 0
                self.received += 1
                yield view[begin : begin + kept], seconds * NS + rest, vlan, wire
                place += further
        finally:
            view[at + 8 : at + 12] = KERNELS  # one store: the kernel may fill the block from here on

    def close(self) -> None:
        """Give the ring back."""
        super().close()
        with suppress(AttributeError, BufferError, ValueError):  # BufferError: somebody still looks at a frame
            self._view.release()
            self._map.close()

    def _prepare(self) -> None:
        told, size = self._packets.socket, self._blocks * BLOCK_BYTES
        told.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
        told.setsockopt(
            SOL_PACKET,
            RX_RING,
            REQUEST.pack(BLOCK_BYTES, self._blocks, FRAME_BYTES, size // FRAME_BYTES, RETIRE_MS, 0, 0),
        )
        self._map = mmap.mmap(told.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._view = memoryview(self._map)
