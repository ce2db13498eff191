"""The codec: octets of a response into arrays, as opendnp3 writes them and tshark reads them, and as nobody should."""

import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dnp3.decode import LATEST_MS, Header, Violation, decode
from protocols.dnp3.objects import GROUPS
from protocols.dnp3.quality import QUALITY
from protocols.model import Quality

VECTORS = Path(__file__).parent / "vectors.txt"
FLAGS = {
    "Online": 0x01, "Offline": 0, "Restart": 0x02, "Comm_Fail": 0x04, "Remote_Force": 0x08, "Local_Force": 0x10,
    "Chatter_Filter": 0x20, "Roll-over": 0x20, "Over-Range": 0x20, "Discontinuity": 0x40, "Reference_Check": 0x40,
}  # fmt: skip
HEAD = bytes([0xC0, 0x81, 0, 0])
SAMPLE_FRAGMENTS = 2000


def vectors():
    """Return each fragment with what tshark read in it: group, index, flags or None, value, time in ms."""
    found = []
    for line in VECTORS.read_text().splitlines():
        if line.startswith("  "):
            found[-1].values[1].append(_told(line))
        elif line and not line.startswith("#"):
            fragment = bytes.fromhex(line)
            found.append(pytest.param(fragment, [], id=f"{len(found)}-g{fragment[4]}v{fragment[5]}"))
    return found


def _told(line):
    group, index, flags, value, *time_ms = line.split()
    octet = None if flags == "-" else sum(FLAGS[word] for word in flags.split("|"))
    return int(group[1:].split("v")[0]), int(index), octet, float(value), int(time_ms[0]) if time_ms else 0


@pytest.mark.parametrize(("fragment", "told"), vectors())
def test_what_opendnp3_writes_is_what_tshark_reads(fragment, told):
    """Index, value, time and the quality of the flags, object by object."""
    content = decode(fragment)

    unseen = int(Quality.OVERFLOW | Quality.QUESTIONABLE | Quality.BAD_REFERENCE)  # tshark 4.0 knows none of outputs
    found = [
        (
            each.group,
            int(index),
            float(value),
            int(quality) & ~(unseen if each.group.kind == "analog_output" else 0),
            int(time_ns) // 1_000_000,
        )
        for each in content.readings
        for index, value, quality, time_ns in zip(each.index, each.values, each.quality, each.time_ns, strict=True)
    ]
    expected = [
        (GROUPS[group], index, pytest.approx(value, rel=1e-5), _quality(group, flags, value), time_ms)
        for group, index, flags, value, time_ms in told
    ]
    assert found == expected
    assert not content.refused
    assert not content.violations


def _quality(group, flags, value):
    kind = GROUPS[group].kind
    if flags is None:
        return 0
    state = int(value) << 6 if kind == "double" else 0
    return int(QUALITY[kind][flags | state])


def objects(*blocks):
    return HEAD + b"".join(blocks)


def event(group, variation, *members):
    return bytes([group, variation, 0x28]) + struct.pack("<H", len(members)) + b"".join(members)


def test_two_bits_a_point():
    """g3v1 packs four double-bit inputs into an octet; indeterminate ones are questionable."""
    [readings] = decode(objects(bytes([3, 1, 0, 2, 6, 0b11100100, 0b10]))).readings

    assert readings.index.tolist() == [2, 3, 4, 5, 6]
    assert readings.values.tolist() == [0, 1, 2, 3, 2]
    assert readings.quality.tolist() == [0, 0, 0, Quality.QUESTIONABLE | Quality.INCONSISTENT, 0]


def test_relative_time_of_double_bits():
    """g4v3 counts from the g51 before it, which tshark 4.0 does not show."""
    cto = bytes([51, 1, 7, 1]) + struct.pack("<Q", 1_000_000)[:6]
    [readings] = decode(objects(cto, event(4, 3, struct.pack("<HBH", 1, 0x81, 250)))).readings

    assert readings.time_ns.tolist() == [1_000_250 * 1_000_000]
    assert readings.quality.tolist() == [0]


