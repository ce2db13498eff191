"""The reader of captures: every form of pcap and pcapng gives the same frames, and no bytes do harm."""

import gzip
import struct

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from protocols.tap.capture.blocks import MOST_BLOCK, MOST_INTERFACES
from protocols.tap.capture.pcap import MAGICS, Capture
from protocols.tap.capture.reading import MOST_FRAME, BadCapture

FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(46)
AT = 1_700_000_000_123_456_000


def pcap(magic, frames, link=1):
    order, fraction_ns = MAGICS[magic]
    told = magic + struct.pack(order + "HHiIII", 2, 4, 0, 0, 65535, link)
    for time_ns, data in frames:
        seconds, rest = divmod(time_ns, 10**9)
        told += struct.pack(order + "IIII", seconds, rest // fraction_ns, len(data), len(data) + 4) + data
    return told


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, link=1, options=b"", snap=0):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snap) + options)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(order, ticks, data, number=0, tail=b""):
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) + 4)
    return block(order, 6, head + data + bytes(-len(data) % 4) + tail)


@pytest.fixture
def read(tmp_path):
    """Return what a file of these bytes gives: its frames, and its notes."""

    def read(data):
        path = tmp_path / "a.pcap"
        path.write_bytes(data)
        capture = Capture(path)
        frames = [(bytes(frame), time_ns, vlan, wire) for frame, time_ns, vlan, wire in capture.frames()]
        capture.close()
        assert capture.received == len(frames)
        assert capture.share == 1.0
        return frames, capture.notes

    return read


