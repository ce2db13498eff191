"""What hides a command from a listener: whatever a host may have taken in its place is read too."""

import pytest
from packets import ACK, CLIENT, PSH, RST, SERVER, SYN, Seen, Talk, mbap, read_request

from protocols.model import EventKind

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
    assert (CLIENT, SERVER) == (talk.client, "10.0.0.9")
