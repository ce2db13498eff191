"""From a frame to what it carries: Ethernet with its tags, IPv4, IPv6 and their extensions, TCP and UDP headers.

Pure: bytes in, positions out. Nothing is copied but addresses. What cannot be is `Broken`, with the word for it.

    Ethernet   target(6) source(6) [tag(4) …] EtherType(2)
    IPv4       version+length(1) x total(2) id(2) flags+offset(2) x protocol(1) x source(4) target(4) [options]
    IPv6       version(4 bits) … payload(2) next(1) x source(16) target(16) [extension …]
"""

from struct import Struct
from typing import Final, NamedTuple, TypeAlias

Frame: TypeAlias = bytes | memoryview

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
TCP: Final = 6
UDP: Final = 17
MOST_TAGS: Final = 4
"""Tags before the EtherType: two VLANs (802.1ad) and one of a redundant ring are the most that make sense."""
MOST_EXTENSIONS: Final = 32
"""IPv6 extension headers of a packet; RFC 8200 clause 4.1 knows seven, each once, but hosts take more."""

_TAGS: Final = {0x8100: 4, 0x88A8: 4, 0x9100: 4, 0x892F: 6}
"""VLAN 802.1Q, 802.1ad, its forerunner, and HSR of IEC 62439-3: how many bytes each takes."""
_LENGTHS: Final = 1536
_SNAP: Final = b"\xaa\xaa\x03\0\0\0"
"""802.3 with an EtherType behind it: some hosts take IP so, too (RFC 1042)."""
_EXTENSIONS: Final = frozenset({0, 43, 51, 60, 135})
_FRAGMENT: Final = 44
_IPV4: Final = Struct(">BxHHHBBxx4s4s")
_IPV6: Final = Struct(">BxxxHBB16s16s")
_PIECE: Final = Struct(">BxHI")
_WORD: Final = Struct(">H")


class Broken(Exception):
    """A header that cannot be: `why` in a few words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Packet(NamedTuple):
    """An IP packet: addresses, what it carries and where, in bytes from the start of the frame; `hops` are left to it.

    `fragment` is None for a whole one; else its identity, the offset of its payload, and whether more follow.
    """

    source: bytes
    target: bytes
    protocol: int
    start: int
    end: int
    hops: int
    fragment: tuple[int, int, bool] | None = None


def ethertype(frame: Frame) -> tuple[int, int]:
    """Return the EtherType behind all tags, and where its payload begins. Below 1536 it is a length (802.3)."""
    at = 12
    for _ in range(MOST_TAGS):
        if len(frame) < at + 2:
            raise Broken("truncated")
        kind = _WORD.unpack_from(frame, at)[0]
        taken = _TAGS.get(kind)
        if taken is None:
            at += 2
            if kind < _LENGTHS and frame[at : at + 6] == _SNAP and len(frame) >= at + 8:
                return _WORD.unpack_from(frame, at + 6)[0], at + 8
            return kind, at
        at += taken
    raise Broken("too many tags")


def ipv4(frame: Frame, at: int) -> Packet:
    """Read the header of an IPv4 packet that begins at `at`."""
    if len(frame) < at + 20:
        raise Broken("truncated")
    version, total, identity, fragment, hops, protocol, source, target = _IPV4.unpack_from(frame, at)
    header = (version & 15) * 4
    total = total or len(frame) - at  # captured before the interface cut it into segments
    if version >> 4 != 4:
        raise Broken("IP version")
    if header < 20 or total < header:
        raise Broken("IP header length")
    piece = (identity, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)) if fragment & 0x3FFF else None
    return Packet(source, target, protocol, at + header, at + total, hops, piece)


def ipv6(frame: Frame, at: int) -> Packet:
    """Read the headers of an IPv6 packet that begins at `at`, up to what it carries."""
    if len(frame) < at + 40:
        raise Broken("truncated")
    version, length, protocol, hops, source, target = _IPV6.unpack_from(frame, at)
    if version >> 4 != 6:
        raise Broken("IP version")
    return carried(frame, Packet(source, target, protocol, at + 40, at + 40 + length, hops))


def carried(frame: Frame, packet: Packet) -> Packet:
    """Return what an IP packet carries behind the extension headers of IPv6; a fragment may still begin with such."""
    source, target, protocol, start, end, hops, _ = packet
    for _ in range(MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS and protocol != _FRAGMENT:
            return Packet(source, target, protocol, start, end, hops)
        if len(frame) < start + 8 or start + 8 > end:
            raise Broken("IP extension length")
        if protocol == _FRAGMENT:
            protocol, offset, identity = _PIECE.unpack_from(frame, start)
            start += 8
            if offset & 0xFFF9:
                return Packet(source, target, protocol, start, end, hops, (identity, offset & 0xFFF8, bool(offset & 1)))
        else:
            length = (frame[start + 1] + 2) * 4 if protocol == 51 else (frame[start + 1] + 1) * 8
            protocol, start = frame[start], start + length
            if start > end:
                raise Broken("IP extension length")
    raise Broken("too many IP extensions")
