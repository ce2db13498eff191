"""What hides a command from a listener: whatever a host may have taken in its place is read too."""

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from packets import (
    ACK,
    CLIENT,
    PSH,
    RST,
    SERVER,
    SYN,
    Seen,
    Talk,
    ethernet,
    ipv4,
    ipv6,
    mac,
    mbap,
    read_request,
    tcp,
    udp,
)

from protocols.model import EventKind
from protocols.tap.network.fragments import MOST_HELD, MOST_PACKETS
from simulator.attacks.dnp3frame import frames, request

WRITE = mbap(9, bytes.fromhex("06000a1234"))
DECOY = mbap(9, read_request(10))


def commands(seen):
    return [told.function for told in seen.said(EventKind.COMMAND)]


def broken(seen):
    return [told.facts["why"] for told in seen.said(EventKind.MALFORMED)]


def begun():
    talk = Talk()
    return talk, Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1))))


def test_a_decoy_before_the_command_hides_nothing():
    """A forged segment that only the listener believes, then the real one with the same number: both are read."""
    talk, seen = begun()
    seen.show(talk.frame(PSH | ACK, DECOY), talk.said(WRITE))

    told = seen.said()
    assert [each.function for each in told if each.kind is EventKind.COMMAND] == ["6"]
    assert [each.facts["why"] for each in told if each.kind is EventKind.MALFORMED] == [
        "TCP bytes twice, and not the same"
    ]


@pytest.mark.parametrize("cut", range(1, len(WRITE)))
@pytest.mark.parametrize("size", [1, 5, 8, 11, 12])
@pytest.mark.parametrize("decoy", [DECOY, bytes(12), b"\xff" * 12])
def test_a_decoy_of_some_bytes_and_a_command_in_two_pieces(decoy, size, cut):
    """Whatever part of the command was said falsely before: its pieces are put together by one of the two readers."""
    talk, seen = begun()
    seen.show(talk.frame(PSH | ACK, decoy[:size]), talk.said(WRITE[:cut]), talk.said(WRITE[cut:]))

    assert set(commands(seen)) == {"6"}


def test_a_decoy_that_came_too_early_hides_nothing():
    """Of two segments that both wait for what is before them, both are read when it comes."""
    for decoy in (DECOY, DECOY + DECOY):
        talk, seen = begun()
        first = mbap(8, read_request(20))
        ahead = len(first)
        seen.show(talk.frame(PSH | ACK, decoy, ahead=ahead), talk.frame(PSH | ACK, WRITE, ahead=ahead))
        seen.show(talk.said(first))

        assert set(commands(seen)) == {"6"}


def test_segments_from_nowhere_hide_nothing():
    """After forged segments with numbers far off, the first true one is read, also when it came in two."""
    for parts in ([WRITE], [WRITE[:5], WRITE[5:]]):
        talk, seen = begun()
        far = [talk.frame(PSH | ACK, DECOY, ahead=1 << 25) for _ in range(3)]
        seen.show(*far, *(talk.said(part) for part in parts))

        assert set(commands(seen)) == {"6"}


@pytest.mark.parametrize("number", [1, 900, 1010, 5000, 2**31, 2**32 - 5])
def test_a_forged_opening_of_ports_in_use_hides_nothing(number):
    """Who forges both SYN and SYN+ACK of a connection with numbers of its own does not make the next command unseen."""
    talk, seen = begun()
    forged = Talk(number=number)
    forged.numbers[False] = 5
    seen.show(*forged.opened()[:2], talk.said(WRITE))
    seen.now_ns += 2_000_000_000

    assert set(commands(seen)) == {"6"}


def test_a_reset_that_the_host_ignores_hides_nothing():
    """A forged RST with the right number and a new SYN in the midst of a conversation: the next command is read."""
    talk, seen = begun()
    seen.show(talk.frame(RST), talk.frame(SYN, ahead=7), talk.said(WRITE))
    seen.now_ns += 2_000_000_000

    assert set(commands(seen)) == {"6"}


def test_a_segment_longer_than_its_frame_takes_nothing_with_it():
    """The listener goes on behind a cut segment only when it was the next one."""
    talk, seen = begun()
    cut = talk.frame(PSH | ACK, DECOY + bytes(900), ahead=500)[:-900]
    seen.show(talk.said(WRITE[:5]), cut, talk.said(WRITE[5:]))

    assert set(commands(seen)) == {"6"}


