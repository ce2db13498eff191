"""Parquet files, written and read by pyarrow, which the test fetches into a folder of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import datetime, sys
from pathlib import Path
import pyarrow as pa
from pyarrow import parquet
from gateway.recording.opened import opened
from gateway.recording.source import BadRecording
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

both = (PointConfig(name="va"), PointConfig(name="ia"))
points = Points.of([(DeviceConfig(name="f1"), both), (DeviceConfig(name="f2"), both[:1])])
path = Path(sys.argv[1]) / "r.parquet"
utc = [datetime.datetime(2026, 1, 1, 0, 0, at, tzinfo=datetime.UTC) for at in range(3)]

def told(**columns):
    parquet.write_table(pa.table(columns), path)
    source = opened(path, points)
    found = [(b.arrival_ns // 10**9 - 1767225600, b.rows.tolist(), b.values.tolist(), b.quality.tolist())
             for b in source.told()]
    source.close()
    return found

wide = [(0, [0, 1], [1.0, 7.0], [0, 0]), (1, [1], [8.0], [0]), (2, [0, 1], [3.0, 9.0], [0, 0])]
values = {"f1.va": [1.0, None, 3.0], "ia": [7, 8, 9], "other": ["x", "y", "z"]}
assert told(time=utc, **values) == wide
assert told(time=[time.replace(tzinfo=None) for time in utc], **values) == wide
assert told(time=[time.isoformat() for time in utc], **values) == wide
assert told(time=[1767225600, 1767225601, 1767225602], **values) == wide
assert told(time=utc, point=["f1.va", "strange", "f2.va"], value=[1, 2, 3], quality=["good", None, "old"]) == [
    (0, [0], [1.0], [0]), (2, [2], [3.0], [4])
]
for columns, word in (
    ({"time": utc[::-1], "f1.va": [1, 2, 3]}, "times go back"),
    ({"time": utc, "f1.va": ["a", "b", "c"]}, "is string, not a number"),
    ({"time": ["a", "b", "c"], "f1.va": [1, 2, 3]}, "a time is not ISO 8601"),
):
    try:
        told(**columns)
    except BadRecording as error:
        assert word in str(error), error
    else:
        raise AssertionError(word)
print("well")
"""


@pytest.mark.interop
def test_parquet(tmp_path):
    """Wide and long, times of every type, nulls; and what is wrong is told."""
    folder = tmp_path / "pyarrow"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder, "pyarrow"], check=True)
    program = f"import sys; sys.path.append({str(folder)!r})\n{PROGRAM}"

    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)

    assert done.stdout == "well\n", done.stderr
