"""Random operations against a model of a few lines: the store does what the model does, restarts included."""

import asyncio
import tempfile
import warnings
from pathlib import Path

import numpy as np
from examples import examples
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store.limits import Limits, record_cost
from gateway.store.numbers import runs
from gateway.store.packing import summary_of, to_record
from gateway.store.record import GapReason, Record, Stream
from gateway.store.rows import row_of
from gateway.store.schema import STATEMENTS
from gateway.store.store import Store

BUDGET = StoreBudget(max_bytes=4 * MIB, alarm_share=0.03, commit_s=0.01)
FADING = StoreBudget(max_bytes=4 * MIB, alarm_share=0.8, commit_s=0.01)
"""0.6 MB for telemetry."""
LIMITS = Limits.of(BUDGET)
STREAMS = st.sampled_from(Stream)


class StoreMachine(RuleBasedStateMachine):
    """Rows, gaps and states as dictionaries; the alarm budget as a sum."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.rows = {stream: {} for stream in Stream}
        self.missing = {stream: {} for stream in Stream}
        self.last = dict.fromkeys(Stream, 0)
        self.states = {}
        self.time = 0
        self.open()

    def open(self):
        self.store = self.runner.run(Store.open(Path(self.directory.name), BUDGET))

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    @rule(
        items=st.lists(st.tuples(STREAMS, st.integers(0, 9000)), max_size=40),
        key=st.sampled_from("abc"),
        value=st.none() | st.binary(max_size=5000),
    )
    def append(self, items, key, value):
        """Rows get the next numbers; alarms beyond their budget push out the oldest alarms."""
        records = []
        for stream, size in items:
            self.time += 1
            self.last[stream] += 1
            records.append(Record(stream, "d", self.time, self.time + 1, bytes(size)))
            self.rows[stream][self.last[stream]] = records[-1]
        self.store.append(records, {key: value})
        self.states[key] = value
        self.flush()
        alarms = self.rows[Stream.ALARM]
        while sum(map(record_cost, alarms.values())) > LIMITS.alarm_bytes:
            oldest = min(alarms)
            self.missing[Stream.ALARM][oldest] = (alarms.pop(oldest), GapReason.BUDGET)

    @rule(stream=STREAMS, seqs=st.sets(st.integers(1, 60)))
    def acknowledge(self, stream, seqs):
        """Known rows go, unknown ones are nothing."""
        self.store.acknowledge(stream, seqs)
        for seq in seqs:
            self.rows[stream].pop(seq, None)

    @rule(stream=STREAMS, seqs=st.sets(st.integers(1, 60), max_size=4))
    def discard(self, stream, seqs):
        """Known rows become gaps."""
        self.flush()
        self.store.discard(stream, seqs)
        for seq in seqs & self.rows[stream].keys():
            self.missing[stream][seq] = (self.rows[stream].pop(seq), GapReason.CORRUPT)

    @rule()
    def reopen(self):
        """Nothing changes by a restart."""
        self.runner.run(self.store.close())
        self.open()

    def flush(self):
        self.runner.run(self.store.flush())

    @invariant()
    def is_the_same(self):
        """Rows, numbers, gaps, states and sums are the model's."""
        self.flush()
        stats = self.store.stats
        assert self.runner.run(self.store.states("")) == {k: v for k, v in self.states.items() if v is not None}
        for stream in Stream:
            rows = self.rows[stream]
            assert self.read(stream) == list(rows.items())
            assert self.store.last(stream) == self.last[stream]
            assert (stats.rows[stream], stats.bytes[stream]) == (len(rows), sum(map(record_cost, rows.values())))
            assert stats.dropped[stream] == len(self.missing[stream])
            assert stats.oldest_ns.get(stream) == (rows[min(rows)].start_ns if rows else None)
            assert self.gaps(stream) == {seq: reason for seq, (_, reason) in sorted(self.missing[stream].items())}

    def read(self, stream):
        """Read all of a stream in pieces."""
        found, after = [], 0
        while rows := self.runner.run(self.store.read(stream, after=after, limit=50)):
            found += [(row.seq, row.record) for row in rows]
            after = rows[-1].seq
        return found

    def gaps(self, stream):
        """Return each missing number with its reason, having checked bounds and times."""
        found = {}
        for gap in self.runner.run(self.store.gaps(stream)):
            numbers = range(gap.from_seq, gap.to_seq + 1)
            records = [self.missing[stream][seq][0] for seq in numbers]
            assert gap.lost == len(numbers)
            assert (gap.start_ns, gap.end_ns) == (records[0].start_ns, records[-1].end_ns)
            assert not found or gap.from_seq > max(found) + 1 or gap.reason != found[gap.from_seq - 1]
            found |= dict.fromkeys(numbers, gap.reason)
        return found


