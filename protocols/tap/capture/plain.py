"""Frames one by one, where the kernel gives no ring: a system call and a copy each, three times the cost."""

import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final

from protocols.driver import LinkLost
from protocols.tap.capture.hearing import Hearing
from protocols.tap.capture.packets import SOL_PACKET, VLAN_NUMBER, VLAN_VALID, Filter
from protocols.tap.capture.source import Captured

AUXDATA: Final = 8
SIDE: Final = Struct("=IIIHHHH")
"""What is told beside a frame: status, wire, kept, mac, net, tci, tpid."""
TIMESTAMP: Final = 35
"""SO_TIMESTAMPNS, and what is told beside a frame for it."""
STAMP: Final = Struct("@ll")
FRAME_BYTES: Final = 1 << 17
"""Longest frame: TCP's that the kernel has put together (GRO) have 64 KiB."""
SIDE_BYTES: Final = 256
AT_ONCE: Final = 256
"""Frames of one call."""
NS: Final = 1_000_000_000


class Plain(Hearing):
    """Receives from `interface`; the kernel's own buffer has `buffer_bytes`, as far as the system allows."""

    def __init__(self, interface: str, filtered: Filter, *, buffer_bytes: int, promiscuous: bool = False) -> None:
        self._frame = memoryview(bytearray(FRAME_BYTES))
        self._buffer_bytes = buffer_bytes
        super().__init__(interface, filtered, promiscuous=promiscuous)

    def frames(self) -> Iterator[Captured]:
        """Yield what waits, at most `AT_ONCE`.

        Raises:
            LinkLost: the interface has gone.
        """
        frame, receive = self._frame, self._packets.socket.recvmsg_into
        for _ in range(AT_ONCE):
            try:
                kept, beside, _flags, _ = receive([frame], SIDE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                raise LinkLost(f"the interface has gone: {error.strerror}") from None
            time_ns, vlan, wire = _told(beside, kept)
            self.received += 1
            yield frame[:kept], time_ns, vlan, wire

    def _prepare(self) -> None:
        heard = self._packets.socket
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes // 2)  # the kernel doubles it
        heard.setsockopt(SOL_PACKET, AUXDATA, 1)
        heard.setsockopt(socket.SOL_SOCKET, TIMESTAMP, 1)


def _told(beside: list[tuple[int, int, bytes]], kept: int) -> tuple[int, int, int]:
    """Return time, VLAN and length on the wire of what is told beside a frame of `kept` bytes."""
    time_ns, vlan, wire = 0, 0, kept
    for level, kind, data in beside:
        if level == SOL_PACKET and kind == AUXDATA and len(data) >= SIDE.size:
            status, wire, _, _, _, tag, _ = SIDE.unpack_from(data)
            vlan = tag & VLAN_NUMBER if status & VLAN_VALID else 0
        elif level == socket.SOL_SOCKET and kind == TIMESTAMP and len(data) >= STAMP.size:
            seconds, rest = STAMP.unpack_from(data)
            time_ns = seconds * NS + rest
    return time_ns, vlan, wire
