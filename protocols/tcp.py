"""A connection to a device over TCP, in TLS where its url says so; what every one of them needs to notice its end."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

from protocols.tls import TlsDevice
from protocols.url import host_and_port

P = TypeVar("P", bound=asyncio.BaseProtocol)

DEAD_AFTER_MS: Final = 20_000
"""TCP gives up a silent peer after this, instead of 15 minutes of retransmissions (Linux, tcp_retries2)."""


async def open_tcp(make: Callable[[], P], device: TlsDevice, url: str, ports: Mapping[str, int]) -> P:
    """Connect to `url`, which `network_url` has accepted for `ports`, and return the protocol that `make` gives.

    Raises:
        OSError: nobody answers, or no certificate fits.
    """
    host, port = host_and_port(url, ports)
    context = device.tls_context() if urlsplit(url).scheme == "tls" else None
    name = None if context is None else device.server_name
    _, protocol = await asyncio.get_running_loop().create_connection(
        make, host, port, ssl=context, server_hostname=name
    )
    return protocol


def prepare(transport: asyncio.Transport, unsent_bytes: int) -> None:
    """Send at once, notice a dead peer, pause the protocol beyond `unsent_bytes`; a serial line needs only the last."""
    transport.set_write_buffer_limits(unsent_bytes)
    peer: socket.socket | None = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
