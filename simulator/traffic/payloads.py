"""What is inside the datagrams of everyday services: names, time, logs, counters, addresses."""

from random import Random
from typing import Final

from simulator.attacks.gooseframe import element, number

ZONE: Final = b"\x05plant\x05local\x00"
COOKIE: Final = bytes.fromhex("63825363")
SYSTEM_UPTIME: Final = bytes.fromhex("2b06010201010300")


def time_of(chance: Random, *, asks: bool) -> bytes:
    """Return an NTP packet of version 4 (RFC 5905)."""
    return bytes((0x23 if asks else 0x24, 0 if asks else 2, 8, 0xEC)) + bytes(12) + chance.randbytes(32)


def name_of(chance: Random, *, asks: bool) -> bytes:
    """Return a DNS question for an address, or its answer (RFC 1035)."""
    asked = bytes((4,)) + b"srv%d" % chance.randrange(10) + ZONE + b"\x00\x01\x00\x01"
    number_of = chance.randbytes(2)
    if asks:
        return number_of + bytes.fromhex("01000001000000000000") + asked
    return (
        number_of + bytes.fromhex("81800001000100000000") + asked + bytes.fromhex("c00c00010001000000780004 0a010007")
    )


def log_of(chance: Random) -> bytes:
    """Return a line of syslog (RFC 5424)."""
    return b"<134>1 - bay%d relay - - - poll of %d ms" % (chance.randrange(10), chance.randrange(500))


def counter_of(chance: Random, *, asks: bool) -> bytes:
    """Return an SNMP question for the time since a start, or its answer (RFC 3416)."""
    value = element(0x05, b"") if asks else element(0x43, number(chance.randrange(1 << 31)))
    binding = element(0x30, element(0x30, element(0x06, SYSTEM_UPTIME) + value))
    body = element(0x02, number(chance.randrange(1 << 15))) + element(0x02, b"\0") + element(0x02, b"\0") + binding
    return element(0x30, element(0x02, b"\x01") + element(0x04, b"public") + element(0xA0 if asks else 0xA2, body))


def lease_of(chance: Random, mac: bytes, message: int) -> bytes:
    """Return a DHCP message of a kind: 1 and 3 are asked, 2 and 5 answered (RFC 2132 clause 9.6)."""
    head = bytes((1 if message in (1, 3) else 2, 1, 6, 0)) + chance.randbytes(4) + bytes(20) + mac + bytes(202)
    return head + COOKIE + bytes((53, 1, message, 255))
