"""Flood: ten times the usual rate for three seconds on end is told; a burst, the usual load and our own polling not."""

from hypothesis import given
from hypothesis import strategies as st
from sightings import ATTACKER, HMI, RELAY1, Bench, pair, rate

from detectors.cyber.flood import LEAST_PER_S, PAIRS_MAX, Flood, estimate


def seconds(bench, source, *rates):
    """Show the rates of a source to relay1, one a second; return the seconds in which something was said."""
    said = []
    for second, per_s in enumerate(rates):
        if bench.sees(rate(source, RELAY1, protocol="ip", per_s=float(per_s))):
            said.append(second)
        bench.wait(1)
    return said


def test_three_seconds_above_a_hundred_are_a_flood_of_a_stranger():
    """A pair that was never busy floods from a hundred frames a second on, in the third second."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert seconds(bench, ATTACKER, 5000, 5000, 5000) == [2]
    assert bench.alarms[f"relay1/{ATTACKER}-{RELAY1}/flood"].technique == "T0814"


def test_a_host_that_catches_up_for_two_seconds_is_none():
    """A burst, a pause and another burst are not in a row."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert seconds(bench, HMI, 500, 500, 50, 500, 500, 99, 99, 99) == []
    bench.sees(rate(HMI, RELAY1, per_s=500.0))
    bench.wait(5)
    assert seconds(bench, HMI, 500, 500) == []


def test_ten_times_the_usual_rate_is_the_limit_of_a_pair_that_is_always_busy():
    """A pair of two hundred a second may go to two thousand."""
    bench = Bench()
    seconds(bench, HMI, *[200] * 50)
    bench.learned()

    assert seconds(bench, HMI, *[1900] * 5) == []
    assert seconds(bench, HMI, *[2100] * 3) == [2]


def test_what_the_gateway_sends_is_not_judged():
    """Our own polling is what the configuration says it is."""
    bench = Bench()
    bench.learned(pair("10.0.0.2", RELAY1, live=True))

    assert seconds(bench, "10.0.0.2", *[900] * 5) == []


def test_a_flood_from_many_spoofed_addresses_is_seen_at_its_target():
    """The tap tells it without a source."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert seconds(bench, "", *[30_000] * 3) == [2]
    assert "many sends 10.0.0.11 30000 frames a second" in bench.said[-1].text


def test_it_watches_a_fixed_number_of_pairs():
    """Floods between ever new pairs cost no memory."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    (check,) = (each for each in bench.cyber.checks if isinstance(each, Flood))
    bench.sees(*(rate(f"10.9.{n >> 8}.{n & 255}", RELAY1, per_s=9999.0) for n in range(PAIRS_MAX + 100)))

    assert len(check._above) == PAIRS_MAX


@given(st.lists(st.floats(10, 1000), min_size=50, max_size=50), st.integers(1, 100))
def test_the_estimate_stays_among_what_was_seen(values, scale):
    """It never leaves the range of the rates by more than a step, so one pair cannot open its limit to anything."""
    found = 0.0
    for value in values:
        found = estimate(found, value * scale)

    assert 0.9 * min(values) * scale <= found <= 1.1 * max(values) * scale


def test_the_estimate_comes_to_rest_where_one_of_a_hundred_is_above():
    """Of an even spread from 100 to 200, the 99th percentile is 199."""
    found = 0.0
    for n in range(20_000):
        found = estimate(found, 100 + (n * 37) % 100)

    assert 180 < found < 220
    assert LEAST_PER_S == 100
