"""Frames as they are on a wire: what tests show to the tap. Checksums are left out, as a listener ignores them."""

import struct
from collections.abc import Iterable, Sequence

from protocols.model import EventKind
from protocols.sighting import Sighting
from protocols.tap.watch import Watch

NS = 1_000_000_000
START = 1_700_000_000 * NS
MS = 1_000_000
CLIENT, SERVER = "10.0.0.5", "10.0.0.9"
SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16


def address(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def mac(ip: str) -> bytes:
    return b"\x02\x00" + address(ip)


def ethernet(payload: bytes, kind: int = 0x0800, *, source: bytes, target: bytes, tags: Iterable[bytes] = ()) -> bytes:
    return target + source + b"".join(tags) + kind.to_bytes(2, "big") + payload


def ipv4(payload: bytes, source: str, target: str, protocol: int = 6, *, options: bytes = b"", piece: int = 0) -> bytes:
    size = 20 + len(options)
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(payload), 7, piece, 64, protocol, 0)
    return head + address(source) + address(target) + options + payload


def ipv6(payload: bytes, source: str, target: str, following: int = 6, *, extensions: bytes = b"") -> bytes:
    ends = b"".join(b"\xfd" + bytes(11) + address(each) for each in (source, target))
    return struct.pack(">IHBB", 6 << 28, len(extensions + payload), following, 64) + ends + extensions + payload


def tcp(ports: tuple[int, int], number: int, acknowledged: int, flags: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">HHIIBBHHH", *ports, number & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 0x50, flags, 8192, 0, 0)
    return head + payload


def udp(ports: tuple[int, int], payload: bytes) -> bytes:
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def arp(
    operation: int, sender: str, asked: str, *, hardware: bytes | None = None, source: bytes | None = None
) -> bytes:
    hardware = hardware or mac(sender)
    payload = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + hardware + address(sender) + bytes(6) + address(asked)
    return ethernet(payload, 0x0806, source=source or hardware, target=b"\xff" * 6)


def segment(
    source: str, target: str, ports: tuple[int, int], number: int, acknowledged: int, flags: int, payload: bytes = b""
) -> bytes:
    packet = ipv4(tcp(ports, number, acknowledged, flags, payload), source, target)
    return ethernet(packet, source=mac(source), target=mac(target))


class Talk:
    """A TCP connection: each method returns the frame of what one side does next."""

    def __init__(self, port: int = 502, *, client_port: int = 40_000, number: int = 1000, client: str = CLIENT) -> None:
        self.client, self.ports, self.numbers = client, (client_port, port), {True: number, False: 77_000}

    def frame(self, flags: int, payload: bytes = b"", *, client: bool = True, ahead: int = 0) -> bytes:
        source, target = (self.client, SERVER) if client else (SERVER, self.client)
        ports = self.ports if client else self.ports[::-1]
        number = self.numbers[client] + ahead
        return segment(source, target, ports, number, self.numbers[not client], flags, payload)

    def said(self, payload: bytes, *, client: bool = True) -> bytes:
        frame = self.frame(PSH | ACK, payload, client=client)
        self.numbers[client] += len(payload)
        return frame

    def opened(self) -> list[bytes]:
        frames = [self.frame(SYN)]
        self.numbers[True] += 1
        frames.append(self.frame(SYN | ACK, client=False))
        self.numbers[False] += 1
        return [*frames, self.frame(ACK)]

    def closed(self) -> list[bytes]:
        return [self.frame(FIN | ACK), self.frame(FIN | ACK, client=False)]


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
