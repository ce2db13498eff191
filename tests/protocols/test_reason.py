"""Why there is no connection, in words for people."""

import asyncio
import socket

import pytest

from protocols.driver import LinkLost
from protocols.reason import reason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(113, "No route to host"), "No route to host"),
        (PermissionError(13, "Permission denied", "/dev/ttyS0"), "[Errno 13] Permission denied: '/dev/ttyS0'"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError(113, None), "No route to host"),
        (LinkLost("closed by the device"), "closed by the device"),
        (TimeoutError(), "no answer to the connection"),
    ],
)
def test_a_reason(error, text):
    """The words of the system, without numbers and tuples; a file is still named."""
    assert text == reason(error)


async def test_nobody_listens(unused_tcp_port):
    """The refusal of a connection, whose own text shows a tuple, is said in two words."""
    with pytest.raises(OSError, match="Connect call failed") as raised:
        await asyncio.open_connection("127.0.0.1", unused_tcp_port)

    assert reason(raised.value) == "connection refused"
