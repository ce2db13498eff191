"""The frames of the last minutes in RAM, for evidence: a bounded ring that costs half a microsecond a frame.

    chunk     kept:4 time:8 VLAN:2 frame:kept, and so on

Chunks are filled one after the other. What is over the budget goes a chunk at a time, the oldest first, so nothing has
to be found or moved for a single frame. No object is kept for a frame.
"""

from collections import deque
from collections.abc import Sequence
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

_pack, _unpack, _HEAD_BYTES = HEAD.pack, HEAD.unpack_from, HEAD.size

Kept = tuple[int, bytes, int]
"""UTC nanoseconds, the frame, the VLAN whose tag is not in it."""


class Chunk:
    """Frames one behind the other: their octets, their number, the times of the earliest and of the latest."""

    __slots__ = ("count", "first_ns", "last_ns", "octets")

    def __init__(self) -> None:
        self.octets = bytearray()
        self.count = self.first_ns = self.last_ns = 0


class Memory:
    """Keeps frames within `budget_bytes`; `fallen` counts those that had to go."""

    def __init__(self, budget_bytes: int) -> None:
        self.fallen = 0
        self._most = max(LEAST_CHUNKS, budget_bytes // CHUNK_BYTES)
        self._now = Chunk()
        self._chunks = deque([self._now])

    def __len__(self) -> int:
        return sum(chunk.count for chunk in self._chunks)

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        return sum(len(chunk.octets) for chunk in self._chunks)

    def keep(self, frame: bytes | memoryview, time_ns: int, vlan: int = 0) -> None:
        """Keep a frame; it is copied."""
        size = len(frame)
        if size > FRAME_BYTES:
            frame, size = frame[:FRAME_BYTES], FRAME_BYTES
        now = self._now
        if len(now.octets) + _HEAD_BYTES + size > CHUNK_BYTES:
            now = self._turn()
        now.octets += _pack(size, time_ns, vlan)
        now.octets += frame
        if not now.count:
            now.first_ns = now.last_ns = time_ns
        elif time_ns > now.last_ns:
            now.last_ns = time_ns
        elif time_ns < now.first_ns:  # our clock was set back
            now.first_ns = time_ns
        now.count += 1

    def between(self, from_ns: int, to_ns: int, hosts: Sequence[str] = ()) -> list[Kept]:
        """Return the frames of a time, both ends included, in the order in which they came.

        With `hosts`, IP or MAC addresses, those in whose first bytes one of them stands: that is where addresses are.
        """
        wanted = [packed(host) for host in hosts]
        found: list[Kept] = []
        for chunk in self._chunks:
            octets = chunk.octets
            if chunk.last_ns < from_ns or chunk.first_ns > to_ns:
                continue
            here = [address for address in wanted if address in octets]
            if here or not wanted:
                _search(octets, from_ns, to_ns, here, found)
        return found

    def _turn(self) -> Chunk:
        if len(self._chunks) >= self._most:
            self.fallen += self._chunks.popleft().count
        self._now = Chunk()
        self._chunks.append(self._now)
        return self._now


def _search(octets: bytearray, from_ns: int, to_ns: int, addresses: Sequence[bytes], found: list[Kept]) -> None:
    """Add the frames of a chunk that are wanted."""
    at, end = 0, len(octets)
    while at < end:
        size, time_ns, vlan = _unpack(octets, at)
        start, at = at + _HEAD_BYTES, at + _HEAD_BYTES + size
        if from_ns <= time_ns <= to_ns:
            within = min(at, start + ADDRESSES_WITHIN)
            if not addresses or any(octets.find(address, start, within) >= 0 for address in addresses):
                found.append((time_ns, bytes(octets[start:at]), vlan))


def packed(host: str) -> bytes:
    """Return the bytes of an IP or MAC address as they stand in a frame.

    Raises:
        ValueError: it is neither.
    """
    if host.count(":") == 5 and len(host) == 17:
        return bytes.fromhex(host.replace(":", ""))
    return ip_address(host).packed
