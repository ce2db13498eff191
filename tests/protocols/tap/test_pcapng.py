"""The writer of captures: the bytes that other tools expect, and what our own reader takes back."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.pcapng import MOST_COMMENT, capture, head, packet

FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(46)
AT = 1_700_000_000_123_456_789

GOLDEN = bytes.fromhex(
    "0a0d0d0a 30000000 4d3c2b1a 0100 0000 ffffffffffffffff"  # section
    "0100 0300 77687900 0400 0100 67000000 0000 0000 30000000"  # comment "why", application "g"
    "01000000 28000000 0100 0000 00000000"  # interface, Ethernet
    "0200 0400 65746831 0900 0100 09000000 0000 0000 28000000"  # name "eth1", nanoseconds
    "06000000 34000000 00000000 aba49717 15ddf14c 05000000 09000000"  # frame: 5 bytes of 9
    "0102030405000000 0100 0200 68690000 0000 0000 34000000"  # comment "hi"
)


def test_the_bytes_are_those_of_the_format():
    """Section, interface and frame, each with its options, padded and closed by its length."""
    told = head(interface="eth1", application="g", comment="why")
    told += packet(bytes([1, 2, 3, 4, 5]), 0x1797A4AB_4CF1DD15, wire=9, comment="hi")

    assert told == GOLDEN


def read(path, told):
    path.write_bytes(told)
    found = Capture(path)
    frames = [(bytes(frame), time_ns, wire) for frame, time_ns, _, wire in found.frames()]
    found.close()
    assert found.notes == []
    return frames


@given(frames=st.lists(st.tuples(st.integers(0, (1 << 63) - 1), st.binary(max_size=100), st.just(0)), max_size=5))
def test_the_reader_takes_back_what_was_written(tmp_path_factory, frames):
    """Times to the nanosecond, any length, in order."""
    path = tmp_path_factory.mktemp("written") / "a.pcapng"

    assert read(path, b"".join(capture(frames, interface="eth1", comment="c", why="w"))) == [
        (frame, time_ns, len(frame)) for time_ns, frame, _ in frames
    ]


def test_a_tag_that_was_taken_off_is_put_back(tmp_path):
    """What is written is what was on the wire."""
    tagged = FRAME[:12] + bytes.fromhex("8100 002a") + FRAME[12:]

    assert read(tmp_path / "a", head() + packet(FRAME, AT, vlan=42, wire=60)) == [(tagged, AT, 64)]


def test_a_long_comment_is_cut_between_letters():
    """The bound is in bytes; what is left is still text."""
    assert packet(b"", 0, comment="ü" * MOST_COMMENT).count("ü".encode()) == MOST_COMMENT // 2


@pytest.mark.interop
def test_tshark_reads_it(tmp_path):
    """Number, time, comment and VLAN of each frame, and no complaint."""
    if shutil.which("tshark") is None:
        pytest.skip("no tshark")
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(capture([(AT, FRAME, 42), (AT + 1, FRAME, 0)], comment="section", why="the cause")))
    fields = ("frame.number", "frame.time_epoch", "frame.comment", "vlan.id")
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *(word for each in fields for word in ("-e", each))],
        check=True,
        capture_output=True,
        text=True,
    )

    first, second = done.stdout.splitlines()
    assert first.split("\t") == ["1", "1700000000.123456789", "the cause", "42"]
    assert second.split("\t")[:2] == ["2", "1700000000.123456790"]
    assert "arning" not in done.stderr.replace("Running as user", "")
