"""Own addresses: from where the gateway reaches its devices, so that on the wire it knows itself from others."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from protocols.model import GATEWAY, EventKind
from protocols.sighting import Sighting

DISCARD: Final = 9
"""A port to ask the way for (RFC 863): nothing is ever sent there."""


async def own(host: str, now_ns: int) -> Sighting | None:
    """Return which address of ours leads to `host`; None where there is no way, no such host, or no network."""
    if not host:
        return None
    try:
        target = await _address(host)
        family = socket.AF_INET if target.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((str(target), DISCARD))
            source = str(asked.getsockname()[0])
    except (OSError, ValueError):
        return None
    said = f"{source} is ours"
    return Sighting(GATEWAY, EventKind.PAIR, said, now_ns, source=source, target=str(target), live=True)


async def _address(host: str) -> IPv4Address | IPv6Address:
    """Return the address of a host, which is one already where nobody needs to be asked."""
    try:
        return ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, DISCARD, type=socket.SOCK_DGRAM)
        return ip_address(found[0][4][0])
