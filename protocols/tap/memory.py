"""The frames of the last minutes in RAM, for evidence: a bounded ring that costs half a microsecond a frame.

    chunk     kept:4 time:8 VLAN:2 frame:kept, and so on

Chunks are filled one after the other. What is over the budget goes a chunk at a time, the oldest first, so nothing has
to be found or moved for a single frame. No object is kept for a frame.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from struct import Struct
from typing import Final

HEAD: Final = Struct("=IqH")
CHUNK_BYTES: Final = 65_536
"""A chunk; of a budget of megabytes one is a small part."""
LEAST_CHUNKS: Final = 2
FRAME_BYTES: Final = 16_384
"""Bytes that are kept of a frame: all of a jumbo frame; of what the kernel has put together (GRO) the beginning."""
ADDRESSES_WITHIN: Final = 62
"""Bytes of a frame that hold its addresses: Ethernet, two tags, IPv6."""

Kept = tuple[int, bytes, int]
"""UTC nanoseconds, the frame, the VLAN whose tag is not in it."""


class Memory:
    """Keeps frames within `budget_bytes`; `fallen` counts those that had to go."""

    def __init__(self, budget_bytes: int) -> None:
        self.fallen = 0
        self._most = max(LEAST_CHUNKS, budget_bytes // CHUNK_BYTES)
        self._chunks: deque[bytearray] = deque([bytearray()])
        self._counts: deque[int] = deque([0])
        self._now = self._chunks[0]

    def __len__(self) -> int:
        return sum(self._counts)

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        return sum(map(len, self._chunks))

    def keep(self, frame: bytes | memoryview, time_ns: int, vlan: int = 0) -> None:
        """Keep a frame; it is copied."""
        size = len(frame)
        if size > FRAME_BYTES:
            frame, size = frame[:FRAME_BYTES], FRAME_BYTES
        if len(self._now) + HEAD.size + size > CHUNK_BYTES:
            self._turn()
        self._now += HEAD.pack(size, time_ns, vlan)
        self._now += frame
        self._counts[-1] += 1

    def between(self, from_ns: int, to_ns: int, hosts: Sequence[str] = ()) -> list[Kept]:
        """Return the frames of a time, both ends included, in the order in which they came.

        With `hosts`, IP or MAC addresses, those in whose first bytes one of them stands: that is where addresses are.
        """
        wanted = [packed(host) for host in hosts]
        return [
            kept
            for kept in self._all()
            if from_ns <= kept[0] <= to_ns
            and (not wanted or any(address in kept[1][:ADDRESSES_WITHIN] for address in wanted))
        ]

    def _all(self) -> Iterator[Kept]:
        for chunk in self._chunks:
            at = 0
            while at < len(chunk):
                size, time_ns, vlan = HEAD.unpack_from(chunk, at)
                at += HEAD.size + size
                yield time_ns, bytes(chunk[at - size : at]), vlan

    def _turn(self) -> None:
        if len(self._chunks) >= self._most:
            del self._chunks[0]
            self.fallen += self._counts.popleft()
        self._now = bytearray()
        self._chunks.append(self._now)
        self._counts.append(0)


def packed(host: str) -> bytes:
    """Return the bytes of an IP or MAC address as they stand in a frame.

    Raises:
        ValueError: it is neither.
    """
    if host.count(":") == 5 and len(host) == 17:
        return bytes.fromhex(host.replace(":", ""))
    return ip_address(host).packed
