"""Addresses of the wire as texts: IPv4 and IPv6, and hardware addresses."""

from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

MOST_TEXTS: Final = 1024
"""Addresses whose texts are kept: a substation has some hundreds."""


@lru_cache(MOST_TEXTS)
def text(raw: bytes) -> str:
    """Return an address as people write it: 4 bytes are IPv4, 6 a MAC address, 16 IPv6, none nobody."""
    if len(raw) == 4:
        return f"{raw[0]}.{raw[1]}.{raw[2]}.{raw[3]}"
    if len(raw) == 16:
        return str(IPv6Address(raw))
    return raw.hex(":")


def group(raw: bytes) -> bool:
    """Return whether it is an address of many: multicast or broadcast."""
    if len(raw) == 4:
        return raw[0] >= 224
    return bool(raw[0] & 1) if len(raw) == 6 else raw[0] == 0xFF
