"""The frames of the last minutes: within their budget, found by time and address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.tap.memory import CHUNK_BYTES, FRAME_BYTES, HEAD, Memory, packed

MIB = 1 << 20


def frame(source, target):
    head = bytes.fromhex("0200000000aa 0200000000bb 0800") + bytes(12)
    return head + packed(source) + packed(target) + bytes(30)


@given(sizes=st.lists(st.integers(0, 2000), max_size=400), chunks=st.integers(2, 5))
def test_it_keeps_the_newest_within_the_budget(sizes, chunks):
    """What fell out is counted; what is left is the end of what came, whole and in order."""
    memory = Memory(chunks * CHUNK_BYTES)
    came = [(n, bytes([n % 256]) * size, n % 4096) for n, size in enumerate(sizes)]
    for time_ns, data, vlan in came:
        memory.keep(memoryview(data), time_ns, vlan)

        assert memory.size <= chunks * CHUNK_BYTES

    kept = memory.between(0, len(came))
    assert kept == came[memory.fallen :]
    assert len(memory) == len(kept)
    assert memory.fallen == 0 or memory.size >= (chunks - 1) * (CHUNK_BYTES - 2000 - HEAD.size)


def test_frames_are_found_by_time_and_address():
    """Both ends of the time are included; one of the addresses is enough."""
    memory = Memory(MIB)
    frames = [frame("10.0.0.1", "10.0.0.2"), frame("10.0.0.2", "10.0.0.3"), frame("10.0.0.4", "10.0.0.5")]
    for time_ns, data in enumerate(frames):
        memory.keep(data, time_ns)

    assert [kept[0] for kept in memory.between(0, 1)] == [0, 1]
    assert [kept[0] for kept in memory.between(0, 9, ["10.0.0.2"])] == [0, 1]
    assert [kept[0] for kept in memory.between(1, 9, ["10.0.0.2", "10.0.0.5"])] == [1, 2]
    assert len(memory.between(0, 9, ["02:00:00:00:00:bb"])) == 3
    assert memory.between(0, 9, ["fe80::1"]) == []


def test_a_giant_is_cut():
    """One frame never takes more than its bound."""
    memory = Memory(MIB)
    memory.keep(bytes(60_000), 1)

    assert len(memory.between(0, 2)[0][1]) == FRAME_BYTES


def test_an_address_that_is_none_is_said():
    """It is the caller's mistake, not an empty answer."""
    with pytest.raises(ValueError, match="bay3"):
        Memory(MIB).between(0, 1, ["bay3"])
