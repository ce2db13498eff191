"""Checks of our own conversations: who a device says it is, how fast it answers, what it refuses, its clock."""

from functools import partial

import numpy as np
import pytest
from sightings import Bench, clock, exception, identity, orphan, round_trip

from detectors.model import Severity
from protocols.model import Batch, Tick

NS = 1_000_000_000
says = partial(identity, device="relay1", live=True, function="revision")
refuses = partial(exception, device="relay1", live=True, function="3", detail="exception 4, device failure", code=4)
strange = partial(orphan, device="relay1", live=True, detail="unit 9 answers unit 1", why="unit")
offset = partial(clock, device="relay1", live=True)


def poll(bench, *values, device=0):
    """Let a poll of relay1 or relay2 bring two values."""
    rows = np.array([2 * device, 2 * device + 1], np.int32)
    times = np.full(2, bench.now_ns)
    bench.shows(Batch(rows, np.array(values or (1.0, 2.0)), np.zeros(2, np.uint16), times, bench.now_ns))


def trip(bench, median_ms, *, function="0"):
    """Let ten polls pass, with this median."""
    bench.wait(10, step_s=10)
    bench.sees(round_trip(device="relay1", live=True, function=function, median_ms=median_ms, count=10))


def test_another_firmware():
    """It is told with what was there before, waits for approval, and is normal then."""
    bench = Bench()
    bench.learned(says(value="v1"))
    bench.sees(says(value="v2"))

    assert bench.warnings == ["relay1/revision/identity_change"]
    alarm = bench.alarms["relay1/revision/identity_change"]
    assert (alarm.technique, alarm.evidence["was"], alarm.evidence["value"]) == ("T0857", "v1", "v2")
    bench.cyber.baseline.approve("identity_change", "relay1 revision", by="anna", now_ns=bench.now_ns)
    bench.wait(301)
    bench.sees(says(value="v2"))
    assert not bench.alarms


def test_a_device_that_tells_who_it_is_for_the_first_time():
    """Whenever it is added, and however often it says the same, it is no change."""
    bench = Bench()
    bench.learned()
    for _ in range(5):
        bench.sees(says(value="v1"), says(function="vendor", value="ABB"))
        bench.wait(10)

    assert not bench.said


def test_an_update_while_everything_is_learned_is_a_note():
    """It is told, as the first week is when nobody knows yet what is normal, but warns nobody."""
    bench = Bench()
    bench.sees(says(value="v1"), says(value="v2"))

    assert [*bench.alarms] == ["relay1/revision/identity_change"]
    assert not bench.warnings


@pytest.mark.parametrize(("shift_ms", "told"), [(5.0, True), (-5.0, True), (2.0, False)])
def test_round_trips_that_shift(shift_ms, told):
    """By more than 3 ms where they are steady, in either direction, twice in a row."""
    bench = Bench()
    for turn in range(30):
        trip(bench, 10.0 + 0.1 * (turn % 3))
    for _ in range(3):
        trip(bench, 10.0 + shift_ms)

    assert bool(bench.warnings) is told
    assert all(each.kind == "rtt_shift" and each.technique == "T0830" for each in bench.said)


def test_a_slow_stretch_and_a_noisy_device():
    """One slow median is a busy switch; of a device whose times vary more, more is normal."""
    bench = Bench()
    for turn in range(30):
        trip(bench, 10.0)
        trip(bench, 40.0 + 4 * (turn % 5), function="1")
    trip(bench, 60.0)
    trip(bench, 10.0)
    for turn in range(10):
        trip(bench, 38.0 + 4 * (turn % 6), function="1")

    assert not bench.said


@pytest.mark.parametrize("learned", [True, False])
def test_a_network_that_is_slower_by_day(learned):
    """What changes over hours is followed, also past the 3 ms; one who steps in between is found at any hour."""
    bench = Bench(learn_s=3e7)
    for turn in range(400):
        trip(bench, 20.0 + 0.5 * (turn % 3))
    if learned:
        bench.cyber.baseline.freeze()
    for turn in range(1000):
        trip(bench, 20.0 + 4.5 * turn / 1000 + 0.5 * (turn % 3))
    assert not bench.said

    for _ in range(2):
        trip(bench, 30.0)
    assert bench.warnings == ["relay1/0/rtt_shift"]


def test_nobody_leads_a_baseline_away():
    """Somebody who becomes slower little by little is found when he is as far off as two steps."""
    bench = Bench()
    for turn in range(30):
        trip(bench, 10.0 + 0.1 * (turn % 3))
    bench.cyber.baseline.freeze()
    for turn in range(2000):
        trip(bench, 10.0 + 12.0 * turn / 2000)

    assert bench.warnings == ["relay1/0/rtt_shift"]


def test_a_shift_that_is_approved():
    """The new time is normal from then on, and going back is a shift again."""
    bench = Bench()
    for _ in range(30):
        trip(bench, 10.0)
    for _ in range(2):
        trip(bench, 25.0)
    assert bench.warnings == ["relay1/0/rtt_shift"]

    bench.cyber.baseline.approve("rtt_shift", "relay1 0", by="anna", now_ns=bench.now_ns)
    for _ in range(31):
        trip(bench, 25.0)
    assert not bench.alarms
    for _ in range(2):
        trip(bench, 10.0)
    assert bench.warnings == ["relay1/0/rtt_shift"]


