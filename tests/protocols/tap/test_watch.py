"""The front door of the tap: every way of wrapping a segment leads to it, nonsense is told, and nothing raises."""

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from packets import (
    ACK,
    CLIENT,
    FIN,
    NS,
    SERVER,
    START,
    SYN,
    Seen,
    Talk,
    arp,
    ethernet,
    ipv4,
    ipv6,
    mac,
    mbap,
    read_request,
    read_response,
    segment,
    tcp,
    udp,
)  # fmt: skip

from protocols.model import EventKind
from protocols.tap.watch import Watch

WRAPPED = tcp((40_000, 502), 1, 1, ACK, mbap(1, read_request(1)))
OFFLOADED = ipv4(WRAPPED, CLIENT, SERVER)[:2] + bytes(2) + ipv4(WRAPPED, CLIENT, SERVER)[4:]
VLAN, OUTER, RING = b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05", b"\x89\x2f\x00\x40\x00\x01"
ENDS = {"source": mac(CLIENT), "target": mac(SERVER)}
HOP, AUTH, WHOLE = b"\x3c\x00" + bytes(6), b"\x06\x01" + bytes(10), b"\x06\x00" + bytes(6)


def v6(payload=WRAPPED, following=6, extensions=b""):
    return ethernet(ipv6(payload, CLIENT, SERVER, following, extensions=extensions), 0x86DD, **ENDS)


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(ipv4(WRAPPED, CLIENT, SERVER), **ENDS),
        ethernet(ipv4(WRAPPED, CLIENT, SERVER) + bytes(6), **ENDS),
        ethernet(ipv4(WRAPPED, CLIENT, SERVER, options=bytes(8)), **ENDS),
        ethernet(OFFLOADED, **ENDS),
        ethernet(ipv4(WRAPPED, CLIENT, SERVER), **ENDS, tags=[VLAN]),
        ethernet(ipv4(WRAPPED, CLIENT, SERVER), **ENDS, tags=[OUTER, VLAN]),
        ethernet(ipv4(WRAPPED, CLIENT, SERVER), **ENDS, tags=[RING]),
        v6(),
        v6(following=0, extensions=HOP + b"\x06\x00" + bytes(6)),
        v6(following=51, extensions=AUTH),
        v6(following=44, extensions=WHOLE),
    ],
    ids=[
        "plain",
        "padded",
        "options",
        "offloaded",
        "vlan",
        "q-in-q",
        "hsr",
        "v6",
        "v6-options",
        "v6-auth",
        "v6-whole-fragment",
    ],
)
def test_a_message_is_found_however_it_is_wrapped(frame):
    """Tags, options, extension headers and padding are looked through, in bytes as in a view of them."""
    for given_as in (frame, memoryview(frame)):
        seen = Seen().show(given_as)

        assert seen.messages == [("modbus", "3", True)]
        assert (seen.watch.frames, seen.watch.malformed) == (1, 0)
        assert seen.watch.octets == len(frame)


NONSENSE = {
    "truncated": b"\x02\x00\x00",
    "too many tags": ethernet(b"", **ENDS, tags=[VLAN] * 5),
    "IP version": ethernet(b"\x65" + bytes(30), **ENDS),
    "IP header length": ethernet(b"\x44" + bytes(30), **ENDS),
    "IP extension length": v6(b"", 0, b"\x06\xff" + bytes(6)),
    "too many IP extensions": v6(b"", 60, HOP * 40),
    "IP source is the target": segment(CLIENT, CLIENT, (502, 502), 0, 0, SYN),
    "TCP header length": ethernet(ipv4(b"\0" * 19, CLIENT, SERVER), **ENDS),
    "TCP flags": segment(CLIENT, SERVER, (1, 2), 0, 0, SYN | FIN),
    "UDP length": ethernet(ipv4(b"\0\1\0\2\0\7\0\0", CLIENT, SERVER, 17), **ENDS),
}


@pytest.mark.parametrize("why", NONSENSE)
def test_headers_that_cannot_be_are_told(why):
    """Each is one sighting with its word, and counted."""
    seen = Seen().show(NONSENSE[why])

    (told,) = seen.said(EventKind.MALFORMED)
    assert told.facts == {"why": why, "fatal": True}
    assert seen.watch.malformed == 1


def test_flags_that_no_stack_sends_are_told():
    """SYN with FIN or RST, none at all, and those of a Christmas tree: how scanners tell systems apart."""
    seen = Seen()
    for flags in (0, 0x29, SYN | FIN, SYN | FIN | ACK):
        seen.show(segment(CLIENT, SERVER, (1, 2), 0, 0, flags))

    assert seen.watch.malformed == 4


def test_fragments_are_counted_and_those_of_tcp_told():
    """A part of a packet is no message. Datagrams may be cut; segments are only to hide what they say."""
    first, last = (ethernet(ipv4(WRAPPED, CLIENT, SERVER, piece=piece), **ENDS) for piece in (0x2000, 5))
    large = ethernet(ipv4(bytes(8), CLIENT, SERVER, 17, piece=0x2000), **ENDS)
    seen = Seen().show(first, last, large, v6(following=44, extensions=b"\x06\x00\x00\x01" + bytes(4)))

    assert (seen.watch.fragments, seen.watch.malformed, seen.messages) == (4, 3, [])
    assert {each.facts["why"] for each in seen.said(EventKind.MALFORMED)} == {"IP fragment of TCP"}


