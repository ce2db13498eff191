"""ARP: who has an address is learned from questions and answers; answers only contradict; forged ones are counted."""

from packets import NS, SERVER, Seen, arp, mac

from protocols.model import EventKind
from protocols.tap.network.arp import MOST_TOLD, SETTLED_NS

HOST, OTHER, FORGED = "10.0.0.7", "10.0.0.8", b"\x02\xba\xad\x00\x00\x01"


def facts(told):
    return [(each.facts["ip"], each.facts["mac"], each.facts["was"], each.count) for each in told]


def test_a_binding_is_told_once():
    """By a question as by an answer."""
    seen = Seen().show(arp(1, HOST, SERVER), arp(2, SERVER, HOST), arp(1, HOST, SERVER), arp(2, SERVER, HOST))

    told = seen.said(EventKind.BINDING)
    assert facts(told) == [(HOST, "02:00:0a:00:00:07", "", 1), (SERVER, "02:00:0a:00:00:09", "", 1)]
    assert told[0].facts["sender"] == ""


def test_another_who_claims_an_address_is_told_and_counted():
    """An answer, and a claim without a question, contradict; a question does not."""
    seen = Seen().show(arp(2, HOST, OTHER), arp(1, HOST, OTHER, hardware=FORGED))
    assert len(seen.said(EventKind.BINDING)) == 1
    for _ in range(3):
        seen.show(arp(2, HOST, OTHER, hardware=FORGED), arp(1, HOST, HOST, hardware=FORGED), arp(2, HOST, OTHER))

    assert facts(seen.said(EventKind.BINDING)) == [
        (HOST, "02:ba:ad:00:00:01", "02:00:0a:00:00:07", 1),
        (HOST, "02:ba:ad:00:00:01", "02:00:0a:00:00:07", 5),
    ]


def test_who_was_replaced_is_forgotten_after_a_minute_of_silence():
    """New hardware at an old address is told once, and then is the one that is known."""
    seen = Seen().show(arp(2, HOST, OTHER))
    seen.said(after_s=SETTLED_NS / NS + 1)
    seen.show(arp(2, HOST, OTHER, hardware=FORGED))
    assert len(seen.said(EventKind.BINDING)) == 1
    seen.show(arp(2, HOST, OTHER, hardware=FORGED))
    assert not seen.said(EventKind.BINDING)


def test_an_answer_sent_by_another_than_it_names_is_told():
    """The frame's sender is not the hardware address inside: a proxy, or a forger who was lazy."""
    seen = Seen().show(arp(2, HOST, OTHER), arp(2, HOST, OTHER, source=FORGED))

    assert [each.facts["sender"] for each in seen.said(EventKind.BINDING)] == ["", "02:ba:ad:00:00:01"]


def test_one_that_asks_for_many_is_a_sweep():
    """Eight targets within ten seconds; the same target again is one."""
    seen = Seen().show(*(arp(1, HOST, f"10.0.0.{last}") for last in (*range(100, 107), 100, 101)))
    assert not seen.said(EventKind.SWEEP)
    seen.show(arp(1, HOST, "10.0.0.108"))

    (told,) = seen.said(EventKind.SWEEP)
    assert (told.source, told.function, told.facts["targets"], told.facts["window_s"]) == (HOST, "arp", 8, 10)


def test_slow_questions_are_no_sweep():
    """One target a second and a half is normal."""
    seen = Seen().show(*(arp(1, HOST, f"10.0.0.{last}") for last in range(100, 130)), every_ns=3 * NS // 2)

    assert not seen.said(EventKind.SWEEP)


def test_what_cannot_be_is_told():
    """Too short, other kinds of addresses, no such operation."""
    good = arp(1, HOST, OTHER)
    seen = Seen().show(good[:30], good[:15] + b"\x09" + good[16:], good[:20] + b"\x01\x00" + good[22:])

    assert [each.facts["why"] for each in seen.said(EventKind.MALFORMED)] == ["truncated", "addresses", "operation"]


def test_an_address_that_is_not_given_yet_has_no_binding():
    """A probe (RFC 5227) claims nothing."""
    seen = Seen().show(arp(1, "0.0.0.0", HOST, hardware=mac(HOST)))

    assert not seen.said(EventKind.BINDING)


def test_a_storm_of_forged_bindings_is_bounded():
    """So many are told in a second; the rest is known by its rate."""
    frames = (arp(2, f"10.1.{number // 250}.{number % 250}", OTHER, hardware=mac(HOST)) for number in range(5000))
    seen = Seen().show(*frames, every_ns=NS // 100_000)

    assert len(seen.said(EventKind.BINDING)) <= MOST_TOLD