def test_retransmissions_and_keep_alives_are_no_decoys():
    """Benign: the same bytes again, in part, longer or of long ago, and the byte of a keep-alive, say nothing."""
    talk, seen = begun()
    first, second = (mbap(number, read_request(number)) for number in (2, 3))
    whole = first + second
    seen.show(talk.frame(PSH | ACK, first), talk.frame(PSH | ACK, whole), talk.frame(PSH | ACK, first[3:], ahead=3))
    seen.show(talk.frame(ACK, b"\0", ahead=len(whole) - 1), talk.frame(PSH | ACK, b"\0\1", ahead=-12))
    talk.numbers[True] += len(whole)
    many = b"".join(mbap(number, read_request(number)) for number in range(200))
    before = talk.frame(PSH | ACK, many[:1200])
    seen.show(talk.said(many[:1200]), talk.said(many[1200:]), before)
    told = [each.kind for each in seen.said()]

    assert EventKind.MALFORMED not in told
    assert EventKind.COMMAND not in told
    assert (talk.client, "10.0.0.9") == (CLIENT, SERVER)


def pieces(payload, protocol, size, *, identity=7):
    """Return the fragments of an IPv4 packet, in frames."""
    found = []
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        packet = bytearray(ipv4(payload[at : at + size], CLIENT, SERVER, protocol, piece=more | at // 8))
        packet[4:6] = identity.to_bytes(2, "big")
        found.append(ethernet(bytes(packet), source=mac(CLIENT), target=mac(SERVER)))
    return found


@pytest.mark.parametrize("order", [1, -1])
def test_a_command_in_ip_fragments_is_read(order):
    """TCP in fragments, whatever their order, is put together as a host does it; that somebody does so is told."""
    talk, seen = begun()
    parts = pieces(talk.said(WRITE)[34:], 6, 8)
    seen.show(*parts[::order])
    told = seen.said()

    assert [each.function for each in told if each.kind is EventKind.COMMAND] == ["6"]
    assert {each.facts["why"] for each in told if each.kind is EventKind.MALFORMED} == {"IP fragment of TCP"}


def test_a_command_over_udp_in_fragments_is_read():
    """DNP3 over UDP, operate without asking first, cut within its link header."""
    sent = frames(request(5, bytes.fromhex("0c01170103") + bytes(11)), to=1, from_=2, master=True)
    seen = Seen().show(*pieces(udp((20_000, 20_000), sent), 17, 16))

    assert commands(seen) == ["5"]


@pytest.mark.parametrize("behind", [False, True])
def test_a_command_in_ipv6_fragments_is_read(behind):
    """Also where the first fragment begins with another extension header."""
    options = (b"\x06\x00" + bytes(6)) if behind else b""
    payload = options + tcp((40_000, 502), 1, 1, ACK, WRITE)
    seen = Seen()
    for at in range(0, len(payload), 24):
        more = at + 24 < len(payload)
        head = bytes((60 if behind else 6, 0)) + (at | more).to_bytes(2, "big") + bytes(4)
        packet = ipv6(payload[at : at + 24], CLIENT, SERVER, 44, extensions=head)
        seen.show(ethernet(packet, 0x86DD, source=mac(CLIENT), target=mac(SERVER)))

    assert commands(seen) == ["6"]


def test_fragments_that_overlap_are_told():
    """A second version of a fragment is not taken, and is no slip."""
    talk, seen = begun()
    first, second = pieces(talk.frame(PSH | ACK, DECOY)[34:], 6, 24)
    other = pieces(talk.frame(PSH | ACK, WRITE)[34:], 6, 24)[1]
    seen.show(second, other)
    assert "IP fragments overlap" in broken(seen)

    seen.show(pieces(talk.frame(PSH | ACK, WRITE)[34:], 6, 16)[1], first)
    assert "IP fragments overlap" in broken(seen)


def test_fragments_are_bounded():
    """Of more unfinished packets than are kept, the oldest are given up, counted."""
    seen = Seen()
    for number in range(3 * MOST_PACKETS):
        seen.show(pieces(bytes(2000), 17, 1000, identity=number)[0])
    waiting = seen.watch._fragments

    assert len(waiting._waiting) == MOST_PACKETS
    assert (waiting.forgotten, seen.watch.evicted) == (2 * MOST_PACKETS, 2 * MOST_PACKETS)
    assert waiting._held == sum(each.held for each in waiting._waiting.values()) <= MOST_HELD


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9000), st.booleans(), st.binary(max_size=90)), max_size=40))
@examples(100)
def test_no_fragments_raise(sent):
    """Whatever their offsets and sizes: nothing but a frame that is told."""
    seen = Seen()
    for identity, offset, more, data in sent:
        packet = bytearray(ipv4(data, CLIENT, SERVER, 17, piece=(0x2000 if more else 0) | offset & 0x1FFF))
        packet[4:6] = identity.to_bytes(2, "big")
        seen.show(ethernet(bytes(packet), source=mac(CLIENT), target=mac(SERVER)))
    waiting = seen.watch._fragments

    assert seen.watch.faults == 0
    assert waiting._held == sum(each.held for each in waiting._waiting.values())


