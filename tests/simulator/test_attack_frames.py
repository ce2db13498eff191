"""Frames that attackers make by hand: receivers must take them, or nobody would have been attacked."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.attacks.attack import LONGEST_S, Asking, Field
from simulator.attacks.menu import MENU
from simulator.attacks.packets import ACK, PSH, REPLY, Segment, arp, checksum
from simulator.truth import Truth

MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
segments = st.builds(
    Segment,
    mac=st.just(MAC),
    to_mac=st.just(OTHER),
    ip=st.ip_addresses(v=4).map(str),
    to_ip=st.ip_addresses(v=4).map(str),
    port=st.integers(0, 65_535),
    to_port=st.integers(0, 65_535),
    sequence=st.integers(0, 2**32 - 1),
    acknowledged=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 63),
    data=st.binary(max_size=300),
    hops=st.integers(1, 255),
)


@given(segments)
def test_a_segment_is_read_as_it_was_made(segment):
    """Short ones too, which Ethernet fills up to 60 bytes."""
    assert Segment.of(segment.frame()) == segment


@given(segments)
def test_its_checksums_are_right(segment):
    """Summed with their own checksum, header and segment are zero (RFC 1071)."""
    frame = segment.frame()
    packet = frame[14 : 14 + int.from_bytes(frame[16:18], "big")]
    pseudo = packet[12:20] + struct.pack(">HH", 6, len(packet) - 20)

    assert checksum(packet[:20]) == b"\0\0"
    assert checksum(pseudo + packet[20:]) == b"\0\0"


@given(st.binary(max_size=120))
def test_any_frame_is_a_segment_or_none(frame):
    """Who listens on a wire hears everything."""
    found = Segment.of(frame)

    assert found is None or isinstance(found.data, bytes)


def test_what_follows_a_segment_goes_on_where_it_ended():
    """So the receiver takes it as the next of the same side."""
    first = Segment(MAC, OTHER, "10.0.0.1", "10.0.0.2", 502, 40_000, sequence=100, data=b"1234")
    next_one = first.saying(b"56")

    assert (next_one.sequence, next_one.data, next_one.flags) == (104, b"56", PSH | ACK)


def test_an_answer_of_arp_says_who_is_where():
    """Ethernet, IPv4, an answer: RFC 826."""
    frame = arp(REPLY, mac=MAC, ip="10.0.0.1", to_mac=OTHER, to_ip="10.0.0.2")

    assert frame[:14] == OTHER + MAC + b"\x08\x06"
    assert frame[14:42].hex() == "0001080006040002" + MAC.hex() + "0a000001" + OTHER.hex() + "0a000002"


@pytest.mark.parametrize("name", [name for name, each in MENU.items() if issubclass(each, Asking)])
def test_a_conversation_is_bounded(name):
    """All its messages together take less than the time after which it would be given up."""
    attack = MENU[name]()

    assert sum(1 for _ in attack.messages()) * attack.EACH_S < LONGEST_S


@pytest.mark.parametrize("name", MENU)
def test_every_attack_says_what_it_does(name):
    """In a sentence, for whoever sees the alarm."""
    attack = MENU[name]()

    assert name == attack.NAME
    assert len(attack.text.split()) > 1
    assert not attack.text.endswith(".")
    assert attack.CHECKS


async def test_what_needs_a_wire_says_so():
    """Not every field has one."""
    with pytest.raises(LookupError, match="needs an interface"):
        await MENU["new_host"]().run(Field())


def test_the_truth_of_an_attack_names_both_sides():
    """It is read back as it was written."""
    truth = Truth("arp_scan", "asks", 10**18, 2 * 10**18, ("scan",), (), (), source="10.77.1.2", target="10.77.0.10")

    assert Truth.read(truth.line()) == truth
