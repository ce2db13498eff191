"""Power cuts: writes that were not synced are lost, torn or reordered, and what was said to be stored is there.

A store runs in a process whose every write, sync, cut and rename below its directory is recorded. Then the directory is
made again as a disk would have it that lost power at some moment: all that was synced, and of the rest any part.
"""

import random
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store import files, numbers
from gateway.store.record import Stream
from gateway.store.store import Store

SECTOR = 512
"""Torn writes end at its borders, as those of a disk do."""
CHILD = """
import asyncio, random, sys, zlib
from pathlib import Path
import numpy as np
from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store.packing import to_record
from gateway.store.record import Record, Stream
from gateway.store.seal import seal
from gateway.store.store import Store

directory, turns = Path(sys.argv[1]), int(sys.argv[2])
names, good = tuple(f"p{n}" for n in range(200)), np.zeros(200, np.uint16)
bodies = {stream: [] for stream in Stream}

def telemetry(turn):
    values = np.random.default_rng(turn).normal(size=(4, 200))
    return to_record(Summary(f"d{turn % 3}", turn * 10, 10, names, np.ones(200, np.uint32), *values, good))

def other(stream):
    return Record(stream, "d", 1, 2, seal(random.randbytes(random.choice([10, 700, 6000]))))

async def main():
    store = await Store.open(directory, StoreBudget(max_bytes=4 * MIB, alarm_share=0.7, commit_s=0.01))
    with (directory / "promises").open("w") as promises:
        for turn in range(turns):
            records = [telemetry(turn // 9 * 9 + n) for n in range(random.randint(1, 9))]
            records += [other(s) for s in (Stream.CHANGE, Stream.ALARM) for _ in range(random.randint(0, 2))]
            for record in records:
                bodies[record.stream].append(zlib.crc32(record.body))
            store.append(records, {"turn": str(turn).encode()})
            if turn % 7 == 6:
                store.acknowledge(Stream.CHANGE, range(1, store.last(Stream.CHANGE) - 5))
            await store.flush()
            print(turn, *(store.last(stream) for stream in Stream), file=promises, flush=True)
    with (directory / "bodies").open("w") as file:
        for stream in Stream:
            print(*bodies[stream], file=file)

random.seed(3)
asyncio.run(main())
"""


@dataclass
class File:
    """What is certain of a file, and what was done to it since its last sync."""

    synced: bytearray = field(default_factory=bytearray)
    there: bool = False
    pending: list[tuple[str, int, bytes]] = field(default_factory=list)

    def sync(self):
        for op in self.pending:
            apply(self.synced, *op)
        self.there, self.pending = True, []

    def after_a_cut(self, chance):
        """Return any part of what was not synced on top of what was, None if it need not be there."""
        if not self.there and chance.random() < 0.5:
            return None
        content, share = bytearray(self.synced), chance.random()
        for op, at, data in self.pending:
            if chance.random() < share:
                torn = op == "write" and chance.random() < 0.3
                begin = SECTOR - at % SECTOR
                apply(content, op, at, data[: begin + SECTOR * chance.randrange(9)] if torn else data)
        return bytes(content)


def apply(content, op, at, data):
    if op == "cut":
        content[at:] = bytes(max(0, at - len(content)))
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(data)] = data


def operations(log):
    """Yield what was recorded."""
    at = 0
    while at < len(log):
        end = log.index(b"\n", at)
        op, name, offset, size = log[at:end].decode().split("\t")
        at = end + 1
        data = b""
        if op == "write":
            data = log[at : at + int(size)]
            at += int(size)
        yield op, name, int(offset), data


