"""How many hops a host's packets begin with: the first is its usual one, each packet with another is noted."""

from packets import ACK, CLIENT, NS, RST, SERVER, START, SYN, Seen, Talk, ethernet, ipv6, mac, tcp

from protocols.model import EventKind
from protocols.tap.network.stacks import MOST_STACKS, MOST_TOLD


def hops(frame, number):
    """Return an untagged IPv4 frame with another number of hops."""
    return frame[:22] + bytes([number]) + frame[23:]


def told(seen):
    return [(each.source, each.facts["value"], each.count) for each in seen.said(EventKind.IDENTITY)]


def test_each_host_is_told_once():
    """Whatever it says after that is usual."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(b"a"), talk.said(b"b", client=False), talk.said(b"c"))

    assert told(seen) == [(CLIENT, "64", 1), (SERVER, "64", 1)]


def test_a_segment_that_somebody_else_slipped_in_is_told():
    """In the middle of a connection, with right numbers; what the host says itself is not."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(b"a", client=False), talk.said(b"b"))
    told(seen)
    seen.show(hops(talk.said(b"c"), 128), talk.said(b"d"), hops(talk.said(b"e"), 127), talk.said(b"f", client=False))

    assert told(seen) == [(CLIENT, "128", 1), (CLIENT, "128", 1)]
    assert seen.said(EventKind.IDENTITY) == []


def test_another_way_through_routers_is_no_other_system():
    """Each takes one off."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(b"a"))
    told(seen)
    seen.show(hops(talk.said(b"b"), 63), hops(talk.said(b"c"), 60), hops(talk.said(b"d"), 33), talk.said(b"e"))

    assert told(seen) == []


def test_what_firewalls_and_scanners_make_in_place_of_a_host_tells_nothing():
    """An opening, its answer, and a reset."""
    talk = Talk()
    seen = Seen().show(*talk.opened(), talk.said(b"a"), talk.said(b"b", client=False))
    told(seen)
    frames = talk.frame(SYN), talk.frame(SYN | ACK, client=False), talk.frame(RST | ACK)
    seen.show(*(hops(frame, 255) for frame in frames))

    assert told(seen) == []


def test_ipv6_counts_alike():
    """Its hop limit."""
    seen = Seen()
    for limit in (64, 128):
        packet = ipv6(tcp((40_000, 502), 1, 1, ACK, b"a"), CLIENT, SERVER)
        packet = packet[:7] + bytes([limit]) + packet[8:]
        seen.show(ethernet(packet, 0x86DD, source=mac(CLIENT), target=mac(SERVER)))

    assert [value for _, value, _ in told(seen)] == ["64", "128"]


def test_forged_hosts_are_bounded():
    """Of very many at once, some are told, and the next ones in the next second."""
    seen = Seen()
    for second in range(3):
        seen.now_ns = START + (10 + second) * NS
        talks = (Talk(client=f"10.{second}.{each // 200}.{each % 200}") for each in range(100))
        seen.show(*(talk.said(b"a") for talk in talks), every_ns=1000)

    assert 3 * MOST_TOLD == len(told(seen)) < MOST_STACKS
