"""Frames by hand: Ethernet with ARP or with TCP over IPv4, as nobody's own kernel would send them."""

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

BROADCAST: Final = b"\xff" * 6
NOBODY: Final = bytes(6)
IPV4, ARP = b"\x08\x00", b"\x08\x06"
TCP: Final = 6
REQUEST, REPLY = 1, 2
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_IP: Final = struct.Struct(">BBHHHBBH4s4s")
_TCP: Final = struct.Struct(">HHIIBBHHH")


def address(ip: str) -> bytes:
    """Return an IPv4 address as a packet has it."""
    return IPv4Address(ip).packed


def arp(operation: int, *, mac: bytes, ip: str, to_mac: bytes = NOBODY, to_ip: str) -> bytes:
    """Return a frame in which `ip` is at `mac`: a question for `to_ip`, or an answer to it."""
    target = BROADCAST if operation == REQUEST else to_mac
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + mac + address(ip) + to_mac + address(to_ip)
    return (target + mac + ARP + body).ljust(60, b"\0")


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment in its packet and frame."""

    mac: bytes
    to_mac: bytes
    ip: str
    to_ip: str
    port: int
    to_port: int
    sequence: int = 0
    acknowledged: int = 0
    flags: int = SYN
    data: bytes = b""
    hops: int = 64

    @classmethod
    def of(cls, frame: bytes) -> "Segment | None":
        """Return what `frame` carries; None where it is no TCP over IPv4 without a tag."""
        if len(frame) < 54 or frame[12:14] != IPV4 or frame[23] != TCP:
            return None
        size, at = int.from_bytes(frame[16:18], "big"), 14 + (frame[14] & 0x0F) * 4
        if len(frame) < at + 20:
            return None
        port, to_port, sequence, acknowledged, offset, flags, *_ = _TCP.unpack_from(frame, at)
        data = frame[at + (offset >> 4) * 4 : 14 + size]
        ip, to_ip = str(IPv4Address(frame[26:30])), str(IPv4Address(frame[30:34]))
        return cls(frame[6:12], frame[:6], ip, to_ip, port, to_port, sequence, acknowledged, flags, data, frame[22])

    def frame(self) -> bytes:
        """Return the frame, with its checksums."""
        ends = address(self.ip) + address(self.to_ip)
        ports = (self.port, self.to_port, self.sequence & 0xFFFFFFFF, self.acknowledged & 0xFFFFFFFF)
        bare = _TCP.pack(*ports, 5 << 4, self.flags, 8192, 0, 0) + self.data
        whole = checksum(ends + struct.pack(">HH", TCP, len(bare)) + bare)
        segment = bare[:16] + whole + bare[18:]
        head = _IP.pack(0x45, 0, 20 + len(segment), 0, 0x4000, self.hops, TCP, 0, ends[:4], ends[4:])
        head = head[:10] + checksum(head) + head[12:]
        return (self.to_mac + self.mac + IPV4 + head + segment).ljust(60, b"\0")

    def turned(self) -> "Segment":
        """Return an empty one of the other side, that acknowledges it."""
        ends = (self.to_mac, self.mac, self.to_ip, self.ip, self.to_port, self.port)
        return Segment(*ends, self.acknowledged, self.sequence + len(self.data), ACK)

    def saying(self, data: bytes) -> "Segment":
        """Return what follows it from the same side, with other data."""
        return replace(self, sequence=self.sequence + len(self.data), data=data, flags=PSH | ACK)


def checksum(octets: bytes) -> bytes:
    """Return the Internet checksum (RFC 1071)."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
