"""The flight recorder holds the last readings, each once and in order, in a size that never changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import flight as module
from gateway.evidence.flight import READINGS_MAX, READINGS_MIN, Flight, Readings, table
from gateway.recording.csv_file import CsvFile
from protocols.model import Batch, Quality
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_795_176_000 * NS


def plant(count, every_s=1.0):
    return Points.of([(DeviceConfig(name="d", every_s=every_s), [PointConfig(name=f"p{n}") for n in range(count)])])


def batch(values, at_ns, quality=0):
    n = len(values)
    return Batch(
        np.arange(n, dtype=np.int32), np.array(values, float), np.full(n, quality, np.uint16),
        np.full(n, at_ns - 5_000, np.int64), at_ns,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("points", "every_s", "size"), [(0, 1, READINGS_MIN), (100, 1, 3000), (100, 0.1, 30_000), (9000, 1, READINGS_MAX)]
)
def test_its_size_is_that_of_the_configuration(points, every_s, size):
    """Twice what is polled in the time that is kept, within its bounds."""
    assert len(Flight(plant(points, every_s), 15)._ring) == size


@given(st.lists(st.integers(1, 25), max_size=30), st.integers(0, 300))
def test_the_ring_against_a_list(sizes, number):
    """Batches of any size: what is there are the last readings, and of these those from a number on."""
    ring, told = Flight(plant(0), 1), []
    ring._size = 20
    ring._ring = Readings(*(getattr(ring._ring, name)[:20].copy() for name in Readings.__slots__))
    for k, size in enumerate(sizes):
        values = [k * 100 + n for n in range(size)]
        ring.observe(batch(values, START_NS + k))
        told += values[-20:]
    found = ring.since(number, 0)

    assert found.values.tolist() == told[max(len(told) - 20, min(number, len(told))) :]
    assert ring.total == len(told)
    assert ring.since(0, START_NS + 10**6).values.tolist() == []


def test_it_is_a_recording(tmp_path, monkeypatch):
    """The table is read by the replay as it was seen, though two devices handed their readings on late."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    points, ring = plant(3), Flight(plant(3), 15)
    for at_s, value in ((2, 20.25), (1, 10.0), (3, float("nan"))):
        ring.observe(batch([value, value + 1, value + 2], START_NS + at_s * NS, int(Quality.OLD | Quality.TEST)))
    file = tmp_path / "evidence.csv"
    file.write_text("".join(table(points, Readings.joined([ring.since(0, 0), ring.since(9, 0)]))))
    told = list(CsvFile(file, points).told())

    assert [(each.arrival_ns, each.rows.tolist()) for each in told] == [
        (START_NS + at_s * NS, [0, 1, 2]) for at_s in (1, 2, 3)
    ]
    assert told[1].values.tolist() == [20.25, 21.25, 22.25]
    assert {int(flag) for each in told for flag in each.quality} == {int(Quality.OLD | Quality.TEST)}
    assert file.read_text().splitlines()[1] == (
        '2026-11-20T12:00:01.000000Z,"d.p0",10.0,old|test,2026-11-20T12:00:00.999995Z'
    )
