"""What the store costs: bytes on flash and on the wire, CPU of a drain, time to open a full one.

disk.py flash POINTS: stores, sends and lets go of windows in this process alone, and prints bytes written and stored.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Section, Target

from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store.packing import to_record
from gateway.store.record import Record, Stream
from gateway.store.store import Store
from gateway.uplink import payload

NS = 1_000_000_000
WINDOW_S, READINGS, DEVICES = 10, 10, 10
START_NS = 1_763_632_800 * NS
COMMIT_S = 0.01
"""A window of 10 s is not waited for: it only has to be long against the commit interval, which by default is 0.5 s."""
HEADER_BYTES = 7
"""Of an MQTT PUBLISH with QoS 1: type, length (1 to 3), length of the topic (2), identifier (2)."""
CASES = (10, 100, 1_000)
LEGEND = (
    "10 devices, one window of 10 readings of each point every 10 s, values of float32 that all move; flash: "
    "write_bytes of /proc/self/io of a process that stores, reads, acknowledges and deletes, with time for a "
    "commit after each, by the bytes of the stored bodies (of 10 points a commit is a page of rows and one of "
    "sums, and with the journal's heads three pages of the system, for 2,730 bytes); "
    "wire: payload, topic and header, by readings, against one JSON message with time, value and quality for "
    "each reading; drain: process CPU of reading, encoding and acknowledging; open: a store of 256 MiB that is "
    "full, in the page cache"
)


def measure(*, rounds: int, full: bool) -> Section:
    """Measure all; with `full`, fill 256 MiB to open them."""
    section = Section("store, points a window", [f"{points:,}" for points in CASES], LEGEND)
    section.targets["flash, times the stored bytes"] = Target("at most 3 at 100", lambda times: times <= 3, "100")
    section.targets["drain, windows a CPU second"] = Target("at least 20,000 at 10", lambda rate: rate >= 20_000, "10")
    section.targets["open 256 MiB, s"] = Target("below 1", lambda seconds: seconds < 1)
    for points in CASES:
        case = f"{points:,}"
        written, stored = _child("flash", str(points), str(rounds))
        section.add("stored, bytes a window", case, len(_records(points, 0)[0].body))
        section.add("flash, times the stored bytes", case, written / stored)
        ours, theirs = _wire(points)
        section.add("wire, bytes a reading", case, ours)
        section.add("wire, JSON of every reading", case, theirs)
        section.add("drain, windows a CPU second", case, asyncio.run(_drain(points, 200_000 // points)))
    if full:
        section.add("open 256 MiB, s", f"{CASES[-1]:,}", asyncio.run(_open_full()))
    return section


def _child(*words: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    written, stored = map(float, done.stdout.split())
    return written, stored


def _windows(points: int) -> Sequence[Summary]:
    random = np.random.default_rng(1)
    names = tuple(f"point{n}" for n in range(points))

    def window(device: int) -> Summary:
        means, noise = random.uniform(1, 400, (points, 1)), random.normal(0, 0.3, (points, READINGS))
        read = np.float32(means + noise).astype(float)
        columns = read.min(axis=1), read.max(axis=1), read.mean(axis=1), read[:, -1]
        good = np.zeros(points, np.uint16)
        return Summary(f"feeder{device}", 0, WINDOW_S * NS, names, np.full(points, READINGS, np.uint32), *columns, good)

    return [window(device) for device in range(DEVICES)]


def _records(points: int, turn: int, windows: Sequence[Summary] = ()) -> list[Record]:
    start_ns = START_NS + turn * WINDOW_S * NS
    return [to_record(replace(window, start_ns=start_ns)) for window in windows or _windows(points)]


def _wire(points: int) -> tuple[float, float]:
    """Return bytes a reading of a window, and of a message for each reading."""
    window, topic = _windows(points)[0], "gridsentinel/nairobi-west/gw1/telemetry/feeder1"
    body = payload.telemetry(replace(window, start_ns=START_NS), seq=1042, historical=False)
    reading = {"time": "2026-11-20T10:00:03.271Z", "value": round(float(window.last[0]), 4), "q": 0}
    single = len(json.dumps(reading, separators=(",", ":"))) + len(f"{topic}/{window.points[0]}") + HEADER_BYTES
    return (len(body) + len(topic) + HEADER_BYTES) / (points * READINGS), single


async def _flash(points: int, rounds: int) -> None:
    """Print the bytes that went to the file system, and those of the rows."""
    windows, stored = _windows(points), 0
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = await Store.open(Path(folder), StoreBudget(max_bytes=64 * MIB, commit_s=COMMIT_S))
        begin, sent = _written(), 0
        for turn in range(rounds):
            records = _records(points, turn, windows)
            stored += sum(len(record.body) for record in records)
            store.append(records)
            await store.flush()
            rows = await store.read(Stream.TELEMETRY, after=sent, limit=DEVICES)
            sent = rows[-1].seq
            store.acknowledge(Stream.TELEMETRY, [row.seq for row in rows])
            await asyncio.sleep(4 * COMMIT_S)
        await store.close()
        print(_written() - begin, stored)


def _written() -> int:
    words = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(words["write_bytes"])


async def _drain(points: int, count: int) -> float:
    windows = _windows(points)
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(Path(folder), StoreBudget())
        for turn in range(count // DEVICES):
            store.append(_records(points, turn, windows))
            await store.room()
        await store.flush()
        began_s, sent = time.process_time(), 0
        while rows := await store.read(Stream.TELEMETRY, after=sent, limit=64):
            for row in rows:
                payload.encode(row, historical=True)
            sent = rows[-1].seq
            store.acknowledge(Stream.TELEMETRY, [row.seq for row in rows])
        await store.flush()
        spent_s = time.process_time() - began_s
        await store.close()
    return sent / spent_s


async def _open_full() -> float:
    windows, turn = _windows(CASES[-1]), 0
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = await Store.open(Path(folder), StoreBudget())
        while not store.stats.faded:
            store.append(_records(CASES[-1], turn, windows))
            await store.flush()
            turn += 1
        await store.close()
        began_s = time.perf_counter()
        store = await Store.open(Path(folder), StoreBudget())
        took_s = time.perf_counter() - began_s
        await store.close()
    return took_s


if __name__ == "__main__":
    if sys.argv[1:2] == ["flash"]:
        asyncio.run(_flash(int(sys.argv[2]), int(sys.argv[3])))
    else:
        print("\n".join(measure(rounds=50, full="--full" in sys.argv).lines()))
