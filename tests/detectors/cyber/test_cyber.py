"""All cyber checks together: what is configured looks, a flood of spoofed addresses costs little and says little."""

import pickle
from dataclasses import replace

from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from sightings import (
    ATTACKER,
    HMI,
    RELAY1,
    Bench,
    binding,
    command,
    exception,
    malformed,
    orphan,
    pair,
    query,
    rate,
    seen,
    sweep,
    talker,
)  # fmt: skip

from detectors.cyber.check import OWN_MAX, SHOWN_MAX
from detectors.cyber.checks import CHECKS
from detectors.cyber.config import CyberConfig
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

LITTLE_BYTES = 20_000
"""What a second flood of the same size may add to what the first one left: rounding, not growth."""
MOST_ALARMS = 100


def flood(bench, first, number):
    """Show what the tap says of spoofed addresses that ask, write and forge, each once, and let seconds pass."""
    for n in range(first, first + number):
        source, mac = (
            f"{11 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.9",
            f"02:00:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
        )
        bench.sees(
            talker(source, mac), pair(source, RELAY1, answered=n % 2 == 0), rate(source, RELAY1, per_s=9e3),
            sweep(source, function="tcp", targets=99), binding(RELAY1, mac, "02:00:00:00:00:11", count=2),
            malformed(source, RELAY1, why="length", protocol="modbus", count=9),
            orphan(source, RELAY1, why="unit", protocol="modbus"),
            query(source, RELAY1, action="discover", function="43", protocol="modbus"),
            query(source, RELAY1, action="read", function="3", protocol="modbus", items=(n % 60000, n % 60000 + 1)),
            exception(RELAY1, source, code=2, function="3", protocol="modbus", count=9),
            command(source, RELAY1, action="control", function="5", protocol="modbus"),
        )  # fmt: skip
        if n % 100 == 0:
            bench.wait(1)


def test_two_floods_of_spoofed_addresses_are_few_alarms_and_cost_no_memory():
    """Every address is new and does everything; the second flood finds all that is kept at its bounds."""
    bench = Bench()
    bench.learned(talker(HMI), pair(HMI, RELAY1))
    flood(bench, 0, 1200)
    before = len(pickle.dumps(bench.cyber))
    bench.said.clear()
    flood(bench, 1200, 1200)

    assert len(pickle.dumps(bench.cyber)) < before + LITTLE_BYTES
    assert len(bench.said) == 0
    assert len(bench.alarms) <= 17 * len(CHECKS)


def test_a_flood_of_strangers_and_their_attempts_is_below_a_hundred_alarms():
    """What 200,000 spoofed addresses make the tap say: some strangers, how many more, attempts, rates and sweeps."""
    bench = Bench()
    bench.learned(talker(HMI), pair(HMI, RELAY1))
    for n in range(600):
        source = f"12.{n >> 8}.{n & 255}.9"
        bench.sees(talker(source), pair(source, RELAY1, answered=False), sweep(source, function="arp", targets=9))
        bench.sees(talker("", "", count=350), rate("", RELAY1, per_s=3e4))
        bench.wait(1)

    assert 20 < sum(each.active for each in bench.said) <= MOST_ALARMS


def test_a_check_that_is_off_says_nothing_and_a_word_decides_how_bad_it_is():
    """The key `checks` has the last word."""
    bench = Bench(checks={"new_talker": "off", "new_pair": "critical"})
    bench.learned(talker(HMI), pair(HMI, RELAY1))

    found = bench.sees(talker(ATTACKER), pair(ATTACKER, RELAY1))
    assert [(each.kind, each.severity) for each in found] == [("new_pair", Severity.CRITICAL)]


def test_what_happened_before_a_restart_goes_on_and_ends_after_it():
    """The alarm is the same, is not said twice, and returns when it was quiet; what is off by then is not taken up."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    bench.sees(pair(ATTACKER, RELAY1))
    name = f"relay1/{ATTACKER}-{RELAY1}/new_pair"
    assert list(bench.alarms) == [name]

    bench.restart()
    assert bench.sees(pair(ATTACKER, RELAY1)) == []
    (over,) = bench.wait(301)
    assert (over.active, bench.alarms) == (False, {})
    assert Bench(checks={"new_pair": "off"}).cyber.resume([replace(over, active=True)]) == []


def test_the_device_is_the_one_of_the_address_and_else_the_tap():
    """The target first, then the source; a device of the same address as another counts for the first."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    bench.sees(pair(ATTACKER, RELAY1), pair(RELAY1, ATTACKER, 80), pair(ATTACKER, HMI))

    assert [each.device for each in bench.said] == ["relay1", "relay1", "tap1"]


