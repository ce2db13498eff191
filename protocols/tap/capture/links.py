"""Link types of captures: whatever was captured is handed on as an Ethernet frame, for only that is looked at.

    null, loop    family:4  IP packet                   raw           IP packet
    SLL           kind:2 hardware:2 length:2 address:8 EtherType:2
    SLL2          EtherType:2 0:2 interface:4 hardware:2 kind:1 length:1 address:8

What has no MAC addresses gets zeros, and a receiver that is not known too.
https://www.tcpdump.org/linktypes.html
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Framed: TypeAlias = Callable[[bytes], bytes]
"""Makes an Ethernet frame of what was captured; what is too short for its header becomes an empty frame."""

NOBODY: Final = bytes(6)
IPV4, IPV6 = NOBODY + NOBODY + b"\x08\x00", NOBODY + NOBODY + b"\x86\xdd"


def _ethernet(data: bytes) -> bytes:
    return data


def _raw(data: bytes) -> bytes:
    return (IPV6 if data[:1] >= b"\x60" else IPV4) + data if data else b""


def _null(data: bytes) -> bytes:
    return _raw(data[4:])  # systems number their families differently; the packet says its version itself


def _cooked(data: bytes) -> bytes:
    return NOBODY + _address(data[6:12], data[4:6]) + data[14:] if len(data) >= 16 else b""


def _cooked2(data: bytes) -> bytes:
    return NOBODY + _address(data[12:18], data[10:12]) + data[:2] + data[20:] if len(data) >= 20 else b""


def _address(address: bytes, kind_and_length: bytes) -> bytes:
    return address if kind_and_length[1] == len(NOBODY) else NOBODY


FRAMED: Final[Mapping[int, Framed]] = {
    0: _null,
    1: _ethernet,
    12: _raw,
    101: _raw,
    108: _null,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked2,
}
"""By link type."""
ETHERNET: Final = 1