class FadingMachine(RuleBasedStateMachine):
    """Every window that was stored, and which of them have left: what the store has must tell the others exactly."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.random = np.random.default_rng(1)
        self.windows, self.left, self.handed = {}, set(), {}
        self.open()

    def open(self):
        self.store = self.runner.run(Store.open(Path(self.directory.name), FADING))
        self.handed = {}

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    def window(self, device, points):
        """Return a window that follows the last one, of 2 to 5 KB."""
        least, mean, last, greatest = np.sort(self.random.normal(size=(4, points)), axis=0)
        columns = least, greatest, mean, last
        count = self.random.integers(0, 3, points).astype(np.uint32)
        for column in columns:
            column[count == 0] = np.nan
        quality = self.random.integers(0, 1 << 16, points).astype(np.uint16)
        names = tuple(f"p{n}" for n in range(points))
        return Summary(device, len(self.windows) * 10, 10, names, count, *columns, quality)

    @rule(devices=st.lists(st.sampled_from("abc"), min_size=30, max_size=60), points=st.sampled_from((100, 100, 150)))
    def append(self, devices, points):
        """Windows of some devices, now and then under another point list."""
        for device in devices:
            window = self.window(device, points)
            self.windows[len(self.windows) + 1] = window
            self.store.append([to_record(window)])
        self.runner.run(self.store.flush())

    @rule(count=st.integers(1, 60), acknowledges=st.booleans())
    def send(self, count, acknowledges):
        """The oldest are handed out, and leave when they are acknowledged."""
        rows = self.runner.run(self.store.read(Stream.TELEMETRY, after=0, limit=count))
        self.handed |= {row.seq: row for row in rows}
        if acknowledges:
            self.store.acknowledge(Stream.TELEMETRY, [row.seq for row in rows])
            self.runner.run(self.store.flush())
            for row in rows:
                self.left |= told(row)
                del self.handed[row.seq]

    @rule()
    def reopen(self):
        """A restart forgets only what was handed out."""
        self.runner.run(self.store.close())
        self.open()

    @invariant()
    def tells_everything(self):
        """Each number is in one row or gone; each row tells its windows; what was handed out is unchanged."""
        rows = self.runner.run(self.store._in_thread(self.rows))
        gaps = self.runner.run(self.store.losses())
        numbers = [number for row in rows for number in told(row)]
        assert sorted([*numbers, *self.left]) == sorted(self.windows)
        assert not gaps
        for row in rows:
            check_row(row, [self.windows[number] for number in sorted(told(row))])
        assert {row.seq: row for row in rows if row.seq in self.handed} == self.handed

    def rows(self):
        """Read without handing out."""
        statement = STATEMENTS[Stream.TELEMETRY].read
        return self.store._disk._guarded(
            lambda db: [row_of(Stream.TELEMETRY, columns) for columns in db.execute(statement, (0, 1 << 62, -1))]
        )


def told(row):
    """Return the numbers that a row stands for."""
    return {number for first, last in runs(row.numbers) for number in range(first, last + 1)}


def check_row(row, windows):
    """A row is what its windows are together."""
    told, count = summary_of(row.record), sum(window.count.astype(int) for window in windows)
    np.testing.assert_array_equal(told.count, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any number
        np.testing.assert_array_equal(told.min, np.nanmin([window.min for window in windows], axis=0))
        np.testing.assert_array_equal(told.max, np.nanmax([window.max for window in windows], axis=0))
        sums = np.nansum([window.mean * window.count for window in windows], axis=0)
        np.testing.assert_allclose(told.mean, np.where(count > 0, sums / count, np.nan), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(told.quality, np.bitwise_or.reduce([window.quality for window in windows]))
    assert (told.start_ns, told.device) == (windows[0].start_ns, windows[-1].device)
    assert told.start_ns + told.length_ns == windows[-1].start_ns + 10


FadingMachine.TestCase.settings = examples(
    3,
    stateful_step_count=12,
    phases=[Phase.explicit, Phase.generate],  # to shrink megabytes takes hours
)
TestFading = FadingMachine.TestCase
StoreMachine.TestCase.settings = examples(12, stateful_step_count=15)
TestStore = StoreMachine.TestCase