@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pcap_gives_each_frame_with_its_time_and_length(read, magic, pack):
    """Both byte orders, both resolutions, in the clear and gzip: the same frames."""
    told = pcap(magic, [(AT, FRAME), (AT + 1000, b"")])

    assert read(pack(told)) == ([(FRAME, AT, 0, 64), (b"", AT + 1000, 0, 4)], [])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pcapng_gives_frames_of_all_three_blocks(read, order, pack):
    """Enhanced, simple and old packet blocks; what is not known is passed over; a second section changes the order."""
    other = "<" if order == ">" else ">"
    old = struct.pack(order + "HHIIII", 0, 0, (AT // 1000) >> 32, (AT // 1000) & 0xFFFFFFFF, 60, 60) + FRAME
    told = section(order) + interface(order) + block(order, 0xBAD, bytes(100_000))
    told += enhanced(order, AT // 1000, FRAME) + block(order, 2, old)
    told += block(order, 3, struct.pack(order + "I", len(FRAME)) + FRAME)
    told += section(other) + interface(other) + enhanced(other, AT // 1000 + 1, FRAME)

    frames, notes = read(pack(told))

    assert frames == [(FRAME, AT, 0, 64), (FRAME, AT, 0, 60), (FRAME, AT, 0, 60), (FRAME, AT + 1000, 0, 64)]
    assert notes == ["1 frames have no time: they get that of the frame before them"]


@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [(None, AT // 1000), (3, AT // 10**6), (9, AT), (10, AT * 10), (0x80 | 10, (AT << 10) // 10**9)],
)
def test_each_interface_has_its_own_clock(read, resolution, ticks):
    """Resolutions are powers of ten or of two, with an offset in seconds."""
    clock = b"" if resolution is None else option("<", 9, bytes([resolution]))
    told = section("<") + interface("<") + interface("<", options=clock + option("<", 14, struct.pack("<q", 60)))
    told += enhanced("<", 5, FRAME, number=0) + enhanced("<", ticks, FRAME, number=1)

    (first, second), notes = read(told)

    assert notes == []
    assert first[1] == 5000
    assert abs(second[1] - AT - 60 * 10**9) < 10**6


@pytest.mark.parametrize(
    ("link", "before", "after"),
    [
        (101, b"", b""),
        (0, b"\x02\x00\x00\x00", b""),
        (108, b"\x00\x00\x00\x02", b""),
        (113, bytes.fromhex("0000 0001 0006 020000000007 0000 0800"), bytes.fromhex("020000000007")),
        (276, bytes.fromhex("0800 0000 00000001 0001 00 06 020000000007 0000"), bytes.fromhex("020000000007")),
    ],
)
def test_other_links_become_ethernet(read, link, before, after):
    """Raw IP, the loopback and cooked captures give a frame with the addresses that they know."""
    packet = b"\x45" + bytes(19)
    framed = bytes(6) + (after or bytes(6)) + b"\x08\x00" + packet

    assert read(pcap(b"\xd4\xc3\xb2\xa1", [(AT, before + packet), (AT, before[:3])], link=link))[0][0] == (
        framed,
        AT,
        0,
        len(before + packet) + 4,
    )


def test_ipv6_is_told_by_the_packet_itself(read):
    """The family numbers of systems differ; version 6 is version 6."""
    packet = b"\x60" + bytes(39)

    assert read(pcap(b"\xd4\xc3\xb2\xa1", [(AT, packet)], link=101))[0][0][0] == bytes(12) + b"\x86\xdd" + packet


def test_an_unknown_link_is_left_out_with_a_note(read):
    """Frames of radio or USB are counted, not guessed."""
    assert read(pcap(b"\xd4\xc3\xb2\xa1", [(AT, FRAME), (AT, FRAME)], link=105)) == (
        [],
        ["2 frames of link type 105 are left out: it is not known here"],
    )


@pytest.mark.parametrize(
    "data", [b"", b"abc", b"time,value\n1,2\n", b"\x1f\x8b", b"\x1f\x8bxxxxxxxxxx", b"\x0a\x0d\x0d\x0a"]
)
def test_what_is_no_capture_is_one_clear_error(tmp_path, data):
    """The error names the file."""
    path = tmp_path / "a.pcap"
    path.write_bytes(data)

    with pytest.raises(BadCapture, match="a\\.pcap: "):
        Capture(path)


PCAP, PCAPNG = (
    pcap(b"\xd4\xc3\xb2\xa1", [(AT, FRAME), (AT, FRAME)]),
    (section("<") + interface("<") + enhanced("<", AT // 1000, FRAME) * 2),
)


@pytest.mark.parametrize(
    ("told", "least", "between"), [(PCAP, 24, {24, 100}), (PCAPNG, 28, {28, 48, 140})], ids=["pcap", "pcapng"]
)
def test_a_cut_file_gives_what_it_has_and_a_note(read, told, least, between):
    """Wherever it is cut behind its header: no error, all whole frames, and a note unless a part ends there."""
    each = 76 if least == 24 else 92
    for cut in range(least, len(told)):
        frames, notes = read(told[:cut])

        assert [frame[0] for frame in frames] == [FRAME] * max(0, (cut - max(between) + each) // each)
        assert (not notes) == (cut in between)


def test_a_cut_gzip_file_gives_what_it_has_and_a_note(read):
    """What was compressed whole is read; a file may have several members, as `cat` makes them, and zeros behind."""
    told = pcap(b"\xd4\xc3\xb2\xa1", [(AT, bytes([i % 256]) + FRAME) for i in range(500)])
    packed = gzip.compress(told[:20_000]) + gzip.compress(told[20_000:])

    assert len(read(packed + bytes(512))[0]) == 500

    frames, notes = read(packed[:-12])

    assert 480 < len(frames) <= 500
    assert len(notes) == 1 if len(frames) < 500 else not notes


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (pcap(b"\xd4\xc3\xb2\xa1", []) + struct.pack("<IIII", 1, 1, MOST_FRAME + 1, 1), f"over {MOST_FRAME}"),
        (section("<") + struct.pack("<II", 6, 8), "block of 8 bytes"),
        (section("<") + struct.pack("<II", 6, 33), "block of 33 bytes"),
        (section("<") + struct.pack("<II", 6, MOST_BLOCK + 4), f"over {MOST_BLOCK}"),
        (section("<") + struct.pack("<II", 99, 0xFFFFFFFC), "too early"),
        (section("<") + enhanced("<", 1, FRAME), "interface 0, which was not described"),
        (section("<") + interface("<") * (MOST_INTERFACES + 1), f"over {MOST_INTERFACES} interfaces"),
        (section("<") + interface("<") + enhanced("<", (1 << 64) - 1, FRAME), "1970 to 2262"),
        (section("<") + interface("<") + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "frame of 99 bytes"),
        (section("<") + interface("<")[:-4] + bytes(4), "does not say so at its end"),
    ],
)
def test_hostile_bytes_end_the_reading_with_their_reason(read, told, why):
    """A length that lies takes no memory: the reading ends there and says why."""
    frames, notes = read(told)

    assert frames == []
    assert len(notes) == 1
    assert why in notes[0]


@given(
    told=st.sampled_from((PCAP, PCAPNG, gzip.compress(PCAPNG, mtime=0))),
    changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=8),
)
@examples(60)
def test_no_bytes_raise_anything_else(tmp_path_factory, told, changes):
    """Whatever is changed in a capture: frames, notes, or the one error."""
    data = bytearray(told)
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path_factory.mktemp("captures") / "a.pcap"
    path.write_bytes(data)
    try:
        capture = Capture(path)
    except BadCapture:
        return
    assert len(list(capture.frames())) <= len(data)
    assert len(capture.notes) <= 3
    capture.close()
