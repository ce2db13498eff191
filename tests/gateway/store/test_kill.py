"""Killed at any moment, the store has everything that `flush` promised, and no number twice or missing."""

import random
import selectors
import subprocess
import sys
import time

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store.limits import record_cost
from gateway.store.record import Stream
from gateway.store.store import Store

CHILD = """
import asyncio, os, random, sys
from pathlib import Path
from gateway.config.model import MIB, StoreBudget
from gateway.store.record import Record, Stream
from gateway.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]), StoreBudget(max_bytes=4 * MIB, commit_s=0.01))
    randomly = random.Random(int(sys.argv[2]))
    print("open", flush=True)
    acknowledged = 0
    while True:
        streams = [randomly.choice(list(Stream)) for _ in range(randomly.randint(1, 60))]
        store.append([Record(s, "d", 1, 2, os.urandom(randomly.choice([10, 500, 5000]))) for s in streams], {"k": b"v"})
        if randomly.random() < 0.3:
            upto = store.last(Stream.CHANGE)
            store.acknowledge(Stream.CHANGE, range(max(1, upto - 50), upto + 1))
        await store.flush()
        print(*(store.last(s) for s in Stream), flush=True)

asyncio.run(main())
"""


def run_until_killed(directory, seed, randomly):
    """Run the child, kill it at a random moment, and return the last numbers it said were flushed."""
    with subprocess.Popen([sys.executable, "-c", CHILD, directory, str(seed)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        end = time.monotonic() + randomly.uniform(0, 0.15)
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0:
                if selector.select(left):
                    said += child.stdout.read1()
        child.kill()
        said += child.stdout.read()
    lines = [line for line in said.split(b"\n")[:-1] if line]
    return dict(zip(Stream, map(int, lines[-1].split()), strict=True)) if lines else {}


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.slow)])
async def test_what_was_flushed_survives_a_kill(tmp_path, kills):
    """Each time each stream goes on behind the last flushed number, and each number is a row, in a gap, or acked."""
    randomly = random.Random(7)
    promised = dict.fromkeys(Stream, 0)
    for turn in range(20 * kills):  # where a child has hardly begun within its time, there are more of them
        if turn >= kills and min(promised.values()) > kills:
            break
        promised |= run_until_killed(tmp_path, turn, randomly)
        store = await Store.open(tmp_path, StoreBudget(max_bytes=4 * MIB))
        assert store.notes == []
        for stream in Stream:
            assert store.last(stream) >= promised[stream]
            promised[stream] = store.last(stream)
        await check_complete(store, Stream.TELEMETRY)
        await check_complete(store, Stream.ALARM)
        await store.close()

    assert min(promised.values()) > kills


async def check_complete(store, stream):
    """Every number up to the last is a row or in a gap, once; the sums kept beside agree."""
    numbers, size, after = [], 0, 0
    while rows := await store.read(stream, after=after, limit=1000):
        numbers += [row.seq for row in rows]
        size += sum(record_cost(row.record) for row in rows)
        after = rows[-1].seq
    assert (len(numbers), size) == (store.stats.rows[stream], store.stats.bytes[stream])
    missing = [number for gap in await store.gaps(stream) for number in range(gap.from_seq, gap.to_seq + 1)]
    assert sorted(numbers + missing) == list(range(1, store.last(stream) + 1))
    assert len(missing) == store.stats.dropped[stream]
