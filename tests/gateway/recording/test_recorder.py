"""The recorder of the daemon: what it saw is there after a kill but for the open block, within its bytes."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import structlog

from gateway.config.model import MIB, RecorderBudget
from gateway.core.image import Image
from gateway.recording import recorder as module
from gateway.recording import shelf
from gateway.recording.opened import opened
from gateway.recording.recorder import LOOKS, Recorder
from gateway.recording.segment import Block
from gateway.recording.shelf import Shelf
from protocols.model import Event, EventKind, Quality

NS = 1_000_000_000
CHILD = """
import sys
from pathlib import Path
import numpy as np
from gateway.config.model import RecorderBudget
from gateway.core.image import Image
from gateway.recording.recorder import Recorder
from protocols.model import Batch
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

both = (PointConfig(name="va"), PointConfig(name="ia"))
points = Points.of([(DeviceConfig(name="f1"), both), (DeviceConfig(name="f2"), both[:1])])
recorder, image = Recorder(Path(sys.argv[1]), points, RecorderBudget()), Image(points)
rows = np.arange(3, dtype=np.int32)
at = 0
while True:
    at += 1
    now = at * 10**9
    image.observe(Batch(rows, np.full(3, float(at)), np.zeros(3, np.uint16), np.full(3, now), now))
    recorder.look(image, now)
    if at % 60 == 0:
        while recorder._full.qsize():
            pass
    if at == 200:
        print("there", flush=True)
        import time
        time.sleep(60)
"""


def block(size=1000, at=0):
    """Make a block that does not deflate."""
    values = np.random.default_rng(at).integers(0, 2**63, (60, size)).astype(np.uint64).view(np.float64)
    return Block(np.arange(60) + at * 60, values, np.zeros(values.shape, np.uint16), np.ones(values.shape, bool))


def test_what_is_seen_is_told(points, batch, told, tmp_path):
    """The readings that came since the look before, at the time of the look; a lost device is an event."""
    recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
    for at, values in ((1, {0: 1.5, 1: 2.5, 2: 3.5}), (2, {0: 1.6}), (3, {}), (4, {2: 9.0})):
        if values:
            image.observe(batch(at - 0.5, values))
        recorder.look(image, at * NS)
    image.lost("f2", 5 * NS)
    recorder.look(image, 5 * NS)
    image.observe(batch(5.5, {2: 9.1}))
    recorder.look(image, 6 * NS)
    recorder.close()

    assert told(opened(tmp_path, points), points) == [
        (1, {"f1.va": 1.5, "f1.ia": 2.5, "f2.va": 3.5}),
        (2, {"f1.va": 1.6}),
        (4, {"f2.va": 9.0}),
        (6, {"f2.va": 9.1}),
    ]
    events = [each for each in opened(tmp_path, points).told() if isinstance(each, Event)]
    assert [(each.device, each.kind, each.time_ns // NS) for each in events] == [
        ("f2", EventKind.LOST, 5),
        ("f2", EventKind.CONNECTED, 6),
    ]


def test_a_kill_loses_the_open_block_at_most(points, told, tmp_path):
    """After `kill -9` every full block is read; the next start goes on in a segment of its own."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    deadline = time.monotonic() + 60
    while len(told(opened(tmp_path, points), points)) < 180 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    kept = told(opened(tmp_path, points), points)
    assert [at for at, _ in kept] == list(range(1, 181))

    recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
    recorder.look(image, 300 * NS)
    recorder.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_torn_end_is_said_and_the_rest_is_read(points, told, tmp_path):
    """What a power cut left of the last block is left out; the next segment is read."""
    for seconds in (1, 2):
        recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
        for k in range(LOOKS + 1):
            image.arrival_ns += 1
            image.values[:] = k
            recorder.look(image, (seconds * 1000 + k) * NS)
        recorder.close()
    first = min(tmp_path.iterdir())
    os.truncate(first, first.stat().st_size - 3)
    source = opened(tmp_path, points)

    assert len(told(source, points)) == LOOKS + LOOKS + 1
    assert len(source.notes) == 1
    assert first.name in source.notes[0]


def test_it_keeps_within_its_bytes(tmp_path):
    """The oldest segment goes; what is there never takes more than the budget."""
    there = Shelf(tmp_path, ["p"] * 10, 4 * MIB)
    for at in range(30):
        there.write(block(at=at))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4 * MIB
    there.close()

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "00000030.rec"
    assert len(names) > 4


def test_a_full_disk_is_one_line_and_nothing_is_torn(points, batch, told, tmp_path, monkeypatch):
    """While the disk refuses, blocks fall out, counted; when it takes them again, what follows is readable."""
    real, refused, dealt = os.write, [], threading.Semaphore(0)

    def write(handle, content):
        if refused:
            real(handle, bytes(content[: len(content) // 2]))
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, content)

    def shelve(there, block):
        try:
            return put(there, block)
        finally:
            dealt.release()

    put = Shelf.write
    monkeypatch.setattr(Shelf, "write", shelve)
    monkeypatch.setattr(shelf.os, "write", write)
    recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
    with structlog.testing.capture_logs() as logged:
        for at in range(1, 5 * LOOKS + 1):
            image.observe(batch(at, {0: float(at)}))
            if at in (LOOKS, 4 * LOOKS):
                refused[:] = [True] if at == LOOKS else []
            recorder.look(image, at * NS)
            assert at % LOOKS or dealt.acquire(timeout=30)
        recorder.close(30)

    assert [line["event"] for line in logged] == ["recorder_fault", "recorder_recovered"]
    assert recorder.dropped == 3
    assert [at for at, _ in told(opened(tmp_path, points), points)] == list(range(3 * LOOKS + 1, 5 * LOOKS + 1))


def test_the_store_comes_first(tmp_path, monkeypatch):
    """Where the disk has little left, the recorder lets its own segments go, and then does not write."""
    there = Shelf(tmp_path, ["p"], 4 * MIB)
    there.write(block())
    monkeypatch.setattr(shelf, "FREE_BYTES", 1 << 60)

    with pytest.raises(OSError, match="left to the store"):
        there.write(block())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_hangs_stops_nobody(points, batch, tmp_path, monkeypatch):
    """Blocks that wait are bounded, and a stop waits for the thread no longer than it may."""
    hung = threading.Event()
    monkeypatch.setattr(module.Shelf, "write", lambda *_: int(hung.wait(10)))
    recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
    for at in range(1, 6 * LOOKS + 1):
        image.observe(batch(at, {0: float(at)}))
        recorder.look(image, at * NS)

    recorder.close(0.1)

    assert recorder._thread.is_alive()
    assert recorder.dropped >= 2
    hung.set()
    recorder._thread.join()


def test_quality_goes_with_the_values(points, batch, tmp_path):
    """Flags come back as they were."""
    recorder, image = Recorder(tmp_path, points, RecorderBudget()), Image(points)
    image.observe(batch(1, {0: 1.0}, Quality.QUESTIONABLE))
    recorder.look(image, NS)
    recorder.close()

    [told] = opened(tmp_path, points).told()
    assert told.quality.tolist() == [Quality.QUESTIONABLE]
