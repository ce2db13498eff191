"""Random operations against a model of a few lines: the store does what the model does, restarts included."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.config.model import MIB, StoreBudget
from gateway.store.limits import Limits, record_cost
from gateway.store.record import GapReason, Record, Stream
from gateway.store.store import Store

BUDGET = StoreBudget(max_bytes=4 * MIB, alarm_share=0.03, commit_s=0.01)
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


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestStore = StoreMachine.TestCase
