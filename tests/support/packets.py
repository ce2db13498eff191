"""Frames that tests show to the tap, and what it says of them."""

import struct
from collections.abc import Sequence

from protocols.model import EventKind
from protocols.sighting import Sighting
from protocols.tap.watch import Watch
from simulator.wire import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    Connection,
    address,
    arp,
    ethernet,
    ipv4,
    ipv6,
    mac,
    segment,
    tcp,
    udp,
)

NS = 1_000_000_000
START = 1_700_000_000 * NS
MS = 1_000_000
CLIENT, SERVER = "10.0.0.5", "10.0.0.9"
__all__ = [
    "ACK", "CLIENT", "FIN", "MS", "NS", "PSH", "RST", "SERVER", "START", "SYN", "Connection", "Seen", "Talk", "address",
    "arp", "ethernet", "ipv4", "ipv6", "mac", "mbap", "read_request", "read_response", "segment", "tcp", "udp",
]  # fmt: skip


class Talk(Connection):
    """A connection to `SERVER`."""

    def __init__(self, port: int = 502, *, client_port: int = 40_000, number: int = 1000, client: str = CLIENT) -> None:
        super().__init__(client, SERVER, port, client_port=client_port, number=number)


class Seen:
    """A watch, the time of its wire, and all that it said. `messages` are what its dissectors read."""

    def __init__(self, **keys) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self.watch = Watch("tap", trace=lambda *message: self.messages.append(message), **keys)
        self.now_ns = START

    def show(self, *frames: bytes, every_ns: int = MS) -> "Seen":
        for frame in frames:
            self.watch.frame(frame, self.now_ns)
            self.now_ns += every_ns
        return self

    def said(self, kind: EventKind | None = None, after_s: float = 1) -> Sequence[Sighting]:
        """Return what it says now, and what it counted, told a second later."""
        events = self.watch.take(self.now_ns)
        self.now_ns += int(after_s * NS)
        events += self.watch.take(self.now_ns)
        assert self.watch.faults == 0, self.watch.fault
        return [event for event in events if isinstance(event, Sighting) and kind in (None, event.kind)]


def mbap(number: int, pdu: bytes, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


def read_request(first: int, count: int = 2, function: int = 3) -> bytes:
    return struct.pack(">BHH", function, first, count)


def read_response(count: int = 2, function: int = 3) -> bytes:
    return bytes((function, 2 * count)) + bytes(2 * count)
