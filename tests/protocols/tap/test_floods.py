"""Floods: what the tap keeps is bounded, nobody who speaks is pushed out, and no kind of sighting hides another."""

import sys

import pytest
from packets import (
    ACK,
    CLIENT,
    MS,
    NS,
    SERVER,
    SYN,
    Seen,
    Talk,
    arp,
    ethernet,
    ipv4,
    mac,
    mbap,
    read_request,
    read_response,
    segment,
    udp,
)

from protocols.model import EventKind
from protocols.tap.network.flows import MOST_FAMILIAR, MOST_STRANGE
from protocols.tap.network.load import MOST_BUSY, MOST_LOADS
from protocols.tap.network.strangers import MOST_TALKERS, MOST_TOLD
from protocols.tap.network.sweeps import MOST_SOURCES, MOST_TARGETS
from protocols.tap.sightings import FORGOTTEN_NS, MOST_KINDS, MOST_NEW, MOST_OF_TWO, MOST_UNTOLD, Sightings

MANY = 3 * MOST_FAMILIAR


def host(number):
    return f"172.{16 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def spoofed(number):
    return segment(host(number), SERVER, (1024 + number % 60_000, 502), number, 0, SYN)


def datagram(number):
    return ethernet(
        ipv4(udp((1024, 20_000), b"\x05\x64"), host(number), SERVER, 17), source=mac(host(number)), target=mac(SERVER)
    )


def underway(number):
    return segment(host(number), SERVER, (1024, 502), number, 1, ACK, mbap(1, read_request(1)))


def forged_arp(number):
    return arp(2, host(number), SERVER)


