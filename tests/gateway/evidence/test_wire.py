"""Of the frames around an alarm those of the hosts concerned are kept first, then those nearest to it, within bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.wire import BESIDE, Remembers, address, chosen, parties
from protocols.driver import Outside
from protocols.points import Points
from protocols.tap.config import TapDevice
from protocols.tap.driver import TapDriver

MAC = bytes.fromhex("020000000009")


@pytest.mark.parametrize(
    ("text", "told"),
    [("10.0.0.9", b"\x0a\0\0\x09"), ("02:00:00:00:00:09", MAC), ("02-00-00-00-00-09", MAC), ("fe80::1", b"\xfe\x80"),
     ("", b""), ("scada", b""), ("zz:00:00:00:00:09", b""), ("10.0.0", b"")],
)  # fmt: skip
def test_addresses(text, told):
    """As they stand in a frame; what is none is left out."""
    assert address(text)[: len(told) or None] == told
    assert list(parties({"source": text, "port": 502})) == ([address(text)] if told else [])


def frame(at, host, size=60):
    return at, bytes(26) + address(host) + bytes(size - 30), 0


def test_the_hosts_concerned_come_first():
    """However many others there are; they keep their order."""
    frames = [frame(at, "10.0.0.9" if at % 10 == 0 else "10.0.0.1") for at in range(100)]
    most_bytes = 12 * (60 + BESIDE)
    kept, left_out = chosen(frames, [address("10.0.0.9")], near_ns=52, most_bytes=most_bytes)

    assert [at for at, *_ in kept] == [0, 10, 20, 30, 40, 50, 52, 53, 60, 70, 80, 90] or [at for at, *_ in kept] == [
        0, 10, 20, 30, 40, 50, 51, 52, 60, 70, 80, 90
    ]  # fmt: skip
    assert left_out == 88


@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=200), st.integers(0, 4095))), st.integers(0, 9000))
def test_it_keeps_to_its_bytes(frames, most_bytes):
    """Whatever the frames are; nothing is made up, doubled or turned round."""
    kept, left_out = chosen(frames, [b"\x01"], near_ns=500, most_bytes=most_bytes)
    rest = iter(frames)

    assert all(any(each is other for other in rest) for each in kept)
    assert sum(len(data) + BESIDE for _, data, _ in kept) <= most_bytes
    assert len(kept) + left_out == len(frames)


def test_the_tap_is_one_that_remembers():
    """What the driver of a tap calls its memory is what is looked for."""
    device = TapDevice(name="tap1", protocol="tap", interface="eth1")
    points = Points.of([(device, device.points)])

    assert isinstance(TapDriver(device, points, Outside(clock=lambda: 1)), Remembers)
    assert not isinstance(object(), Remembers)
