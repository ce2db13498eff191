"""What waits in RAM for the next commit: bounded, in order, and whole again after a commit that failed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.store.limits import record_cost, states_cost
from gateway.store.numbers import Run
from gateway.store.record import Gap, GapReason, Record, Stream
from gateway.store.work import Lost, Work

RUNS_MAX = 10_000
"""Runs of acknowledged numbers per stream. One run is usual; beyond it rows are sent again after a restart, counted."""
REPORTED_MAX = 1_000
DROP_ORDER = (Stream.TELEMETRY, Stream.CHANGE, Stream.REPORT, Stream.ALARM)


@dataclass(frozen=True, slots=True)
class Unit:
    """Records and states that go to disk together."""

    records: Sequence[Record]
    states: Mapping[str, bytes | None]
    bytes: int


@dataclass(slots=True)
class Group:
    """Units on their way into one transaction."""

    lost: Mapping[tuple[Stream, GapReason], Lost] = field(default_factory=dict)
    acknowledged: Mapping[Stream, Sequence[Run]] = field(default_factory=dict)
    unreadable: Mapping[Stream, Sequence[Run]] = field(default_factory=dict)
    reported: Sequence[Gap] = ()
    noted: Sequence[Gap] = ()
    records: list[Record] = field(default_factory=list)
    states: dict[str, bytes | None] = field(default_factory=dict)
    bytes: int = 0

    def add(self, unit: Unit) -> None:
        """Let `unit` share the transaction."""
        self.records += unit.records
        self.states |= unit.states
        self.bytes += unit.bytes

    def work(self) -> Work:
        """Return what the disk is to do."""
        return Work(
            records=self.records,
            states=self.states,
            bytes=self.bytes,
            lost=self.lost,
            acknowledged=self.acknowledged,
            unreadable=self.unreadable,
            reported=self.reported,
            noted=self.noted,
        )


class Pending:
    """The units and the acknowledgements that wait, and what fell out: `fell_out` hears of it."""

    def __init__(self, *, unit_bytes: int, ram_bytes: int, fell_out: Callable[[], None] = lambda: None) -> None:
        self._fell_out = fell_out
        self.bytes = 0
        self.acks_forgotten = 0
        self._unit_bytes = unit_bytes
        self._ram_bytes = ram_bytes
        self._units: deque[Unit] = deque()
        self._lost: dict[tuple[Stream, GapReason], Lost] = {}
        self._acknowledged: dict[Stream, list[Run]] = {}
        self._unreadable: dict[Stream, list[Run]] = {}
        self._reported: list[Gap] = []
        self._noted: list[Gap] = []

    def __bool__(self) -> bool:
        deletions = self._acknowledged or self._unreadable or self._reported
        return bool(self._units or self._lost or self._noted or deletions)

    @property
    def lost(self) -> Mapping[Stream, int]:
        """How many fell out and are not on record yet."""
        return {s: sum(lost.count for (stream, _), lost in self._lost.items() if stream is s) for s in Stream}

    @property
    def acknowledged(self) -> Mapping[Stream, int]:
        """How many rows wait for their deletion because the broker has them."""
        return {s: sum(last - first + 1 for first, last in self._acknowledged.get(s, ())) for s in Stream}

    def add(self, records: Sequence[Record], states: Mapping[str, bytes | None]) -> None:
        """Let a unit wait; one that is larger than a transaction is split, its states last."""
        for record in records:
            if record_cost(record) > self._unit_bytes:
                self._lose(record, GapReason.SIZE)
        fitting = [record for record in records if record_cost(record) <= self._unit_bytes]
        for unit in _units(fitting, states, self._unit_bytes):
            self._units.append(unit)
            self.bytes += unit.bytes
        if self.bytes > self._ram_bytes:
            self._trim()

    def acknowledge(self, stream: Stream, seqs: Iterable[int]) -> None:
        """Let rows wait for their deletion."""
        self._acknowledged[stream] = self._bounded([*self._acknowledged.get(stream, ()), *_runs(seqs)])

    def discard(self, stream: Stream, seqs: Iterable[int]) -> None:
        """Let unreadable rows wait for their deletion."""
        self._unreadable[stream] = self._bounded([*self._unreadable.get(stream, ()), *_runs(seqs)])

    def report(self, gaps: Iterable[Gap]) -> None:
        """Let reported gaps wait for their deletion."""
        self._reported = [*self._reported, *gaps][-REPORTED_MAX:]

    def note(self, gap: Gap) -> None:
        """Let a gap that is reported already wait for its record."""
        self._noted = [*self._noted, gap][-REPORTED_MAX:]

    def take(self) -> Sequence[Work]:
        """Take everything out, as much together as one transaction may; the deletions come first."""
        works, group = [], Group(self._lost, self._acknowledged, self._unreadable, self._reported, self._noted)
        for unit in self._units:
            if group.bytes and group.bytes + unit.bytes > self._unit_bytes:
                works.append(group.work())
                group = Group()
            group.add(unit)
        self._units = deque()
        self._lost, self._acknowledged, self._unreadable, self._reported, self._noted = {}, {}, {}, [], []
        self.bytes = 0
        return [*works, group.work()]

    def give_back(self, works: Sequence[Work]) -> None:
        """Put in again what could not be done, before everything else."""
        for work in reversed(works):
            self._give_back(work)
        if self.bytes > self._ram_bytes:
            self._trim()

    def _give_back(self, work: Work) -> None:
        if work.records or work.states:
            self._units.appendleft(Unit(work.records, work.states, work.bytes))
            self.bytes += work.bytes
        for key, lost in work.lost.items():
            self._lost[key] = lost + self._lost[key] if key in self._lost else lost
        for runs, others in ((self._acknowledged, work.acknowledged), (self._unreadable, work.unreadable)):
            for stream, earlier in others.items():
                runs[stream] = self._bounded([*earlier, *runs.get(stream, ())])
        self._reported = [*work.reported, *self._reported][-REPORTED_MAX:]
        self._noted = [*work.noted, *self._noted][-REPORTED_MAX:]

    def _trim(self) -> None:
        """Drop the oldest telemetry, then changes, then alarms, to seven eighths: not again at the next record."""
        records = [record for unit in self._units for record in unit.records]
        states = {key: value for unit in self._units for key, value in unit.states.items()}
        excess = self.bytes - self._ram_bytes * 7 // 8
        dropped: set[int] = set()
        for stream in DROP_ORDER:
            for index, record in enumerate(records):
                if excess > 0 and record.stream is stream:
                    excess -= record_cost(record)
                    dropped.add(index)
                    self._lose(record, GapReason.MEMORY)
        kept = [record for index, record in enumerate(records) if index not in dropped]
        self._units = deque(_units(kept, states, self._unit_bytes))
        self.bytes = sum(unit.bytes for unit in self._units)
        self._fell_out()

    def _lose(self, record: Record, reason: GapReason) -> None:
        key, lost = (record.stream, reason), Lost(1, record.start_ns, record.end_ns)
        self._lost[key] = self._lost[key] + lost if key in self._lost else lost

    def _bounded(self, runs: list[Run]) -> list[Run]:
        merged = list(_merged(sorted(runs)))
        forgotten = merged[:-RUNS_MAX]
        self.acks_forgotten += sum(last - first + 1 for first, last in forgotten)
        return merged[-RUNS_MAX:]


def _unit(records: Sequence[Record], states: Mapping[str, bytes | None]) -> Unit:
    return Unit(records, states, sum(map(record_cost, records)) + states_cost(states))


def _units(records: Sequence[Record], states: Mapping[str, bytes | None], most: int) -> Iterator[Unit]:
    """Yield one unit where it fits, else several: first the records, the states with the last of them or alone."""
    whole = _unit(records, states)
    if whole.bytes <= most:
        yield from (whole,) if records or states else ()
        return
    begin, size = 0, 0
    for index, record in enumerate(records):
        if size + record_cost(record) > most:
            yield _unit(records[begin:index], {})
            begin, size = index, 0
        size += record_cost(record)
    rest = records[begin:]
    if rest and size + states_cost(states) > most:
        yield _unit(rest, {})
        rest = ()
    yield from _state_units(rest, states, most)


def _state_units(rest: Sequence[Record], states: Mapping[str, bytes | None], most: int) -> Iterator[Unit]:
    part: dict[str, bytes | None] = {}
    for key, value in states.items():
        if part and states_cost(part) + states_cost({key: value}) > most:
            yield _unit((), part)
            part = {}
        part[key] = value
    if rest or part:
        yield _unit(rest, part)


def _runs(seqs: Iterable[int]) -> Iterator[Run]:
    return _merged((seq, seq) for seq in sorted(seqs))


def _merged(runs: Iterable[Run]) -> Iterator[Run]:
    first, last = 0, -1
    for begin, end in runs:
        if last < 0:
            first, last = begin, end
        elif begin <= last + 1:
            last = max(last, end)
        else:
            yield first, last
            first, last = begin, end
    if last >= 0:
        yield first, last