def test_ip_behind_an_802_3_length_is_read():
    """Some hosts take IP in frames of 802.3 with SNAP: so does the listener."""
    talk, seen = begun()
    frame = talk.said(WRITE)
    seen.show(frame[:12] + (len(frame) - 6).to_bytes(2, "big") + b"\xaa\xaa\x03\0\0\0" + frame[12:])

    assert commands(seen) == ["6"]


def test_many_extension_headers_hide_nothing():
    """More of them than make sense are passed; beyond that the frame is told."""
    for count, found in ((20, ["6"]), (100, [])):
        head = (b"\x3c\x00" + bytes(6)) * (count - 1) + b"\x06\x00" + bytes(6)
        packet = ipv6(tcp((40_000, 502), 1, 1, ACK, WRITE), CLIENT, SERVER, 60, extensions=head)
        seen = Seen().show(ethernet(packet, 0x86DD, source=mac(CLIENT), target=mac(SERVER)))
        told = seen.said()

        assert [each.function for each in told if each.kind is EventKind.COMMAND] == found
        assert [each.facts["why"] for each in told if each.kind is EventKind.MALFORMED] == (
            [] if found else ["too many IP extensions"]
        )


@pytest.mark.parametrize("cut", [8, 10, 12])
def test_a_wrong_protocol_id_hides_no_command(cut):
    """Some devices do not look at it, so the command is read, and what is wrong is told."""
    talk, seen = begun()
    wrong = WRITE[:2] + b"\0\1" + WRITE[4:]
    seen.show(talk.said(wrong[:cut]), talk.said(wrong[cut:] + mbap(3, read_request(1))))
    told = seen.said()

    assert [each.function for each in told if each.kind is EventKind.COMMAND] == ["6"]
    assert [each.facts["why"] for each in told if each.kind is EventKind.MALFORMED] == ["protocol id"]
    assert len(seen.messages) == 3


@pytest.mark.parametrize(("function", "action"), [(66, "write"), (100, "write"), (9, "program"), (13, "program")])
def test_what_only_a_vendor_knows_may_write(function, action):
    """A function that no standard has is no reading; it is judged like a write."""
    talk, seen = begun()
    seen.show(talk.said(mbap(2, bytes((function, 1, 2, 3)))))

    assert [each.facts["action"] for each in seen.said(EventKind.COMMAND)] == [action]


@pytest.mark.parametrize("at", [1, 7, 8, 12])
def test_urgent_data_hides_no_command(at):
    """A byte that the host takes out of its stream: the command is read without it, and the trick is told."""
    talk, seen = begun()
    payload = WRITE[: at - 1] + b"\x55" + WRITE[at - 1 :]
    frame = bytearray(talk.said(payload))
    frame[47] |= 32
    frame[52:54] = at.to_bytes(2, "big")
    seen.show(bytes(frame))
    told = seen.said()

    assert "6" in [each.function for each in told if each.kind is EventKind.COMMAND]
    assert "TCP urgent data" in [each.facts["why"] for each in told if each.kind is EventKind.MALFORMED]


def test_modbus_over_udp_is_read():
    """Some devices take it; what is left of a datagram does not begin the next one."""
    frame = {"source": mac(CLIENT), "target": mac(SERVER)}
    seen = Seen()
    for payload in (WRITE[:9], WRITE, mbap(4, bytes.fromhex("05000aff00"))):
        seen.show(ethernet(ipv4(udp((40_000, 502), payload), CLIENT, SERVER, 17), **frame))

    assert commands(seen) == ["6", "5"]
