"""Own addresses: from where the gateway reaches its devices, so that on the wire it knows itself from others."""

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from protocols.model import GATEWAY, EventKind
from protocols.sighting import Sighting

DISCARD: Final = 9
"""A port to ask the way for (RFC 863): nothing is ever sent there."""


def own(hosts: Iterable[str], now_ns: int) -> Iterator[Sighting]:
    """Yield once for each address of ours that leads to one of `hosts`, which are addresses; names are left out."""
    known = set[str]()
    for host in hosts:
        source = _source(host)
        if source and source not in known:
            known.add(source)
            yield Sighting(GATEWAY, EventKind.PAIR, f"{source} is ours", now_ns, source=source, target=host, live=True)


def _source(host: str) -> str:
    """Return the address that the kernel would send from; empty where there is no way, or no address."""
    try:
        family = socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((host, DISCARD))
            return str(asked.getsockname()[0])
    except (ValueError, OSError):
        return ""