def test_who_speaks_first_is_told_once():
    """A hardware address and an IP address together; an address that is none yet is left out."""
    nobody = ethernet(
        ipv4(udp((68, 67), b"ask"), "0.0.0.0", "255.255.255.255", 17), source=mac(CLIENT), target=b"\xff" * 6
    )
    seen = Seen().show(nobody, *Talk().opened(), *Talk().opened(), arp(1, CLIENT, SERVER))

    told = {(each.source, each.facts["mac"], each.facts["ip"]) for each in seen.said(EventKind.TALKER)}
    client, server = "02:00:0a:00:00:05", "02:00:0a:00:00:09"
    assert told == {(client, client, ""), (CLIENT, client, CLIENT), (SERVER, server, SERVER)}


def test_another_hardware_address_of_a_connection_is_told():
    """Somebody who goes on with a connection of another host is a new talker, on the quick way too."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(mbap(1, read_request(1))))
    seen.said()
    taken = talk.said(mbap(2, read_request(1)))
    seen.show(taken[:6] + b"\x02\xba\xad\x00\x00\x01" + taken[12:])

    (told,) = seen.said(EventKind.TALKER)
    assert told.facts == {"mac": "02:ba:ad:00:00:01", "ip": CLIENT}


def test_datagrams_make_pairs():
    """Who speaks first asks; the pair is answered when the other speaks too."""
    seen = Seen().show(ethernet(ipv4(udp((5000, 123), b"?"), CLIENT, SERVER, 17), **ENDS))
    first = seen.said(EventKind.PAIR)
    seen.show(ethernet(ipv4(udp((123, 5000), b"!"), SERVER, CLIENT, 17), source=mac(SERVER), target=mac(CLIENT)))
    second = seen.said(EventKind.PAIR)

    for told, answered in ((first, False), (second, True)):
        (pair,) = told
        assert (pair.source, pair.target, pair.port, pair.function) == (CLIENT, SERVER, 123, "udp")
        assert pair.facts == {"answered": answered, "opened": "seen"}


def test_a_busy_pair_is_told_each_second():
    """As frames a second; one below ten is not."""
    busy, calm = Talk(), Talk(client_port=40_001, client="10.0.0.6")
    seen = Seen().show(*busy.opened(), *calm.opened())
    seen.said(EventKind.RATE)
    for number in range(60):
        seen.show(busy.said(mbap(number, read_request(1))), every_ns=NS // 50)
    seen.show(calm.said(mbap(1, read_request(1))), calm.said(read_response(), client=False))

    told = seen.said(EventKind.RATE)
    assert [(each.source, each.target) for each in told] == [(CLIENT, SERVER)]
    assert 20 < told[0].facts["per_s"] < 61


def test_a_fault_is_counted_and_the_watch_goes_on(monkeypatch):
    """The last net: what a dissector must not raise costs one frame."""
    talk = Talk()
    watch = Watch("tap")
    for frame in [*talk.opened(), talk.said(mbap(1, read_request(1)))]:
        watch.frame(frame, START)
    conversation = next(iter(watch._ways.values())).link.conversation
    monkeypatch.setattr(conversation, "_framers", None)
    watch.frame(talk.said(mbap(2, read_request(1))), START)

    assert (watch.frames, watch.faults) == (5, 1)
    assert isinstance(watch.fault, TypeError)


@given(st.lists(st.binary(max_size=120), max_size=20))
@examples(60)
def test_no_bytes_raise(frames):
    """Any bytes at all, and such that look like Ethernet, IP and TCP at their beginning."""
    seen = Seen()
    for data in frames:
        seen.show(data, VLAN.join((bytes(12), data)), ethernet(data, **ENDS), ethernet(b"\x45" + data, **ENDS))
        seen.show(
            ethernet(ipv4(data, CLIENT, SERVER), **ENDS), v6(data), v6(data, 0), arp(1, CLIENT, SERVER)[:20] + data
        )

    seen.said()
    assert (seen.watch.frames, seen.watch.faults) == (8 * len(frames), 0)


@given(st.data())
@examples(60)
def test_no_change_of_a_conversation_raises(data):
    """A conversation with bytes changed, cut off or doubled anywhere."""
    talk = Talk()
    frames = talk.opened()
    for number in range(8):
        function = data.draw(st.integers(0, 127))
        frames.append(talk.said(mbap(number, bytes((function,)) + data.draw(st.binary(max_size=30)))))
        frames.append(talk.said(mbap(number, bytes((function,)) + data.draw(st.binary(max_size=30))), client=False))
    seen = Seen()
    for frame in [*frames, *talk.closed()]:
        changed = bytearray(frame)
        for at in data.draw(st.lists(st.integers(12, len(frame) - 1), max_size=4)):
            changed[at] = data.draw(st.integers(0, 255))
        seen.show(bytes(changed[: data.draw(st.integers(0, 2 * len(frame)))]))

    seen.said()
    assert seen.watch.faults == 0
