"""IP packets out of their fragments, as a host puts them together: a command in two fragments is read like any other.

Bounded: what is not whole after a time, or finds no room, is given up. Of bytes that come twice the first are taken;
where the second are not the same that is said, as no stack sends such.
"""

from collections import OrderedDict
from typing import Final, TypeAlias

from protocols.tap.network.packet import Broken, Frame, Packet

MOST_PACKETS: Final = 64
"""Packets that wait for their fragments at once; of more, the oldest is given up."""
MOST_BYTES: Final = 65_535
"""Bytes of a packet, by the field for its length."""
MOST_PIECES: Final = 64
"""Fragments of a packet: one of 65,535 bytes takes 45 on Ethernet."""
LONGEST_NS: Final = 30_000_000_000
"""How long fragments wait: Linux waits as long, others 15 s (RFC 1122 clause 3.3.2 asks for 60 to 120)."""
MOST_HELD: Final = 1 << 20
"""Bytes of all that waits; of more, the oldest packet is given up."""

Key: TypeAlias = tuple[bytes, bytes, int, int]


class Pieces:
    """The fragments of one packet, by offset: since when, and its length once the last one came."""

    __slots__ = ("held", "parts", "since_ns", "size")

    def __init__(self, since_ns: int) -> None:
        self.parts: dict[int, bytes] = {}
        self.since_ns, self.size, self.held = since_ns, -1, 0


class Fragments:
    """All packets of which some fragments came. `forgotten` counts those that were given up."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._waiting: OrderedDict[Key, Pieces] = OrderedDict()
        self._held = 0

    def whole(self, frame: Frame, packet: Packet, time_ns: int) -> bytes | None:
        """Take a fragment; return what the packet carries when it is whole.

        Raises:
            Broken: fragments that cannot be of one packet.
        """
        assert packet.fragment is not None
        identity, offset, more = packet.fragment
        data = bytes(frame[packet.start : packet.end])
        if offset + len(data) > MOST_BYTES:
            raise Broken("IP fragment length")
        key = packet.source, packet.target, packet.protocol, identity
        pieces = self._waiting.get(key)
        if pieces is None or time_ns - pieces.since_ns > LONGEST_NS:
            self._forget(key)
            pieces = self._waiting[key] = Pieces(time_ns)
        self._add(pieces, offset, data)
        if not more:
            pieces.size = offset + len(data)
        found = _joined(pieces)
        if found is not None or len(pieces.parts) > MOST_PIECES:
            self._forget(key)
        while self._held > MOST_HELD or len(self._waiting) > MOST_PACKETS:
            self.forgotten += 1
            self._forget(next(iter(self._waiting)))
        return found

    def _add(self, pieces: Pieces, offset: int, data: bytes) -> None:
        known = pieces.parts.get(offset)
        if known is None:
            pieces.parts[offset] = data
            pieces.held += len(data)
            self._held += len(data)
        elif known != data:
            raise Broken("IP fragments overlap")

    def _forget(self, key: Key) -> None:
        pieces = self._waiting.pop(key, None)
        if pieces is not None:
            self._held -= pieces.held


def _joined(pieces: Pieces) -> bytes | None:
    """Return the bytes of a packet of which nothing is missing."""
    if pieces.size < 0 or pieces.held < pieces.size:
        return None
    joined, at = bytearray(), 0
    for offset, data in sorted(pieces.parts.items()):
        if offset > at:
            return None
        if offset < at:
            raise Broken("IP fragments overlap")
        joined += data
        at += len(data)
    return bytes(joined[: pieces.size])