def test_an_unsynchronised_common_time_is_not_trusted():
    """g51v2 says that the clock was not synchronised."""
    cto = bytes([51, 2, 7, 1]) + struct.pack("<Q", 1_000_000)[:6]
    [readings] = decode(objects(cto, event(2, 3, struct.pack("<HBH", 1, 0x81, 250)))).readings

    assert readings.quality.tolist() == [Quality.TIME_UNTRUSTED]
    assert readings.time_ns.tolist() == [1_000_250 * 1_000_000]


def test_a_relative_time_without_a_common_one_is_none():
    """Without g51 nobody knows when it was."""
    [readings] = decode(objects(event(2, 3, struct.pack("<HBH", 1, 0x81, 250)))).readings

    assert (readings.time_ns.tolist(), readings.quality.tolist()) == ([0], [Quality.TIME_UNTRUSTED])


@pytest.mark.parametrize(("time_ms", "expected"), [(0, 0), (LATEST_MS, LATEST_MS), (LATEST_MS + 1, 0), (2**48 - 1, 0)])
def test_time_zero_is_none_and_no_time_overflows(time_ms, expected):
    """0 is none, not 1970; beyond 2262 nanoseconds do not reach."""
    stamp = struct.pack("<Q", time_ms)[:6]
    [readings] = decode(objects(event(2, 2, struct.pack("<HB", 1, 0x81) + stamp))).readings

    assert readings.time_ns.tolist() == [expected * 1_000_000]


def test_times_of_a_device_that_needs_the_time():
    """IIN 1.4 is up: its times are untrusted; readings without a time say nothing about it."""
    stamp = struct.pack("<Q", 1_000)[:6]
    timed = event(2, 2, struct.pack("<HB", 1, 0x81) + stamp, struct.pack("<HB", 2, 0x81) + bytes(6))
    [events, static] = decode(objects(timed, bytes([1, 2, 0, 1, 1, 0x81])), untrusted=True).readings

    assert events.quality.tolist() == [Quality.TIME_UNTRUSTED, 0]
    assert static.quality.tolist() == [0]


def test_octet_strings():
    """The string itself and its CRC-32 as a value, one that cannot be mistaken for a number of the process."""
    [readings] = decode(objects(bytes([110, 3, 0, 4, 5]) + b"abcxyz")).readings

    assert list(readings.octets) == [b"abc", b"xyz"]
    assert readings.values.tolist() == [zlib.crc32(b"abc"), zlib.crc32(b"xyz")]


@pytest.mark.parametrize("prefix", [(0x17, "<B"), (0x28, "<H"), (0x39, "<I")])
def test_every_width_of_index(prefix):
    """One, two and four octets of count and index."""
    qualifier, code = prefix
    block = bytes([30, 2, qualifier]) + struct.pack(code, 1) + struct.pack(code, 200) + struct.pack("<Bh", 1, -5)
    [readings] = decode(objects(block)).readings

    assert (readings.index.tolist(), readings.values.tolist()) == ([200], [-5.0])


@pytest.mark.parametrize("other", [
    bytes([50, 4, 7, 1]) + bytes(11), bytes([112, 5, 0x17, 1, 0]) + bytes(5), bytes([113, 2, 0x17, 1, 0, 1, 2]),
    bytes([12, 1, 0x17, 1, 0]) + bytes(11), bytes([0, 252, 0, 0, 0, 1, 3]) + b"abc", bytes([80, 1, 0, 7, 7, 1]),
], ids=["g50v4", "g112", "g113", "g12", "g0", "g80"])  # fmt: skip
def test_objects_that_are_no_points_cost_nothing_else(other):
    """What follows them is read."""
    content = decode(objects(other, bytes([1, 2, 0, 1, 1, 0x81])))

    assert [each.values.tolist() for each in content.readings] == [[1.0]]
    assert not content.refused
    assert not content.violations