class Platter:
    """The directory as the disk has it."""

    def __init__(self):
        self.files = {}
        self.renames = []
        self.promised = b""

    def do(self, op, name, at, data):
        """Take one operation."""
        match op:
            case "create":
                file = self.files.setdefault(name, File())
                if at:
                    file.pending.append(("cut", 0, b""))
            case "write" if name.endswith("promises"):
                self.promised = data.strip().rpartition(b"\n")[2]
            case "write" | "cut":
                self.files.setdefault(name, File()).pending.append((op, at, data))
            case "sync" if name in self.files:
                self.files[name].sync()
            case "rename":
                old, new = name.split("|")
                self.renames.append((new, self.files.get(new)))  # until the directory is synced the old may come back
                self.files[new] = self.files.pop(old)
            case "sync":
                self.renames.clear()
            case "unlink":
                self.files.pop(name, None)

    def cut(self, chance):
        """Yield names and contents after a power cut now."""
        files = dict(self.files)
        if self.renames and chance.random() < 0.5:
            files |= {name: file for name, file in self.renames if file is not None}
        for name, file in files.items():
            content = file.after_a_cut(chance)
            if content is not None:
                yield Path(name).name, content


@pytest.fixture(scope="module")
def recorded(shim, tmp_path_factory):
    """Return what a store did to its files in some seconds, and the checksum of each body by stream and number."""
    folder = tmp_path_factory.mktemp("recorded")
    state, log = folder / "state", folder / "log"
    state.mkdir()
    environment = shim(state, SHIM_LOG=str(log))
    subprocess.run([sys.executable, "-c", CHILD, state, "90"], env=environment, check=True, timeout=120)
    lines = (state / "bodies").read_text().splitlines()
    return list(operations(log.read_bytes())), {s: line.split() for s, line in zip(Stream, lines, strict=True)}


async def check(directory, bodies, promised):
    """It opens without a word, has what was promised, and nothing that was never stored."""
    store = await Store.open(directory, StoreBudget(max_bytes=4 * MIB, alarm_share=0.7))
    assert (list(store.notes), store.stats.fault) == ([], None)
    turn, *least = map(int, promised.split() or [0, 0, 0, 0])
    assert not promised or int((await store.states("turn"))["turn"]) >= turn
    for stream, last in zip(Stream, least, strict=True):
        assert store.last(stream) >= last
        rows, after = [], 0
        while found := await store.read(stream, after=after, limit=500):
            rows += found
            after = found[-1].seq
        for row in rows:
            assert row.merged or zlib.crc32(row.record.body) == int(bodies[stream][row.seq - 1])
        told = sorted(n for row in rows for a, b in numbers.runs(row.numbers) for n in range(a, b + 1))
        assert told == list(range(told[0] if told and stream is Stream.CHANGE else 1, store.last(stream) + 1))
    assert await store.losses() == []
    await store.close()


async def cuts(recorded, folder, monkeypatch, count):
    """Cut the power `count` times and look each time."""
    operations, bodies = recorded
    another_boot = folder / "boot"
    another_boot.write_text("another boot")
    monkeypatch.setattr(files, "BOOT", another_boot)
    chance, platter = random.Random(5), Platter()
    moments = set(chance.sample(range(len(operations)), count))
    for moment, operation in enumerate(operations):
        platter.do(*operation)
        if moment in moments:
            state = folder / f"cut{moment}"
            state.mkdir()
            for name, content in platter.cut(chance):
                (state / name).write_bytes(content)
            await check(state, bodies, platter.promised.decode())
    assert int(platter.promised.split()[1]) > 250


async def test_a_power_cut_takes_nothing_that_was_stored(recorded, tmp_path, monkeypatch):
    """Twenty moments."""
    await cuts(recorded, tmp_path, monkeypatch, 20)


@pytest.mark.slow
async def test_many_power_cuts_take_nothing_that_was_stored(recorded, tmp_path, monkeypatch):
    """Two hundred moments."""
    await cuts(recorded, tmp_path, monkeypatch, 200)


def test_a_lost_sync_would_be_noticed(recorded):
    """The recording has what matters: syncs of database, journal, side file and directory."""
    operations, _ = recorded
    synced = {Path(name).name for op, name, _, _ in operations if op == "sync"}

    assert synced >= {"store.db", "store.db-wal", "sequences.json.new", "state"}
