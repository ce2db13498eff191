"""Frames and captures for tests: a Modbus conversation, byte by byte, and files of it."""

import struct
from ipaddress import IPv4Address

SYN, ACK, PUSH = 0x02, 0x10, 0x08


def macs(source, target):
    return bytes([2, 0, 0, 0, 0, target]) + bytes([2, 0, 0, 0, 0, source])


def tcp(source, target, ports, *, seq=0, ack=0, flags=ACK, data=b""):
    """Return an Ethernet frame; the last number of each address is that of its MAC address, too."""
    packed = [IPv4Address(each).packed for each in (source, target)]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0) + packed[0] + packed[1]
    body = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 8192, 0, 0) + data
    return macs(packed[0][3], packed[1][3]) + b"\x08\x00" + head + body


def polls(client, server, count, *, port=40_000, server_port=502, write_at=()):
    """Yield the frames of a Modbus client that reads `count` times, and writes instead at some of them."""
    to, back = (port, server_port), (server_port, port)
    yield tcp(client, server, to, flags=SYN)
    yield tcp(server, client, back, seq=0, ack=1, flags=SYN | ACK)
    mine = its = 1
    for n in range(count):
        asked = bytes.fromhex("06 0001 0005" if n in write_at else "03 0000 0002")
        answer = asked if n in write_at else bytes.fromhex("03 04 0001 0002")
        ask, told = (struct.pack(">HHHB", n, 0, len(pdu) + 1, 1) + pdu for pdu in (asked, answer))
        yield tcp(client, server, to, seq=mine, ack=its, flags=ACK | PUSH, data=ask)
        mine += len(ask)
        yield tcp(server, client, back, seq=its, ack=mine, flags=ACK | PUSH, data=told)
        its += len(told)


def pcap(path, frames):
    """Write (nanoseconds, frame) each as a capture of nanosecond resolution."""
    told = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    for time_ns, frame in frames:
        told += struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(frame), len(frame)) + frame
    path.write_bytes(told)
    return path