def test_unknown_and_truncated_objects_are_told():
    """Objects of no known width end the fragment, what came before is kept, and both are said."""
    good = bytes([1, 2, 0, 1, 1, 0x81])
    unknown = decode(objects(good, bytes([200, 1, 0, 0, 0, 1])))
    short = decode(objects(good, bytes([30, 1, 0, 0, 9, 1, 2, 3])))
    reserved = decode(objects(good, bytes([30, 1, 0x7F])))
    authentication = decode(objects(bytes([120, 3, 0x07, 1]) + bytes(6), good))

    assert [len(each.readings) for each in (unknown, short, reserved, authentication)] == [1, 1, 1, 1]
    assert unknown.refused == ["objects unreadable at g200v1, octet 10: unknown width; the rest is lost"]
    assert short.violations == ["objects unreadable at g30v1, octet 10: data shorter than declared; the rest is lost"]
    assert reserved.violations == ["objects unreadable at g30v1, octet 10: reserved qualifier; the rest is lost"]
    assert authentication.refused == ["object g120v3 is not known"]


def test_a_signalling_nan_is_no_number_and_no_noise():
    """Single precision has them; the conversion says nothing of it in our log."""
    [readings] = decode(objects(bytes([30, 5, 0, 0, 0, 1, 1, 0, 0x80, 0x7F]))).readings

    assert np.isnan(readings.values).tolist() == [True]


def test_a_count_without_index_is_a_violation():
    """Qualifier 7 says how many, but not which."""
    content = decode(objects(bytes([30, 2, 7, 1, 1, 0, 0])))

    assert content.violations == ["g30v2: qualifier 0x07 has no index"]


def test_the_delay_of_a_delay_measurement():
    """g52v2 in milliseconds, g52v1 in seconds."""
    assert decode(objects(bytes([52, 2, 7, 1, 0x34, 0x12]))).delay_ms == 0x1234
    assert decode(objects(bytes([52, 1, 7, 1, 2, 0]))).delay_ms == 2000


@pytest.mark.parametrize("fragment", [b"", b"\xc0", HEAD[:3], bytes([0xC0, 1, 0, 0]), bytes([0xD0, 0x81, 0, 0]),
                                      bytes([0xC0, 0x82, 0, 0])])  # fmt: skip
def test_what_is_no_response(fragment):
    """Too short, no response function, UNS where it must not be and not where it must: violations."""
    with pytest.raises(Violation):
        Header.parse(fragment)


def test_arrays_are_as_promised():
    """Types of every array, for every object of every vector."""
    for vector in vectors():
        for each in decode(vector.values[0]).readings:
            types = (each.index.dtype, each.values.dtype, each.quality.dtype, each.time_ns.dtype)
            assert types == (np.int64, np.float64, np.uint16, np.int64)


def mutated(seed):
    """Yield fragments of opendnp3 with octets changed, cut, doubled."""
    chance = random.Random(seed)
    known = [vector.values[0] for vector in vectors()]
    while True:
        octets = bytearray(chance.choice(known))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(4, len(octets))
            match chance.randrange(4):
                case 0:
                    octets[at] = chance.randrange(256)
                case 1:
                    del octets[at:]
                    octets += chance.randbytes(2)
                case 2:
                    octets[at:at] = octets[at : at + 8]
                case 3:
                    octets[4:7] = bytes(
                        [chance.choice([*GROUPS, 50, 51, 52, 60]), chance.randrange(12), chance.randrange(128)]
                    )
        yield bytes(octets)


def soak(fragments, seed):
    for _, fragment in zip(range(fragments), mutated(seed), strict=False):
        content = decode(fragment)
        for each in content.readings:
            assert len(each.index) == len(each.values) == len(each.quality) == len(each.time_ns) <= 8 * len(fragment)


def test_mutated_fragments_raise_nothing():
    """Whatever comes is read, refused or called a violation, and takes no more room than it has octets."""
    soak(SAMPLE_FRAGMENTS, 1)


@pytest.mark.slow
def test_a_quarter_million_mutated_fragments_raise_nothing():
    """The same for long."""
    soak(250_000, 2)


@given(st.binary(max_size=300))
def test_noise_raises_nothing(noise):
    """Octets of chance after a good header."""
    decode(HEAD + noise)
