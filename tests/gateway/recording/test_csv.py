"""CSV, wide or long, in the ways that people write it; and what is wrong with it, by file and line."""

import gzip

import pytest

from gateway.recording.csv_file import CsvFile
from gateway.recording.opened import opened
from gateway.recording.source import BadRecording, between, seen
from protocols.model import Batch, Quality, Tick

DAY_S = 1_767_225_600
"""2026-01-01 in UTC."""
WIDE = "time,f1.va,ia,f2.va\n2026-01-01T00:00:00Z,230,5,231\n2026-01-01T00:00:01Z,229.5,,232\n"
LONG = "time;point;value;quality\n1767225600;f1.va;230,5;good\n1767225600;ia;5;0\n1767225601;f2.va;231;old|invalid\n"
BOTH = [
    (DAY_S, {"f1.va": 230, "f1.ia": 5, "f2.va": 231}),
    (DAY_S + 1, {"f1.va": 229.5, "f2.va": 232}),
]


@pytest.fixture
def written(tmp_path):
    """Write a recording, and return its path."""

    def write(text, name="r.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_wide(points, told, written):
    """A column a point, by DEVICE.POINT or by a name that only one device has; an empty cell is no reading."""
    assert told(opened(written(WIDE), points), points) == BOTH


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separators(points, told, written, separator):
    """The separator is found out."""
    assert told(CsvFile(written(WIDE.replace(",", separator)), points), points) == BOTH


def test_gzip_and_byte_order_mark(points, told, written):
    """A gzipped file is read as it is, and what Excel puts in front is ignored."""
    packed = gzip.compress(b"\xef\xbb\xbf" + WIDE.encode())

    assert told(opened(written(packed, "r.csv.gz"), points), points) == BOTH


@pytest.mark.parametrize(
    "times",
    [
        ("1767225600", "1767225601"),
        ("1767225600000", "1767225601000"),
        ("1767225600000000", "1767225601000000"),
        ("1767225600000000000", "1767225601000000000"),
        ("1767225600.0", "1767225601.0"),
        ("2026-01-01 01:00:00+01:00", "2026-01-01 01:00:01+01:00"),
        ("2026-01-01 00:00", "2026-01-01 00:00:01"),
    ],
)
def test_times(points, told, written, times):
    """ISO 8601 with and without a zone, and seconds to nanoseconds since 1970."""
    path = written(f"timestamp,f1.va\n{times[0]},1\n{times[1]},2\n")

    assert told(CsvFile(path, points), points) == [(DAY_S, {"f1.va": 1}), (DAY_S + 1, {"f1.va": 2})]


def test_long(points, written, told):
    """One reading a line, those of a moment together; a decimal comma where the separator is none; quality by words."""
    source = opened(written(LONG), points)
    batches = list(source.told())

    assert [(b.arrival_ns // 10**9, b.rows.tolist(), b.values.tolist()) for b in batches] == [
        (DAY_S, [0, 1], [230.5, 5]),
        (DAY_S + 1, [2], [231]),
    ]
    assert batches[1].quality.tolist() == [Quality.OLD | Quality.INVALID]


def test_two_readings_of_a_point_at_one_moment_stay_two(points, told, written):
    """A batch has a point once."""
    path = written("time,point,value\n1,f1.va,1\n1,f1.va,2\n")

    assert told(CsvFile(path, points), points) == [(1, {"f1.va": 1}), (1, {"f1.va": 2})]


def test_what_is_no_point_is_left_out_and_said(points, told, written):
    """Also a name that two devices have says nothing."""
    source = CsvFile(written("time,va,f1.va,x\n1,7,8,9\n"), points)

    assert told(source, points) == [(1, {"f1.va": 8})]
    assert source.notes == [
        "column 'va' is no point of the configuration and was left out",
        "column 'x' is no point of the configuration and was left out",
    ]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "no column"),
        ("a,b\n1,2\n", 1, "points are f1.va, f1.ia, f2.va"),
        ("f1.va,f1.ia\n1,2\n", 1, "one must give the time"),
        ("time,f1.va,F1.VA\n1,2,3\n", 1, "the same point"),
        ("time,f1.va\nyesterday,2\n", 2, "time 'yesterday' is not ISO 8601"),
        ("time,f1.va\n5,1\n\n4,2\n", 4, "lies before that of the line before"),
        ("time,f1.va\n1,1\n2,1.5.2\n", 3, "'1.5.2' is no number"),
        ("time,f1.va,ia\n1,1\n", 2, "2 columns, 3 are needed"),
        ("time,point,value\n1,f1.va\n", 2, "2 columns, 3 are needed"),
        ("time,point,value,quality\n1,f1.va,1,fine\n", 2, "quality 'fine' is not good"),
        (b"time,f1.va\n1,\xff\n", 1, "cannot be read"),
        (b"\x1f\x8b\x08\x00broken", 1, "cannot be read"),
    ],
)
def test_faults_name_file_and_line(points, written, text, line, word):
    """Every fault is one sentence with the place, and what is allowed."""
    path = written(text, "r.csv.gz" if text[:1] == b"\x1f" else "r.csv")

    with pytest.raises(BadRecording) as caught:
        list(opened(path, points).told())

    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert word in str(caught.value)


def test_what_is_no_recording(points, written, tmp_path):
    """Captures have no readings; binary, an empty folder and no file at all are told apart."""
    for content, word in ((b"\xd4\xc3\xb2\xa1" + bytes(20), "a capture has frames"), (b"MZ\0\0", "no CSV")):
        with pytest.raises(BadRecording, match=word):
            opened(written(content, "x"), points)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRecording, match="neither a recording"):
        opened(tmp_path / "empty", points)
    with pytest.raises(BadRecording, match="No such file"):
        opened(tmp_path / "nowhere.csv", points)


def test_parquet_without_pyarrow_says_what_to_install(points, written):
    """It is an optional package; without it the message names it, with it the file is what is wrong."""
    with pytest.raises(BadRecording, match=r"pyarrow|Parquet"):
        opened(written(b"PAR1 and no more", "r.parquet"), points)


def test_ticks_follow_each_moment(batch):
    """One tick after each moment, at most one in 250 ms, and one at the end."""
    told = [batch(1, {0: 1}), batch(1, {1: 1}), batch(2, {0: 2}), batch(2.1, {0: 3}), batch(2.2, {0: 3})]

    found = [each.time_ns / 1e9 if isinstance(each, Tick) else "batch" for each in seen(told)]

    assert found == ["batch", "batch", 1, "batch", 2, "batch", "batch", 2.2]


def test_between(batch):
    """From a time on, and before another."""
    told = [batch(at, {0: at}) for at in range(1, 6)]

    assert [each.arrival_ns // 10**9 for each in between(told, 2 * 10**9, 4 * 10**9)] == [2, 3]
    assert all(isinstance(each, Batch) for each in between(told, None, None))
