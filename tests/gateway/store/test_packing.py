"""Packing: what goes in comes out, and what was damaged is one kind of error."""

import json
import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.model import Severity
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.store import packing, seal
from gateway.store.packing import BadRecord, alarm_of, change_of, report_of, summary_of, to_record
from gateway.store.record import Record, Stream

TIMES = st.integers(0, 2**62)
NUMBERS = st.floats()
NAMES = st.text(max_size=20)


def columns(dtype, elements, size):
    return st.lists(elements, min_size=size, max_size=size).map(lambda items: np.array(items, dtype))


@st.composite
def summaries(draw):
    points = tuple(draw(st.lists(NAMES, max_size=30)))
    values = columns(np.float64, NUMBERS, len(points))
    return Summary(
        draw(NAMES), draw(TIMES), draw(st.integers(0, 2**40)), points,
        draw(columns(np.uint32, st.integers(0, 2**32 - 1), len(points))),
        draw(values), draw(values), draw(values), draw(values),
        draw(columns(np.uint16, st.integers(0, 2**16 - 1), len(points))),
    )  # fmt: skip


@st.composite
def changes(draw):
    points = tuple(draw(st.lists(NAMES, max_size=30)))
    return Change(
        draw(NAMES), draw(TIMES), points,
        draw(columns(np.float64, NUMBERS, len(points))),
        draw(columns(np.uint16, st.integers(0, 2**16 - 1), len(points))),
        draw(columns(np.int64, TIMES, len(points))),
    )  # fmt: skip


EVIDENCE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ALARMS = st.builds(
    Alarm,
    id=NAMES, state=st.sampled_from(AlarmState), severity=st.sampled_from(Severity), kind=NAMES, detector=NAMES,
    device=NAMES, points=st.lists(NAMES, max_size=3).map(tuple), first_ns=TIMES, last_ns=TIMES,
    count=st.integers(0, 2**40), text=NAMES, value=st.none() | st.floats(allow_nan=False),
    expected=st.none() | st.floats(allow_nan=False), score=st.floats(allow_nan=False), active=st.booleans(),
    acked=st.booleans(), shelved_until_ns=TIMES, by=NAMES, technique=st.none() | NAMES,
    evidence=st.dictionaries(NAMES, EVIDENCE, max_size=3), subject=NAMES, causes=st.lists(NAMES, max_size=3).map(tuple),
    advice=NAMES, incident=NAMES, first_out=st.booleans(), suppressed_by=NAMES, chattering=st.booleans(),
    withheld=st.booleans(), told=st.booleans(),
)  # fmt: skip


def same(left, right):
    assert type(left) is type(right)
    for name in left.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@given(summaries())
def test_a_summary_comes_back_as_it_was(summary):
    """Names in any script, infinities and NaN, no point at all: bit for bit what was packed."""
    record = to_record(summary)

    same(summary_of(record), summary)
    assert (record.stream, record.device) == (Stream.TELEMETRY, summary.device)
    assert record.end_ns - record.start_ns == summary.length_ns


@given(changes())
def test_a_change_comes_back_as_it_was(change):
    """Values, qualities and each reading's own time survive, NaN included."""
    same(change_of(to_record(change)), change)


@given(ALARMS)
def test_an_alarm_comes_back_as_it_was(alarm):
    """Every field and any JSON evidence survives."""
    assert alarm_of(to_record(alarm)) == alarm


def an_alarm(**other):
    fields = {"id": "a", "state": AlarmState.NORMAL, "severity": Severity.INFO, "kind": "k", "detector": "d"}
    fields |= {"device": "x", "points": (), "first_ns": 1, "last_ns": 2, "count": 1, "text": "t"}
    return Alarm(**(fields | other))


def test_an_alarm_of_before_is_read():
    """One that was stored before it had a subject, an incident and the like: it was told, and nothing else is known."""
    fields = json.loads(seal.unseal(to_record(an_alarm()).body))
    older = {key: value for key, value in fields.items() if key not in packing.ADDED}
    record = Record(Stream.ALARM, "x", 1, 2, seal.seal(json.dumps(older).encode()))

    assert len(older) == len(fields) - len(packing.ADDED)
    assert alarm_of(record) == an_alarm()


