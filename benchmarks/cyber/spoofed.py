"""Spoofed addresses: what a flood of them makes of alarms and of memory, through the tap and all checks.

    python benchmarks/cyber/spoofed.py [ADDRESSES]

Each address is new, by IP and by hardware, opens a connection to a relay, or claims by ARP to be the relay, or asks for
one of its neighbours; 5,000 frames a second. A quiet plant was learned before.
"""

import resource
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random
from struct import pack
from time import process_time

from feed import NS, Site
from lines import Line

from protocols.tap.capture.source import Captured

ADDRESSES = 200_000
BEGIN_NS = 1_700_000_000 * NS
EVERY_NS = NS // 5000
MOST_ALARMS = 100
MOST_GROWTH_MB = 5.0
RELAY, RELAY_MAC = bytes((10, 0, 0, 11)), bytes.fromhex("0050c2000011")
HMI, HMI_MAC = bytes((10, 0, 0, 5)), bytes.fromhex("000c29000005")
LEARN_S = 60
SYN = 0x02


def measure(_: Path | None = None, addresses: int = ADDRESSES) -> Sequence[Line]:
    """Return the alarms and the memory of a flood; it needs no captures."""
    site = Site(hosts={"relay1": "10.0.0.11"}, learn_s=LEARN_S)
    site.play(_quiet())
    site.happened = deque(maxlen=0)  # type: ignore[assignment]
    before_kb, before_s = _resident_kb(), process_time()
    site.play(_flood(addresses))
    grown_mb, took_s = (_resident_kb() - before_kb) / 1024, process_time() - before_s
    began = [each for each in site.said if each.active]
    kinds = ", ".join(sorted({each.kind for each in began}))
    told, few = f"{len(began)} ({kinds})", len(began) <= MOST_ALARMS
    return [
        Line(f"alarms of {addresses} spoofed addresses", told, str(MOST_ALARMS), few),
        Line("memory grew by", f"{grown_mb:.1f} MB", f"{MOST_GROWTH_MB:g} MB", grown_mb <= MOST_GROWTH_MB),
        Line("CPU of a frame of the flood, made and judged", f"{took_s / addresses * 1e6:.1f} us"),
    ]


def _quiet() -> Iterator[Captured]:
    for second in range(LEARN_S + 5):
        yield _taken(_tcp(HMI_MAC, HMI, 40_000, SYN), BEGIN_NS + second * NS)


def _flood(number: int) -> Iterator[Captured]:
    chance, begin_ns = Random(1), BEGIN_NS + (LEARN_S + 10) * NS
    for n, time_ns in zip(range(number), count(begin_ns, EVERY_NS), strict=False):
        mac, ip = b"\x02" + chance.randbytes(5), bytes((11 + n % 200,)) + chance.randbytes(3)
        if n % 3 == 0:
            frame = _tcp(mac, ip, 1024 + n % 60_000, SYN)
        elif n % 3 == 1:
            frame = _arp(mac, 2, RELAY, HMI)
        else:
            frame = _arp(mac, 1, ip, bytes((10, 0, 0, n % 256)))
        yield _taken(frame, time_ns)


def _tcp(mac: bytes, source: bytes, port: int, flags: int) -> bytes:
    ip = pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, RELAY)
    return RELAY_MAC + mac + b"\x08\x00" + ip + pack(">HHIIBBHHH", port, 502, 1, 0, 0x50, flags, 1024, 0, 0) + bytes(6)


def _arp(mac: bytes, operation: int, source: bytes, target: bytes) -> bytes:
    body = pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac, source, bytes(6), target)
    return b"\xff" * 6 + mac + b"\x08\x06" + body + bytes(18)


def _taken(frame: bytes, time_ns: int) -> Captured:
    return memoryview(frame), time_ns, 0, len(frame)


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


if __name__ == "__main__":
    for line in measure(addresses=int(sys.argv[1]) if len(sys.argv) > 1 else ADDRESSES):
        print(line.what, line.measured, *line.details, sep="\n    ")
