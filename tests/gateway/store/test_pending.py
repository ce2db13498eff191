"""What waits in RAM is bounded, ordered, and whole again after a failed commit."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.store import pending as module
from gateway.store.limits import record_cost
from gateway.store.pending import Pending
from gateway.store.record import GapReason, Record, Stream

T, C, A = Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM


def record(number, stream=T, size=54):
    return Record(stream, "d", number, number + 1, bytes(size))


def test_units_share_a_transaction_while_they_fit():
    """Records and states come out in order, in as few works as the bound allows."""
    pending = Pending(unit_bytes=320, ram_bytes=10_000)
    for number in range(5):
        pending.add([record(number)], {"n": str(number).encode()})
    works = pending.take()

    assert [r.start_ns for work in works for r in work.records] == [0, 1, 2, 3, 4]
    assert all(work.bytes <= 320 for work in works)
    assert works[-1].states == {"n": b"4"}
    assert (pending.bytes, bool(pending)) == (0, False)


def test_what_could_not_be_done_comes_first_again():
    """After give_back, take returns the old before the new."""
    pending = Pending(unit_bytes=320, ram_bytes=10_000)
    pending.add([record(0)], {"k": b"old", "o": b"o"})
    pending.add([record(1), record(2), record(3)], {})
    pending.acknowledge(T, [1, 2])
    works = pending.take()
    pending.add([record(4)], {"k": b"new"})
    pending.acknowledge(T, [3, 9])
    pending.give_back(works)
    again = pending.take()

    assert [r.start_ns for work in again for r in work.records] == [0, 1, 2, 3, 4]
    assert {k: v for work in again for k, v in work.states.items()} == {"k": b"new", "o": b"o"}
    assert again[0].acknowledged == {T: [(1, 3), (9, 9)]}


def test_beyond_the_bound_the_oldest_telemetry_goes_first():
    """Telemetry falls out before changes, changes before alarms; what falls out is counted with what it covered."""
    pending = Pending(unit_bytes=1000, ram_bytes=1000)
    pending.add([record(n, A) for n in range(4)], {"k": b""})
    pending.add([record(n, T) for n in range(10, 20)], {})
    work = pending.take()

    kept = [r for w in work for r in w.records]
    assert [r for r in kept if r.stream is A] == [record(n, A) for n in range(4)]
    assert [r.start_ns for r in kept if r.stream is T] == [16, 17, 18, 19]
    assert work[0].lost[T, GapReason.MEMORY].count == 6
    assert (work[0].lost[T, GapReason.MEMORY].start_ns, work[0].lost[T, GapReason.MEMORY].end_ns) == (10, 16)
    assert {"k": b""} in [w.states for w in work]


@given(st.lists(st.tuples(st.sampled_from(Stream), st.integers(0, 300)), max_size=60), st.booleans())
def test_nothing_vanishes(items, fail):
    """Every record is in a work or counted as lost, and RAM stays within its bound."""
    pending = Pending(unit_bytes=400, ram_bytes=2000)
    for number, (stream, size) in enumerate(items):
        pending.add([record(number, stream, size)], {f"k{number % 3}": b"x"})
        assert pending.bytes <= 2000
        if fail and number % 7 == 0:
            pending.give_back(pending.take())
    works = pending.take()

    lost = sum(lost.count for work in works for lost in work.lost.values())
    assert sum(len(work.records) for work in works) + lost == len(items)
    assert all(sum(map(record_cost, work.records)) <= 400 for work in works)
    for stream in Stream:
        times = [r.start_ns for work in works for r in work.records if r.stream is stream]
        assert times == sorted(times)


def test_acknowledgements_are_bounded(monkeypatch):
    """Beyond RUNS_MAX scattered runs the oldest are forgotten and counted."""
    monkeypatch.setattr(module, "RUNS_MAX", 3)
    pending = Pending(unit_bytes=320, ram_bytes=1000)
    pending.acknowledge(T, [1, 2, 5, 9, 13])

    assert pending.acks_forgotten == 2
    assert pending.take()[0].acknowledged == {T: [(5, 5), (9, 9), (13, 13)]}