def test_a_baseline_of_round_trips_survives_a_restart():
    """What was learned is compared at once."""
    bench = Bench()
    for _ in range(30):
        trip(bench, 10.0)
    bench.restart()
    for _ in range(2):
        trip(bench, 25.0)

    assert bench.warnings == ["relay1/0/rtt_shift"]


def test_another_unit_answers_again_and_again():
    """Three of five polls are no mix-up any more."""
    bench = Bench()
    bench.learned()
    for _ in range(3):
        poll(bench)
        bench.sees(strange())

    assert "relay1/unit/wrong_unit_or_exception" in bench.warnings


def test_a_mix_up_now_and_then():
    """Two of five, or one in four for ever, is a gateway that mixes up units; late answers are slow, not wrong."""
    bench = Bench(checks={"orphan_response": "off"})
    bench.learned()
    for _ in range(20):
        bench.sees(strange(), strange(why="late"), strange(why="late"), strange(why="late"))
        for _ in range(3):
            poll(bench)

    assert not bench.said


def test_an_exception_that_is_new():
    """Told when three of five polls have it; one that was there while all was learned is normal."""
    bench = Bench()
    for _ in range(3):
        bench.sees(refuses())
        poll(bench)
    bench.learned()
    for _ in range(3):
        bench.sees(refuses(), refuses(code=2, detail="exception 2, illegal data address"))
        poll(bench)

    assert bench.warnings == ["relay1/function 3 exception 2/wrong_unit_or_exception"]


def test_many_refusals_in_one_poll_are_one():
    """A device that is busy once refuses every block of that poll; the others on the line do not make it worse."""
    bench = Bench()
    bench.learned()
    bench.sees(*[refuses()] * 10)
    poll(bench)
    for _ in range(10):
        poll(bench, device=1)

    assert not bench.said


def test_a_clock_that_jumps_ahead_and_one_that_falls_back():
    """Ahead is believed at once, as no event comes before it happens; behind when three messages say so."""
    bench = Bench()
    for _ in range(5):
        bench.sees(offset(offset_s=-0.3))
    bench.sees(offset(offset_s=59.8))
    assert bench.alarms["relay1/clock_jump"].evidence["step_s"] == pytest.approx(60.1, abs=0.3)

    bench.wait(301)
    bench.sees(*[offset(offset_s=-0.4)] * 2)
    assert not bench.alarms
    bench.sees(offset(offset_s=-0.2))
    assert bench.alarms["relay1/clock_jump"].evidence["step_s"] == pytest.approx(-60.0, abs=0.5)


def test_a_clock_that_is_months_off_drifts_and_sends_old_events():
    """The offset is learned, however large; drift is followed; one old event after an outage is no jump."""
    bench = Bench()
    months_s = -8 * 30 * 86_400.0
    for turn in range(200):
        bench.sees(offset(offset_s=months_s + 0.05 * turn))
    bench.sees(offset(offset_s=months_s - 3600), offset(offset_s=months_s + 10.0))

    assert not bench.said


def test_the_first_events_of_a_device_have_waited():
    """They say nothing of its clock; the next ones do, and what is ahead of those is a jump."""
    bench = Bench()
    bench.shows(Tick(bench.now_ns, synchronised=True))
    bench.sees(offset(offset_s=-3600.0), offset(offset_s=-0.1))
    assert not bench.said

    bench.sees(offset(offset_s=9.9))
    assert bench.alarms["relay1/clock_jump"].evidence["step_s"] == pytest.approx(10.0, abs=0.1)


def test_our_own_clock_is_set():
    """All devices seem to step the other way: none of them did."""
    bench = Bench()
    bench.sees(offset(offset_s=0.0))
    bench.shows(Tick(bench.now_ns, stepped_ns=-30 * NS, synchronised=True))
    bench.sees(offset(offset_s=30.0), offset(offset_s=30.0))
    assert not bench.said

    bench.sees(offset(offset_s=40.0))
    assert bench.alarms["relay1/clock_jump"].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("down_s", "after_s", "steps"),
    [(60, 0.5, 0), (60, 3600.0, 1), (60, -3600.0, 1), (86400 * 30, 90.0, 0), (86400 * 30, 200.0, 1)],
)
def test_a_clock_that_steps_while_the_gateway_is_down(down_s, after_s, steps):
    """It is found with the first messages, but for what a clock that runs free may drift."""
    bench = Bench()
    bench.shows(Tick(bench.now_ns, synchronised=True))
    bench.sees(*[offset(offset_s=0.3)] * 3)
    bench.restart()
    bench.now_ns += down_s * NS
    bench.shows(Tick(bench.now_ns, synchronised=True))
    bench.sees(*[offset(offset_s=after_s)] * 3)

    assert len(bench.alarms) == steps
    bench.sees(*[offset(offset_s=after_s)] * 3)
    assert sum(each.active for each in bench.said) == steps


def test_a_gateway_that_starts_without_the_time():
    """All offsets are as wrong as its own clock; once that is set they are what they were."""
    bench = Bench()
    bench.shows(Tick(bench.now_ns, synchronised=True))
    bench.sees(offset(offset_s=0.3))
    bench.restart()
    bench.sees(offset(offset_s=5e7), offset(offset_s=5e7))
    bench.shows(Tick(bench.now_ns, stepped_ns=int(5e7 * NS), synchronised=True))
    bench.sees(offset(offset_s=0.4), offset(offset_s=0.4))

    assert bench.said == []
    assert bench.cyber.baseline.value("clock_jump", "relay1") == "+0.4 s"