def test_what_strangers_say_of_themselves_is_cut_and_printable():
    """An alarm is one line of text whatever came from the wire."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    evil = "\x1b[31m<script>\n" + "x" * 5000

    (found,) = bench.sees(query(ATTACKER, RELAY1, action="discover", protocol="mms", function=evil, what=evil))
    shown = [found.text, found.subject, *(each for each in found.evidence.values() if isinstance(each, str))]
    assert all(each.isprintable() and len(each) <= SHOWN_MAX for each in shown)


def test_our_own_addresses_are_few():
    """Whatever a driver says it talks from."""
    bench = Bench()
    bench.sees(*(pair(f"10.5.{n >> 8}.{n & 255}", RELAY1, live=True) for n in range(OWN_MAX * 3)))

    assert len(bench.cyber.desk.own) == OWN_MAX


def test_how_far_the_learning_is_can_be_asked():
    """Each check that has learned something, from 0 to 1."""
    bench = Bench()
    bench.sees(talker(HMI), Event("relay1", EventKind.CONNECTED, "", 0))
    bench.wait(30)
    assert [(each.subject, each.state, round(each.share, 1)) for each in bench.cyber.learned()] == [
        ("new_talker", "learning", 0.5)
    ]

    bench.wait(31)
    assert [each.state for each in bench.cyber.learned()] == ["ready"]
    assert [each.state for each in Bench(learning="frozen").cyber.learned()] == []


kinds = st.sampled_from([*EventKind])
words = st.text(max_size=12) | st.sampled_from([HMI, RELAY1, ATTACKER, "syn", "read", "discover", "arp", "unit", "new"])
NUMBERS = (
    "targets",
    "answered",
    "per_s",
    "dropped",
    "of",
    "median_ms",
    "count",
    "offset_s",
    "window_s",
    "st",
    "sq",
    "conf_rev",
)
TEXTS = ("mac", "ip", "was", "sender", "opened", "action", "what", "why", "value", "class", "dataset", "version")
OTHERS = {
    "items": st.tuples(st.integers(), st.integers()) | st.none(),
    "code": st.integers() | words,
    "edge": st.booleans(),
}
facts = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NUMBERS, st.integers(-(2**40), 2**40) | st.floats()), **dict.fromkeys(TEXTS, words), **OTHERS,
    },
)  # fmt: skip


@examples(25)
@given(st.lists(st.tuples(kinds, words, words, words, st.integers(0, 70_000), facts, st.booleans()), max_size=30))
def test_no_sighting_breaks_a_check(events):
    """Whatever a decoder or a driver tells, with any facts of their type or none: it is judged or left out."""
    bench = Bench(learn_s=0)
    for kind, source, target, function, port, told, live in events:
        bench.sees(Sighting("tap1", kind, function, 0, source=source, target=target, port=port, function=function,
                            protocol=function, facts=told, live=live))  # fmt: skip
        bench.sees(Event("relay1", kind, function, 0))
    bench.wait(301, step_s=301)


def test_every_check_has_its_words():
    """A name of its own, a technique of MITRE ATT&CK for ICS, what to do, and something to look at."""
    assert len({each.NAME for each in CHECKS}) == len(CHECKS)
    for each in CHECKS:
        assert each.TECHNIQUES
        assert all(word[:2] == "T0" and len(word) == 5 for word in each.TECHNIQUES)
        assert len(each.ADVICE) > 20
        assert each.KINDS or each.BATCHES or each.MOVES
    assert [*CHECKS] == sorted(CHECKS, key=lambda each: each.__name__)


def test_a_rate_of_nobody_says_nothing():
    """Sightings without parties or facts are left out."""
    bench = Bench()
    bench.learned()

    assert bench.sees(seen(EventKind.RATE), seen(EventKind.TALKER, count=0), seen(EventKind.SECURITY)) == []
    assert CyberConfig().identity() == "cyber"