FLOODS = {"syn": spoofed, "udp": datagram, "data": underway, "arp": forged_arp}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_forged_addresses_is_bounded_and_pushes_nobody_out(flood):
    """Tables end at their bounds, sightings are few, and a conversation of before is read on as if nothing had been."""
    talk = Talk()
    seen = Seen().show(
        *talk.opened(), talk.said(mbap(1, read_request(1))), talk.said(mbap(1, read_response()), client=False)
    )
    seen.said()
    events = []
    for number in range(MANY):
        seen.show(FLOODS[flood](number), every_ns=NS // 2000)
        if number % 500 == 0:
            events += seen.watch.take(seen.now_ns)
    watch = seen.watch
    tables = watch._tcp.flows, watch._udp.flows

    assert all(len(flows._strange) <= MOST_STRANGE and len(flows._familiar) <= MOST_FAMILIAR for flows in tables)
    assert len(watch._strangers._known) <= MOST_TALKERS
    assert len(watch._loads._pairs) <= MOST_LOADS + 2 * MOST_STRANGE
    assert watch.talkers >= MANY
    assert watch.evicted >= MANY - MOST_TALKERS
    assert sum(event.kind is EventKind.TALKER for event in events) <= (MOST_TOLD + 1) * (MANY // 2000 + 2)
    assert len(events) < MANY // 3

    before = len(seen.messages)
    seen.show(
        talk.said(mbap(2, read_request(1, function=4))), talk.said(mbap(2, read_response(function=4)), client=False)
    )
    assert seen.messages[before:] == [("modbus", "4", True), ("modbus", "4", False)]
    assert not seen.said(EventKind.ORPHAN)


def test_of_many_strangers_the_number_is_told():
    """The first of a second one by one, then how many more there were."""
    seen = Seen().show(*map(spoofed, range(1000)), every_ns=MS // 2)

    told = seen.said(EventKind.TALKER)
    assert sum(each.count for each in told) == 1000
    assert told[-1].source == told[-1].facts["ip"] == ""
    assert len(told) <= 2 * MOST_TOLD + 1


def test_a_flood_from_many_is_told_by_its_target():
    """When the pairs are too many to be counted apart, the rate at the target is."""
    seen = Seen().show(*map(spoofed, range(2)))
    seen.said()
    seen.show(*map(spoofed, range(2, 4 * MOST_LOADS)), every_ns=NS // 5000)

    told = seen.said(EventKind.RATE)
    assert (told[0].source, told[0].target) == ("", SERVER)
    assert told[0].facts["per_s"] > 1000


def test_who_connects_in_a_flood_is_counted_apart_once_answered():
    """A connection that was opened when pairs were too many has a rate of its own all the same."""
    seen, talk = Seen(), Talk(client="10.0.0.77")
    seen.show(*map(spoofed, range(2 * MOST_LOADS)), *talk.opened(), every_ns=MS // 10)
    seen.said()
    for number in range(100):
        seen.show(talk.said(mbap(number, read_request(1))), every_ns=MS)

    assert [each.source for each in seen.said(EventKind.RATE)] == ["10.0.0.77"]


def test_the_busiest_pairs_are_told():
    """No more than so many in a second."""
    seen = Seen()
    seen.said()
    for number in range(20):
        seen.show(
            *(segment(host(each), SERVER, (1024, 502), number, 0, ACK) for each in range(2 * MOST_BUSY)),
            every_ns=MS // 10,
        )

    assert len(seen.said(EventKind.RATE)) == MOST_BUSY


def test_a_scan_is_told_with_how_many_answered():
    """Distinct ports of a host count like distinct hosts."""
    seen = Seen()
    for port in range(20):
        talk = Talk(1 + port, client_port=50_000 + port)
        seen.show(*talk.opened()[: 2 if port < 5 else 1])

    told = seen.said(EventKind.SWEEP)
    assert (told[0].source, told[0].function) == (CLIENT, "tcp")
    assert told[-1].facts == {"targets": 20, "window_s": 10, "answered": 5}


def test_a_scan_is_seen_through_a_flood():
    """Sources that ask once make room before one that asks many."""
    seen, frames = Seen(), []
    for number in range(20 * MOST_SOURCES):
        frames.append(spoofed(number))
        if not number % 100:
            frames.append(segment(CLIENT, host(number), (40_000, 502), 1, 0, SYN))
    seen.show(*frames, every_ns=NS // 1000)

    assert [each.source for each in seen.said(EventKind.SWEEP)][:1] == [CLIENT]


def test_targets_of_a_scan_are_bounded():
    """More than so many make no difference."""
    seen = Seen().show(*(segment(CLIENT, SERVER, (40_000, port), 1, 0, SYN) for port in range(1, 1000)), every_ns=MS)

    assert max(each.facts["targets"] for each in seen.said(EventKind.SWEEP)) == MOST_TARGETS


def test_no_kind_of_sighting_hides_another():
    """However many pairs there are, a command is told at once; the pairs that were told first are forgotten."""
    notes, now_ns = Sightings("tap"), NS
    for number in range(MOST_KINDS + 500):
        notes.note(EventKind.PAIR, now_ns, "pair", source=str(number))
        now_ns += NS // 100
        if not number % 100:
            notes.take(now_ns)
    assert notes.dropped == 0
    assert sum(map(len, notes._known.values())) == MOST_KINDS

    notes.note(EventKind.COMMAND, now_ns, "write", source="a")
    assert [event.detail for event in notes.take(now_ns)][-1] == "write"


def test_of_one_kind_so_many_are_told_in_a_second():
    """The others are counted as dropped; another kind has its own number."""
    notes = Sightings("tap")
    for number in range(MOST_NEW + 10):
        notes.note(EventKind.PAIR, NS, "pair", source=str(number))
    notes.note(EventKind.COMMAND, NS, "write")

    assert len(notes.take(NS)) == MOST_NEW + 1
    assert notes.dropped == 10


def test_who_says_much_hides_nobody():
    """Two parties take a part of what can be told in a second; what others do in it is told at once."""
    notes = Sightings("tap")
    notes.take(NS)
    for number in range(10 * MOST_NEW):
        notes.note(EventKind.COMMAND, NS, "noise", source="a", target="b", about=number)
    notes.note(EventKind.COMMAND, NS, "write", source="c", target="b")

    told = notes.take(NS)
    assert (len(told), told[-1].detail) == (MOST_OF_TWO + 1, "write")


def test_commands_that_found_no_room_are_told_as_a_number():
    """However many forged pairs make noise in the same second: that there was one more command is told after it."""
    notes = Sightings("tap")
    notes.take(NS)
    for number in range(MOST_NEW):
        notes.note(EventKind.COMMAND, NS, "noise", source=str(number))
    notes.note(EventKind.COMMAND, NS, "write", source="c", target="b", port=502)
    for number in range(3 * MOST_UNTOLD):
        notes.note(EventKind.COMMAND, NS, "more noise", source=f"x{number}")
    notes.take(NS)
    told = notes.take(2 * NS)

    assert [each.facts for each in told] == [{"action": "untold"}] * (MOST_UNTOLD + 1)
    assert (told[0].source, told[0].target, told[0].port, told[0].count) == ("c", "b", 502, 1)
    assert (told[-1].source, told[-1].count) == ("", 2 * MOST_UNTOLD + 1)
    assert notes.take(3 * NS) == []


def test_what_was_silent_for_a_minute_is_told_at_once_again():
    """And not before: until then it is counted."""
    notes = Sightings("tap")
    seen = notes.note(EventKind.ORPHAN, NS, "first")
    assert seen is not None
    assert len(notes.take(2 * NS)) == 1
    assert notes.again(seen, 3 * NS)
    assert [event.count for event in notes.take(4 * NS)] == [1]
    assert notes.take(5 * NS + FORGOTTEN_NS) == []
    assert not notes.again(seen, 6 * NS + FORGOTTEN_NS)
    notes.note(EventKind.ORPHAN, 6 * NS + FORGOTTEN_NS, "again")
    assert [event.detail for event in notes.take(6 * NS + FORGOTTEN_NS)] == ["again"]


def test_the_price_of_a_frame_does_not_grow_with_what_came_before():
    """A client that asks for new blocks without end: the last frame takes no more calls than the tenth."""
    talk, prices = Talk(), []
    seen = Seen().show(*talk.opened())
    for number in range(18):
        blocks = range(number * 110, number * 110 + 110)
        asked = (mbap(at, read_request(at * 128 % 65_536, 1, 1 + at // 512)) for at in blocks)
        frame, calls = talk.said(b"".join(asked)), []
        sys.setprofile(lambda _frame, what, _argument, calls=calls: calls.append(what))
        seen.show(frame)
        sys.setprofile(None)
        prices.append(len(calls))

    assert prices[-1] < 1.2 * prices[9]
