"""Frames as they are on a wire: Ethernet, IP, TCP, UDP and ARP, built from addresses and payloads.

Checksums are left out, as a listener ignores them.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16
EVERYBODY: Final = b"\xff" * 6
HOPS: Final = 64
WINDOW: Final = 8192
ROUND: Final = 0xFFFF_FFFF
_IPV4: Final = Struct(">BBHHHBBH")
_IPV6: Final = Struct(">IHBB")
_TCP: Final = Struct(">HHIIBBHHH")
_UDP: Final = Struct(">HHHH")
_ARP: Final = Struct(">HHBBH")


def address(text: str) -> bytes:
    """Return an IPv4 address as a packet has it."""
    return bytes(map(int, text.split(".")))


def mac(ip: str) -> bytes:
    """Return the hardware address of a host that needs none in particular."""
    return b"\x02\x00" + address(ip)


def ethernet(payload: bytes, kind: int = 0x0800, *, source: bytes, target: bytes, tags: Iterable[bytes] = ()) -> bytes:
    """Return a frame; `tags` stand before the EtherType `kind`."""
    return target + source + b"".join(tags) + kind.to_bytes(2, "big") + payload


def ipv4(
    payload: bytes,
    source: str,
    target: str,
    protocol: int = 6,
    *,
    options: bytes = b"",
    piece: int = 0,
    hops: int = HOPS,
) -> bytes:
    """Return a packet; `piece` are flags and offset of a fragment, `hops` how many routers may still pass it on."""
    size = 20 + len(options)
    head = _IPV4.pack(0x40 | size // 4, 0, size + len(payload), 7, piece, hops, protocol, 0)
    return head + address(source) + address(target) + options + payload


def ipv6(payload: bytes, source: str, target: str, following: int = 6, *, extensions: bytes = b"") -> bytes:
    """Return a packet between the hosts that have these IPv4 addresses."""
    ends = b"".join(b"\xfd" + bytes(11) + address(each) for each in (source, target))
    return _IPV6.pack(6 << 28, len(extensions + payload), following, 64) + ends + extensions + payload


def tcp(ports: tuple[int, int], number: int, acknowledged: int, flags: int, payload: bytes = b"") -> bytes:
    """Return a segment."""
    return _TCP.pack(*ports, number & ROUND, acknowledged & ROUND, 0x50, flags, WINDOW, 0, 0) + payload


def udp(ports: tuple[int, int], payload: bytes) -> bytes:
    """Return a datagram."""
    return _UDP.pack(*ports, _UDP.size + len(payload), 0) + payload


def arp(
    operation: int, sender: str, asked: str, *, hardware: bytes | None = None, source: bytes | None = None
) -> bytes:
    """Return a question (1) or an answer (2); `hardware` is where the sender says it is, `source` who sends that."""
    hardware = hardware or mac(sender)
    payload = _ARP.pack(1, 0x0800, 6, 4, operation) + hardware + address(sender) + bytes(6) + address(asked)
    return ethernet(payload, 0x0806, source=source or hardware, target=EVERYBODY)


def segment(
    source: str, target: str, ports: tuple[int, int], number: int, acknowledged: int, flags: int, payload: bytes = b""
) -> bytes:
    """Return the frame of a segment between two hosts of the same network."""
    packet = ipv4(tcp(ports, number, acknowledged, flags, payload), source, target)
    return ethernet(packet, source=mac(source), target=mac(target))


class Connection:
    """A TCP connection: each method returns the frame, or the frames, of what one side does next.

    `numbers` are the next sequence numbers of the client (True) and the server. `macs` are the hardware addresses from
    which their frames come, and `towards` those to which they go, where a router stands between; `hops` are those of
    their packets.
    """

    def __init__(
        self,
        client: str,
        server: str,
        port: int,
        *,
        client_port: int = 40_000,
        number: int = 1000,
        answer_number: int = 77_000,
    ) -> None:
        self.client, self.server, self.ports = client, server, (client_port, port)
        self.numbers = {True: number, False: answer_number}
        self.macs = {True: mac(client), False: mac(server)}
        self.hops = {True: HOPS, False: HOPS}
        self.towards = {True: mac(server), False: mac(client)}

    def frame(self, flags: int, payload: bytes = b"", *, client: bool = True, ahead: int = 0) -> bytes:
        """Return a frame with the next number, or one that is `ahead`; nothing is counted."""
        source, target = (self.client, self.server) if client else (self.server, self.client)
        ports = self.ports if client else self.ports[::-1]
        number = self.numbers[client] + ahead
        carried = tcp(ports, number, self.numbers[not client], flags, payload)
        packet = ipv4(carried, source, target, hops=self.hops[client])
        return ethernet(packet, source=self.macs[client], target=self.towards[client])

    def said(self, payload: bytes, *, client: bool = True) -> bytes:
        """Send a payload."""
        frame = self.frame(PSH | ACK, payload, client=client)
        self.numbers[client] += len(payload)
        return frame

    def opened(self) -> list[bytes]:
        """Open it."""
        frames = [self.frame(SYN)]
        self.numbers[True] += 1
        frames.append(self.frame(SYN | ACK, client=False))
        self.numbers[False] += 1
        return [*frames, self.frame(ACK)]

    def closed(self) -> list[bytes]:
        """Close it."""
        return [self.frame(FIN | ACK), self.frame(FIN | ACK, client=False)]
