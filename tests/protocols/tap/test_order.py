"""TCP as a listener sees it: however segments come, what was said is the same; what is forged blinds nobody."""

import random

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from packets import ACK, FIN, NS, PSH, RST, SYN, Seen, Talk, mbap, read_request, read_response

from protocols.model import EventKind
from protocols.tap.network.order import LONGEST_NS, MOST_BYTES, MOST_WAITING

REQUESTS = b"".join(mbap(number, read_request(number, function=1 + number % 4)) for number in range(40))
IN_ORDER = [("modbus", str(1 + number % 4), True) for number in range(40)]


def pieces(cuts):
    ends = sorted({*(cut % len(REQUESTS) for cut in cuts), len(REQUESTS)} - {0})
    return [(first, REQUESTS[first:end]) for first, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(st.integers(0, 10_000), max_size=30), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
@example(cuts=[5, 17, 200], number=2**32 - 100, chance=random.Random(1))
@examples(60)
def test_any_segmentation_order_and_repetition_gives_the_same_messages(cuts, number, chance):
    """Cut anywhere, near segments exchanged, some sent again or longer: the messages are those of the stream."""
    talk = Talk(number=number)
    seen = Seen().show(*talk.opened())
    sent = pieces(cuts)
    for at in range(0, len(sent) - 3, 4):
        part = sent[at : at + 4]
        chance.shuffle(part)
        sent[at : at + 4] = part
    for first, data in sent:
        seen.show(talk.frame(PSH | ACK, data, ahead=first))
        if chance.random() < 0.3:
            back = chance.randrange(first + 1)
            seen.show(talk.frame(PSH | ACK, REQUESTS[back : back + chance.randrange(1, 60)], ahead=back))

    assert seen.messages == IN_ORDER


def test_a_gap_costs_what_was_in_it_and_no_more():
    """A segment that was not captured is given up when enough has come after it."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1, function=1))))
    talk.said(mbap(2, read_request(1, function=2)))
    seen.show(*(talk.said(mbap(number, read_request(1))) for number in range(3, 3 + MOST_WAITING + 1)))

    assert seen.messages == [("modbus", "1", True)] + [("modbus", "3", True)] * (MOST_WAITING + 1)


def test_a_gap_that_was_acknowledged_is_given_up_at_once():
    """One request that was not captured leaves one answer without a request, not three of a client that asks seldom."""
    talk = Talk()
    seen = Seen().show(*talk.opened())
    for number in range(6):
        asked = talk.said(mbap(number, read_request(1)))
        seen.show(*[asked] * (number != 2), talk.said(mbap(number, read_response()), client=False))

    assert sum(event.count for event in seen.said(EventKind.ORPHAN)) == 1
    assert len(seen.messages) == 11


@pytest.mark.parametrize("ahead", [1, 5_000, 2**31 - 1], ids=["beside", "ahead", "far"])
def test_a_forged_acknowledgement_gives_up_nothing(ahead):
    """Who does not know where the stream is has no say in what of the other direction was received."""
    talk = Talk()
    seen = Seen().show(*talk.opened())
    seen.show(talk.said(mbap(1, read_request(1))), talk.said(mbap(1, read_response()), client=False))
    late = talk.said(mbap(2, read_request(1, function=4)))
    seen.show(talk.said(mbap(3, read_request(1))), talk.frame(ACK, client=False, ahead=ahead), late)

    assert [function for _, function, _ in seen.messages] == ["3", "3", "4", "3"]


def test_a_gap_is_given_up_after_a_time_also_when_nothing_comes():
    """What waits for something that is missing is read after a second, by `take` alone."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1, function=1))))
    talk.said(b"lost")
    seen.show(talk.said(mbap(3, read_request(1, function=4))))

    assert seen.messages == [("modbus", "1", True)]
    seen.said(after_s=LONGEST_NS / NS + 0.1)
    assert seen.messages == [("modbus", "1", True), ("modbus", "4", True)]


def test_what_waits_is_bounded_in_bytes():
    """Large segments after a gap are given up before they are many."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1, function=1))))
    talk.said(b"lost")
    message = mbap(1, bytes((90,)) + bytes(999))
    large = (message * 60)[: MOST_BYTES // 4]
    seen.show(*(talk.said(large) for _ in range(5)))

    assert ("modbus", "90", True) in seen.messages


def test_a_segment_longer_than_what_was_captured_loses_only_itself():
    """A capture that keeps the first bytes of each frame: what is whole is read, and the stream goes on."""
    talk = Talk()
    seen = Seen().show(*talk.opened())
    seen.show(talk.said(mbap(1, bytes((15, 0, 0, 7, 128, 240)) + bytes(240)))[:100])
    seen.show(talk.said(mbap(2, read_request(3))))

    assert seen.messages == [("modbus", "3", True)]
    assert seen.watch.truncated == 1


def test_a_keep_alive_says_nothing():
    """The byte before the next one, or none at all, is no message."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1))))
    seen.show(talk.frame(ACK, b"\0", ahead=-1), talk.frame(ACK, ahead=-1), talk.said(mbap(2, read_request(1))))

    assert len(seen.messages) == 2
    assert not seen.said(EventKind.MALFORMED)


def test_ports_used_again_are_another_connection():
    """A new opening of the same ports begins a new stream, whatever its numbers are."""
    first, second = Talk(), Talk(number=4_000_000_000)
    seen = Seen().show(*first.opened(), first.said(mbap(1, read_request(1))), *first.closed())
    seen.show(*second.opened(), second.said(mbap(1, read_request(1, function=4))))

    assert [function for _, function, _ in seen.messages] == ["3", "4"]
    assert [event.count for event in seen.said(EventKind.PAIR)] == [1, 1]


@pytest.mark.parametrize("flags", [SYN, RST, RST | ACK, FIN | ACK])
def test_a_forged_segment_blinds_nobody(flags):
    """A SYN, RST or FIN with a number from nowhere, between two requests: both are read."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1))), talk.said(read_response(), client=False))
    seen.show(talk.frame(flags, ahead=123_456_789), talk.said(mbap(2, read_request(1, function=4))))

    assert [function for _, function, client in seen.messages if client] == ["3", "4"]


def test_a_forged_number_far_away_does_not_move_the_stream():
    """Data from beyond any window is not believed once; when only such comes, it is."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1))))
    seen.show(talk.frame(ACK, b"forged", ahead=2**30), talk.said(mbap(2, read_request(1, function=4))))

    assert [function for _, function, _ in seen.messages] == ["3", "4"]

    talk.numbers[True] += 2**30
    seen.show(*(talk.said(mbap(number, read_request(1, function=2))) for number in range(5)))

    assert [function for _, function, _ in seen.messages][2:] == ["2", "2", "2"]


def test_an_opening_seen_makes_the_roles_sure_also_without_the_syn():
    """The answer to an opening is proof enough; without either, the port is the only hint."""
    answered, underway = Talk(502), Talk(502, client_port=40_001)
    frames = answered.opened()
    underway.opened()
    seen = Seen().show(*frames[1:], answered.said(mbap(1, read_request(1))))
    seen.show(underway.said(mbap(1, read_response()), client=False), underway.said(mbap(2, read_request(1))))

    pairs = seen.said(EventKind.PAIR)
    assert [pair.facts for pair in pairs] == [
        {"answered": True, "opened": "syn"},
        {"answered": True, "opened": "seen"},
    ]
    assert {(pair.source, pair.target, pair.port) for pair in pairs} == {("10.0.0.5", "10.0.0.9", 502)}


def test_direction_is_that_of_the_opening_not_of_the_port():
    """Who opens from port 502 is a client all the same; what it says is still read, as what a server says."""
    talk = Talk(40_000, client_port=502)
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_response())))

    (pair,) = seen.said(EventKind.PAIR)
    assert (pair.source, pair.port, pair.facts["opened"]) == ("10.0.0.5", 40_000, "syn")
    assert seen.messages == [("modbus", "3", False)]


def test_a_pair_is_answered_when_the_handshake_is_or_both_speak():
    """An opening that nobody answers, or that is refused, is told as such."""
    silent, refused = Talk(502), Talk(503, client_port=40_001)
    seen = Seen().show(silent.frame(SYN), refused.frame(SYN), refused.frame(RST | ACK, client=False))

    assert {(pair.port, pair.facts["answered"]) for pair in seen.said(EventKind.PAIR, after_s=4)} == {
        (502, False),
        (503, False),
    }


def test_a_server_port_of_the_configuration_is_read_like_a_known_one():
    """`ports` names what is spoken on a port that is not the usual one."""
    talk = Talk(10_502)
    seen = Seen(ports={10_502: "modbus"}).show(*talk.opened(), talk.said(mbap(1, read_request(1))))

    assert seen.messages == [("modbus", "3", True)]
