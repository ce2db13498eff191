"""Asks a page as often as it can, in a process of its own: `python flooding.py PORT SECONDS HOW`.

    pipelined   many questions at once on few connections; the answers are thrown away
    anew        each question on a connection of its own

Says at the end how many questions it has sent.
"""

import selectors
import socket
import sys
import time
from contextlib import suppress

LINES = 40
BURST = 50
QUESTION = b"GET /api/v1/values HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def connected(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    with suppress(BlockingIOError):
        sock.connect(("127.0.0.1", port))
    return sock


def main(port: int, seconds: float, how: str) -> int:
    """Flood, and return how many questions were sent as whole as the other side took them."""
    pipelined, sent, told = how == "pipelined", 0, selectors.DefaultSelector()
    for _ in range(LINES):
        told.register(connected(port), selectors.EVENT_READ | selectors.EVENT_WRITE)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, events in told.select(0.05):
            sock, over = key.fileobj, False
            assert isinstance(sock, socket.socket)
            try:
                if events & selectors.EVENT_WRITE:
                    sent += sock.send(QUESTION * (BURST if pipelined else 1)) // len(QUESTION)
                    if not pipelined:
                        told.modify(sock, selectors.EVENT_READ)
                if events & selectors.EVENT_READ:
                    over = not sock.recv(65536) or not pipelined
            except OSError:
                over = True
            if over:
                told.unregister(sock)
                sock.close()
                told.register(connected(port), selectors.EVENT_READ | selectors.EVENT_WRITE)
    return sent


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))  # noqa: T201
