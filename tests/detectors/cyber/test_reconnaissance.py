"""Reconnaissance: asking what a device is, reading where nobody reads, being refused, and sweeping units."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import ATTACKER, HMI, RELAY1, Bench, exception, pair, query, sweep

from detectors.cyber.spans import SPANS_MAX, joined, parsed, told, within
from detectors.model import Severity


def reading(source, first, last, **facts):
    return query(source, RELAY1, protocol="modbus", function="3", action="read", items=(first, last), unit=1, **facts)


def discovery(source, function="43", what="device identification", **facts):
    return query(source, RELAY1, protocol="modbus", function=function, action="discover", what=what, **facts)


def refusal(client, code=2, **told):
    return exception(RELAY1, client, protocol="modbus", function="3", code=code, **told)


def units(source, targets):
    return sweep(source, RELAY1, protocol="modbus", function="unit", targets=targets, window_s=10)


@pytest.fixture
def bench():
    found = Bench(engineering=["10.0.0.9"], scanners=["10.2.0.1"], masters=["10.0.0.6"])
    normal = [
        reading(HMI, 0, 9),
        reading(HMI, 20, 29),
        discovery("10.0.0.8"),
        refusal(HMI),
        units("10.0.0.8", 20),
    ]
    found.learned(*normal, pair("10.0.0.2", RELAY1, live=True))
    return found


def test_asking_a_device_what_it_is_is_a_warning(bench):
    """With what was asked, and for an engineer the hint where an engineering tool belongs."""
    (found,) = bench.sees(discovery(ATTACKER))

    assert (found.severity, found.technique, found.device) == (Severity.WARNING, "T0888", "relay1")
    assert found.text == f"{ATTACKER} asks {RELAY1} what it is: device identification (modbus)"


def test_who_always_asked_who_may_and_we_ourselves_are_not_told(bench):
    """Learned, an engineering host, a scanner, a master by rule, and our own first browse, seen and told."""
    may = ("10.0.0.8", "10.0.0.9", "10.2.0.1", "10.0.0.6", "10.0.0.2")
    assert bench.sees(*map(discovery, may), discovery(ATTACKER, live=True)) == []


def test_reading_outside_the_map_is_a_warning(bench):
    """Within what is read here, anybody may read a part."""
    assert bench.sees(reading(HMI, 0, 9), reading(HMI, 22, 23), reading("10.0.0.6", 900, 909)) == []

    (found,) = bench.sees(reading(ATTACKER, 9, 10))
    assert (found.technique, found.severity) == ("T0861", Severity.WARNING)
    assert f"{ATTACKER} reads 9 to 10 of {RELAY1} unit 1 modbus function 3" in found.text


def test_one_that_always_read_it_and_reads_more_is_info(bench):
    """A master has more than one scan class, and an engineer adds points to it."""
    (found,) = bench.sees(reading(HMI, 9, 10))

    assert found.severity is Severity.INFO


def test_what_the_gateway_reads_itself_is_on_the_map(bench):
    """A point that is added to the configuration is read by us first."""
    assert bench.sees(reading("10.0.0.2", 500, 510), reading(HMI, 502, 503)) == []


def test_five_refusals_in_a_minute_are_a_warning_about_who_asked(bench):
    """What was refused ever since is a wrong setting of a master; who always explored the device may be refused."""
    known = [refusal(HMI, count=100), refusal("10.0.0.8", code=1, count=100)]
    assert bench.sees(*known, refusal(ATTACKER, count=4)) == []

    (found,) = bench.sees(refusal(ATTACKER, code=1))
    assert (found.subject, found.device) == (f"{ATTACKER}-{RELAY1}", "relay1")


def test_trying_units_is_a_warning_unless_it_always_was_so(bench):
    """A master that polls twenty units behind a converter does so every second."""
    assert bench.sees(units("10.0.0.8", 20), units(ATTACKER, 7)) == []
    assert [each.technique for each in bench.sees(units(ATTACKER, 8))] == ["T0888"]


def test_items_that_are_none_are_not_judged(bench):
    """A decoder that is wrong about what was read makes no alarm."""
    odd = [None, (5,), ("a", "b"), (9, 3), (-1, 4), (0, 2**40)]
    assert (
        bench.sees(*(query(HMI, RELAY1, protocol="modbus", function="3", action="read", items=each) for each in odd))
        == []
    )


stretches = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 500)), max_size=60)


@given(stretches)
def test_a_map_holds_all_that_was_read_in_little_room(found):
    """Whatever is read is inside afterwards, and the text of it fits into a fact and means the same."""
    spans = ()
    for first, length in found:
        spans = joined(spans, first, first + length)

    assert all(within(spans, first, first + length) for first, length in found)
    assert len(spans) <= SPANS_MAX
    assert len(told(spans)) <= 256
    assert [*parsed(told(spans))] == [*spans]


@given(st.text(max_size=300))
def test_a_map_that_somebody_else_wrote_is_none(text):
    """A file that was edited by hand breaks nothing."""
    assert all(isinstance(number, int) for span in parsed(text) for number in span)


def test_groups_of_dnp3_have_maps_of_their_own():
    """Binary inputs 0 to 99 make analog inputs 50 to 60 no habit; another variation of the same is."""
    reads = partial(query, HMI, RELAY1, protocol="dnp3", function="1", action="read", outstation=10)
    bench = Bench(only="reconnaissance")
    bench.learned(reads(what="g1v2", items=(0, 99)), reads(what="g30v1", items=(0, 9)))

    assert bench.sees(reads(what="g1v1", items=(50, 60)), reads(what="g30v5", items=(0, 9))) == []
    (found,) = bench.sees(reads(what="g30v1", items=(50, 60)))
    assert f"reads 50 to 60 of {RELAY1} outstation 10 g30 dnp3 function 1" in found.text
