"""The tap under attack: memory after floods of forged addresses, and whether any changed frame is a fault.

    python benchmarks/cyber/hostile.py [FOLDER] [--forged 200000] [--changed 1000000] [--first 0]

Each flood is shown to a watch of its own in a process of its own, which had a normal conversation before: what the
process grew by (RSS), what the watch said, the CPU of a frame. Then frames of all captures of FOLDER (without it of the
environment variable GRIDSENTINEL_CAPTURES) are changed by chance: bytes, cuts, doublings; a fault is an exception that
only the last net caught, and there must be none. Without captures that part is left out, and that is said. On a busy
machine the changed frames are shown in pieces: `--first 200000` begins at another frame, and by another chance.
"""

import argparse
import gc
import multiprocessing
import os
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.reading import BadCapture
from protocols.tap.watch import Watch

NS = 1_000_000_000
START = 1_700_000_000 * NS
PER_S = 10_000
"""Frames of a second of a flood."""
GROWTH_MB = 5
"""Target: what a flood of 200,000 forged addresses may cost."""
AT_MOST = 20_000
"""Frames of one capture that are changed."""
SERVER = bytes((10, 0, 0, 9))


def frame(source: bytes, protocol: int, payload: bytes, mac: bytes) -> bytes:
    """Return an Ethernet frame with an IPv4 packet."""
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + source + SERVER + payload
    return b"\x02\x00\x00\x00\x00\x09" + mac + b"\x08\x00" + packet


def tcp(port: int, number: int, acknowledged: int, flags: int, payload: bytes = b"") -> bytes:
    """Return a segment to port 502."""
    return struct.pack(">HHIIBBHHH", port, 502, number, acknowledged, 0x50, flags, 8192, 0, 0) + payload


def addresses(number: int) -> tuple[bytes, bytes]:
    """Return a forged IP and a forged hardware address."""
    return struct.pack(">I", 0xAC100000 + number), b"\x02\x01" + struct.pack(">I", number)


def spoofed(number: int) -> bytes:
    """Say something from an address that nobody has, in the middle of a connection."""
    ip, mac = addresses(number)
    return frame(ip, 6, tcp(1024, 1, 1, 0x18, b"\0\1\0\0\0\6\1\3\0\0\0\1"), mac)


def opening(number: int) -> bytes:
    """Open a connection from one of many addresses and ports, and never go on."""
    ip, _ = addresses(number % 65_536)
    return frame(ip, 6, tcp(1024 + number % 60_000, number, 0, 2), b"\x02\x00\x00\x00\x00\x05")


def claim(number: int) -> bytes:
    """Claim an address by ARP."""
    ip, mac = addresses(number)
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + mac + ip + b"\x02\x00\x00\x00\x00\x09" + SERVER
    return b"\x02\x00\x00\x00\x00\x09" + mac + b"\x08\x06" + body


def datagram(number: int) -> bytes:
    """Send a datagram to DNP3 from an address that nobody has."""
    ip, mac = addresses(number)
    return frame(ip, 17, struct.pack(">HHHH", 1024, 20_000, 18, 0) + b"\x05\x64\x05\xc0\x01\x00\x0a\x00\xe0\x8c", mac)


FLOODS: Mapping[str, Callable[[int], bytes]] = {
    "forged addresses": spoofed,
    "SYN flood": opening,
    "ARP storm": claim,
    "forged datagrams": datagram,
}


def rss_mb() -> float:
    """Return what this process has in RAM."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - /proc is no file of ours
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def flood(name: str, count: int) -> tuple[float, int, int, float, int]:
    """Return growth in MB, sightings in all and in the busiest second, us a frame, and faults."""
    made, watch, now_ns = FLOODS[name], Watch("tap"), START
    for number in range(2000):
        watch.frame(spoofed(number % 20), now_ns)
        now_ns += NS // 1000
        watch.take(now_ns)
    gc.collect()
    before, said, spent_s = rss_mb(), Counter[int](), 0.0
    for first in range(0, count, PER_S // 10):
        frames = [made(number) for number in range(first, min(first + PER_S // 10, count))]
        began = time.process_time()
        for each in frames:
            watch.frame(each, now_ns)
            now_ns += NS // PER_S
        said[now_ns // NS] += len(watch.take(now_ns))
        spent_s += time.process_time() - began
    grown = rss_mb() - before
    return grown, said.total(), max(said.values()), spent_s / count * 1e6, watch.faults


def captured(folder: Path) -> Iterator[bytes]:
    """Return frames of every capture, not too many of each."""
    for path in sorted(folder.rglob("*.pcap*")):
        if path.suffix == ".zip":
            continue
        try:
            capture = Capture(path)
        except BadCapture:
            continue
        yield from (bytes(data) for data, *_ in islice(capture.frames(), AT_MOST))
        capture.close()


def changed(data: bytes, chance: random.Random) -> bytes:
    """Change a frame: some bytes, or its end, or a part twice; mostly behind its addresses."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        made[chance.randrange(min(12, len(made) - 1), len(made))] = chance.choice(
            (0, 1, 0x7F, 0x80, 0xFF, chance.getrandbits(8))
        )
    kind = chance.random()
    if kind < 0.2:
        del made[chance.randrange(len(made)) :]
    elif kind < 0.3:
        at = chance.randrange(len(made))
        made[at:at] = made[at : at + chance.randrange(64)]
    return bytes(made)


def mutate(folder: Path, count: int, first: int) -> int:
    """Show changed frames to one watch; return how many faults there were."""
    frames = list(captured(folder))
    if not frames:
        print(f"no captures in {folder}: nothing to change")
        return 0
    chance, watch, now_ns = random.Random(first + 1), Watch("tap"), START
    faults = Counter[str]()
    for data in islice(cycle(frames), first, first + count):
        watch.frame(changed(data, chance) if len(data) > 13 and chance.random() < 0.5 else data, now_ns)
        now_ns += NS // PER_S
        if watch.fault is not None:
            faults[repr(watch.fault)] += 1
            watch.fault = None
        if now_ns % (NS // 4) < NS // PER_S:
            watch.take(now_ns)
    print(f"{count} frames of {len(frames)} captured ones, half of them changed: {watch.faults} faults,", end=" ")
    print(f"{watch.malformed} malformed below the protocols, {watch.talkers} talkers, {watch.evicted} evicted")
    for fault, times in faults.most_common(20):
        print(f"  {times} x {fault}")
    return watch.faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was measured; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("GRIDSENTINEL_CAPTURES", "captures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="where the captures lie")
    parser.add_argument("--forged", type=int, default=200_000, help="frames of each flood, 0 for none")
    parser.add_argument("--changed", type=int, default=1_000_000, help="frames that are changed by chance")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    chosen = parser.parse_args(arguments)
    missed = False
    print(f"{'flood':20}{'frames':>9}{'RSS MB':>9}{'said':>8}{'in a s':>8}{'us/frame':>10}{'faults':>8}")
    floods = FLOODS if chosen.forged else {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, (grown, said, busiest, us, faults) in zip(
            floods, pool.map(partial(flood, count=chosen.forged), floods, chunksize=1), strict=True
        ):
            met = grown <= GROWTH_MB and not faults
            missed |= not met
            row = f"{name:20}{chosen.forged:>9}{grown:>+9.1f}{said:>8}{busiest:>8}{us:>10.1f}{faults:>8}"
            print(row, "met" if met else "MISSED")
    missed |= mutate(chosen.folder, chosen.changed, chosen.first) > 0
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
