"""The metrics of one device, without a broker."""

import itertools
from dataclasses import replace

import numpy as np
from spb import properties

from gateway.core.messages import Summary
from gateway.store.packing import to_record
from gateway.store.record import Row
from gateway.uplink.sparkplug.device import Device
from gateway.uplink.sparkplug.wire import parse

NOW_MS = 1_763_632_900_000
WINDOW = Summary(
    device="d",
    start_ns=1_763_632_800_000_000_000,
    length_ns=10_000_000_000,
    points=("va",),
    count=np.array([10], np.uint32),
    min=np.array([1.0]),
    max=np.array([3.0]),
    mean=np.array([2.0]),
    last=np.array([2.5]),
    quality=np.zeros(1, np.uint16),
    synchronised=True,
)


def born():
    device = Device(itertools.count(1), windows=True)
    device.grow({"va": {"type": "float32", "unit": "", "role": {}}})
    device.birth(None, 0)
    return device


def told(device, message, *, seq=1, merged=(), historical=False, now_ms=NOW_MS):
    row = Row(seq, to_record(message), merged)
    return parse(device.data(message, row, historical=historical, now_ms=now_ms)).metrics


def test_a_merged_window_tells_all_its_numbers():
    """A window that stands for several says which, so that a ledger of numbers has no hole."""
    number, *_ = told(born(), WINDOW, seq=7, merged=((1, 7, 3),))

    assert (number.long_value, properties(number)) == (7, {"Numbers": "[[1,7,3]]"})


def test_a_free_clock_is_told():
    """Where our own clock followed no time source, the number of the message says so."""
    number, *_ = told(born(), replace(WINDOW, synchronised=False))

    assert properties(number) == {"Clock": "free"}


def test_what_is_older_than_what_was_told_is_history():
    """A window that ended before the last one is historical, and changes nothing of what was told."""
    device = born()
    told(device, WINDOW)
    before = replace(WINDOW, start_ns=WINDOW.start_ns - 10_000_000_000, last=np.array([9.0]))
    late = told(device, before, seq=2)
    again = told(device, replace(WINDOW, start_ns=WINDOW.start_ns + 10_000_000_000), seq=3)

    assert all(metric.is_historical for metric in late)
    assert len(late) == 6
    assert [metric.long_value for metric in again] == [3]


def test_a_clock_that_went_back_is_no_history():
    """After our clock was set back by a year, live values are live."""
    device = born()
    told(device, WINDOW)
    year_ms = 365 * 24 * 3600 * 1000
    back = replace(WINDOW, start_ns=WINDOW.start_ns - year_ms * 1_000_000, last=np.array([9.0]))

    assert not any(metric.is_historical for metric in told(device, back, seq=2, now_ms=NOW_MS - year_ms))


def test_a_device_whose_clock_is_ahead_makes_nothing_late():
    """A reading from the future is told, and what follows is not taken for history."""
    device = born()
    ahead = replace(WINDOW, start_ns=WINDOW.start_ns + 10**18)
    told(device, ahead)

    live = told(device, replace(WINDOW, start_ns=WINDOW.start_ns + 200_000_000_000, last=np.array([1.5])), seq=2,
                now_ms=NOW_MS + 200_000)  # fmt: skip
    assert not any(metric.is_historical for metric in live if metric.WhichOneof("value") == "double_value")


def test_another_birth_tells_what_was_told():
    """The device of the next session begins with the values, windows and numbers of the one before."""
    device, other = born(), Device(itertools.count(1), windows=True)
    told(device, WINDOW, seq=41)
    other.grow({"va": {"type": "float32", "unit": "", "role": {}}, "new": {"type": "bool", "unit": "", "role": {}}})
    other.told.inherit(device.told)
    birth = {metric.name: metric for metric in parse(other.birth(None, NOW_MS)).metrics}

    assert (birth["va"].double_value, birth["Window/va/max"].double_value) == (2.5, 3.0)
    assert birth["Ledger/telemetry"].long_value == 41
    assert birth["new"].is_null
