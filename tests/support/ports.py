"""Ports for servers that are started later, or stopped and started again at the same place."""

import random
import socket
from contextlib import suppress

FIRST, LAST = 22_000, 32_000
"""Below the ephemeral ones: the kernel gives none of them to a connection or to a server that asks for any."""
_DICE = random.SystemRandom()
"""Not the common one, which is set to the same seed before each test of every worker."""


def free_port() -> int:
    """Return a port of the loopback at which nobody listens, and at which nobody but a caller of this will."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", _DICE.randrange(FIRST, LAST))) as server:
            return int(server.getsockname()[1])