def test_numbers_that_do_not_exist_are_null():
    """NaN in an alarm, numpy's too, is stored as null: what reads the body later needs no NaN of its own."""
    packed = alarm_of(to_record(an_alarm(value=math.nan, evidence={"a": np.float64("nan"), "b": np.arange(2)})))

    assert (packed.value, packed.evidence) == (None, {"a": None, "b": [0, 1]})


def test_a_summary_is_packed_small():
    """1,000 points of 10 readings take less than half of their 38,000 bytes."""
    values = np.linspace(100, 400, 1000).astype(np.float32).astype(np.float64)
    points = tuple(f"point{i}" for i in range(1000))
    summary = Summary("d", 0, 1, points, np.full(1000, 10, np.uint32), *[values] * 4, np.zeros(1000, np.uint16))

    assert len(to_record(summary).body) < 19_000


READERS = {Stream.TELEMETRY: summary_of, Stream.CHANGE: change_of, Stream.ALARM: alarm_of, Stream.REPORT: report_of}


def read_or_bad(record):
    try:
        READERS[record.stream](record)
    except BadRecord:
        return False
    return True


@given(st.one_of(summaries(), changes(), ALARMS), st.data())
def test_a_flipped_byte_is_found(message, data):
    """Any single byte that differs makes the body a BadRecord."""
    record = to_record(message)
    body = bytearray(record.body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))

    assert not read_or_bad(Record(record.stream, record.device, 0, 0, bytes(body)))


@given(st.sampled_from(Stream), st.binary(max_size=200))
def test_noise_is_a_bad_record(stream, noise):
    """Bytes that never were a body raise BadRecord and nothing else."""
    assert not read_or_bad(Record(stream, "d", 0, 0, noise))


def sealed(content, coding=0):
    return seal.HEADER.pack(1, coding, zlib.crc32(content)) + content


@given(st.one_of(summaries(), changes(), ALARMS), st.data())
def test_damage_below_the_checksum_is_a_bad_record(message, data):
    """Content that passes the checksum and still is not what was written raises BadRecord or reads, nothing else."""
    record = to_record(message)
    content = bytearray(seal.unseal(record.body))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))

    read_or_bad(Record(record.stream, record.device, 0, 0, sealed(bytes(content))))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from((Stream.CHANGE, Stream.ALARM)), st.data())
def test_a_field_of_another_type_is_a_bad_record(stream, data):
    """JSON with any field replaced by anything raises BadRecord or reads, nothing else."""
    change = Change("d", 1, ("p",), np.array([1.0]), np.array([0], np.uint16), np.array([1], np.int64))
    words = json.loads(seal.unseal(to_record(change if stream is Stream.CHANGE else an_alarm()).body))
    words[data.draw(st.sampled_from(sorted(words)))] = data.draw(JSON)

    read_or_bad(Record(stream, "d", 0, 0, sealed(json.dumps(words).encode())))


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"1" * 5000, b"\xff", struct.pack("<I", 2**32 - 1) + b"[]"], ids=lambda c: c[:4]
)
@pytest.mark.parametrize("stream", Stream)
def test_a_hostile_content_is_a_bad_record(stream, content):
    """Deep nesting, endless digits, broken UTF-8 and a head longer than the body are refused like any damage."""
    assert not read_or_bad(Record(stream, "d", 0, 0, sealed(content)))


def test_what_inflates_without_end_is_a_bad_record():
    """A body that would inflate past the limit is given up there."""
    bomb = zlib.compress(bytes(seal.CONTENT_MAX_BYTES + 1))

    with pytest.raises(BadRecord, match="inflates to more than"):
        alarm_of(Record(Stream.ALARM, "d", 0, 0, sealed(bomb, seal.DEFLATED)))


def test_a_message_over_the_limit_is_refused():
    """What could not be read back is not packed."""
    with pytest.raises(ValueError, match="is over 16777216"):
        to_record(an_alarm(text="x" * seal.CONTENT_MAX_BYTES))
