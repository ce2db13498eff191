"""GOOSE state: somebody who speaks along is found; the habits of relays, restarts and single slips are none."""

from dataclasses import replace

import pytest
from sightings import NS, Bench, drops, publisher

from detectors.model import Severity
from protocols.model import Tick

REF = "BAY1PROT/LLN0$GO$gcb_trip"
RELAY, SWITCH, STRANGER = "02:00:00:00:00:11", "01:0c:cd:01:00:01", "02:00:00:00:00:66"
NAMES = {"app_id": 0x3101, "dataset": "BAY1PROT/LLN0$ds", "go_id": "trip", "conf_rev": 1}
ALARM = "tap1/BAY1PROT.LLN0$GO$gcb_trip/goose_state"


def goose(function, source=RELAY, **told):
    facts = {"st": 4, "sq": 8, "was": "4/7", "silent_s": 1.0, "ref": REF, **told}
    return publisher(source, SWITCH, f"{REF}: {function}", protocol="goose", function=function, **facts)


@pytest.fixture
def bench():
    """Return a bench that knows the relay, which reuses the time of a state."""
    bench = Bench(only="goose_state")
    bench.learned(goose("new", **NAMES), *[goose("t_reused", st=5, sq=0) for _ in range(3)])
    return bench


def test_a_state_change_is_no_alarm(bench):
    """That is what GOOSE is for."""
    bench.sees(*[goose("state", st=4 + n, sq=0, changed=((0, False, True),)) for n in range(50)])

    assert bench.alarms == {}


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("st_back", {"st": 1, "sq": 0, "was": "3/70"}),
        ("st_jump", {"st": 9, "sq": 0, "was": "3/70"}),
        ("sq_back", {"st": 4, "sq": 0, "was": "4/70"}),
        ("sq_back", {"st": 4, "sq": 69, "was": "4/70", "changed": ((0, False, True),)}),
        ("new_source", {"source": STRANGER, "was": RELAY, "alive": True}),
    ],
)
def test_who_speaks_along_is_critical_and_never_learned(function, told, learned):
    """Numbers that go back or jump, and a second source, are told at once, while learning too."""
    bench = Bench(only="goose_state")
    bench.sees(goose("new", **NAMES))
    if learned:
        bench.learned(*[goose(function, **told) for _ in range(9)])
        bench.wait(400)
    assert [name for name in bench.alarms if learned] == []

    bench.sees(goose(function, **told))
    assert [(name, each.severity) for name, each in bench.alarms.items()] == [(ALARM, Severity.CRITICAL)]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("sq_jump", {"sq": 40, "was": "4/7"}),
        ("sq_jump", {"st": 5, "sq": 40, "was": "4/7"}),
        ("sq_double", {"sq": 7, "was": "4/7", "changed": ((0, False, True),)}),
        ("data_without_st", {"changed": ((0, False, True),)}),
        ("t_without_st", {}),
        ("st_without_data", {"st": 5, "sq": 0, "was": "4/7"}),
    ],
)
def test_what_is_no_habit_is_a_warning(bench, function, told):
    """An oddity that the relay never had is told; the one that it always had is not."""
    bench.sees(goose("t_reused", st=5, sq=0))
    assert bench.alarms == {}

    bench.sees(goose(function, **told))
    assert [(name, each.severity) for name, each in bench.alarms.items()] == [(ALARM, Severity.WARNING)]


def test_a_habit_is_what_was_seen_often(bench):
    """One slip in the time of learning is no habit, and those of one relay are not those of another."""
    bench = Bench(only="goose_state")
    other = {"ref": "BAY2PROT/LLN0$GO$gcb_trip"}
    bench.learned(goose("new", **NAMES), goose("t_without_st"), goose("new", **NAMES, **other))
    bench.sees(goose("t_without_st"), goose("t_reused", st=5, **other))

    assert len(bench.warnings) == 2


def test_a_make_has_its_habits():
    """What relays of one make did often, one that had no occasion to will do too; of another make it is told."""
    bench, oddity = Bench(only="goose_state"), "data_without_st"
    refs = {f"BAY{n}/LLN0$GO$x": f"00:30:a7:00:00:0{n}" for n in range(1, 5)} | {"BAY9/LLN0$GO$x": "00:21:c1:00:00:09"}
    bench.sees(*[goose("new", source=mac, **{**NAMES, "ref": ref}) for ref, mac in refs.items()])
    bench.learned(*[goose(oddity, source=mac, ref=ref) for ref, mac in [*refs.items()][:3]])
    bench.sees(*[goose(oddity, source=mac, ref=ref) for ref, mac in [*refs.items()][:4]])
    assert bench.alarms == {}

    bench.sees(goose(oddity, source="00:21:c1:00:00:09", ref="BAY9/LLN0$GO$x"))
    assert bench.warnings == ["tap1/BAY9.LLN0$GO$x/goose_state"]


@pytest.mark.parametrize("function", ["sq_jump", "st_jump", "expired"])
def test_a_wire_that_is_silent_holds_nobody_back(bench, function):
    """Publishers of a switch that restarts miss nothing; soon after it they are judged again."""
    bench.sees(drops(silent_s=70), goose(function, st=9, sq=90, was="4/7"))
    assert ALARM not in bench.alarms

    bench.wait(11)
    bench.sees(goose(function, st=9, sq=90, was="4/7"))
    assert ALARM in bench.alarms


def test_a_habit_outlives_a_restart_of_the_gateway(bench):
    """It is kept with all that is normal, and may be approved."""
    bench.restart()
    bench.sees(goose("new", **NAMES), goose("t_reused", st=5))
    assert bench.alarms == {}

    bench.sees(goose("t_without_st"))
    [waiting] = bench.cyber.baseline.waiting()
    bench.cyber.baseline.approve(waiting.check, waiting.key, by="op", now_ns=bench.now_ns)
    bench.wait(400)
    bench.sees(goose("t_without_st"), goose("t_reused", st=5))
    assert bench.alarms == {}


@pytest.mark.parametrize("function", ["sq_jump", "sq_double", "sq_back"])
def test_a_network_slips_now_and_then(bench, function):
    """A message that was lost, doubled or swapped is nothing; three in a minute are."""
    slip = goose(function, sq={"sq_jump": 9, "sq_double": 7, "sq_back": 6}[function])
    for _ in range(5):
        bench.sees(slip)
        bench.wait(61)
    assert bench.alarms == {}

    bench.sees(slip, slip, slip)
    assert list(bench.alarms) == [ALARM]


def test_a_relay_restarts(bench):
    """After a long silence it begins with its first state: info; without the silence it is somebody else."""
    bench.sees(goose("st_back", st=1, sq=0, was="9/70", silent_s=42.0))
    assert [each.severity for each in bench.alarms.values()] == [Severity.INFO]

    bench.sees(goose("st_back", st=1, sq=0, was="9/70", silent_s=0.4))
    assert [each.severity for each in bench.alarms.values()] == [Severity.CRITICAL]


def test_silence_once_is_info_and_twice_a_warning(bench):
    """A publisher that is switched off falls silent once; one that is held back does so again and again."""
    bench.sees(goose("expired", silent_s=4.0))
    assert [each.severity for each in bench.alarms.values()] == [Severity.INFO]

    bench.wait(120)
    bench.sees(goose("expired", silent_s=4.0))
    assert [each.severity for each in bench.alarms.values()] == [Severity.WARNING]


@pytest.mark.parametrize("function", ["sq_jump", "st_jump", "expired"])
def test_gaps_of_the_capture_are_not_those_of_the_publisher(bench, function):
    """Not after frames were lost here."""
    bench.sees(drops(dropped=100, of=1000), goose(function, st=9, sq=90, was="4/7"))
    assert ALARM not in bench.alarms

    bench.wait(11)
    bench.sees(goose(function, st=9, sq=90, was="4/7"))
    assert ALARM in bench.alarms


def test_another_configuration_waits_for_approval(bench):
    """Another confRev, data set or identifier is a warning; in a maintenance window it is info."""
    changed = goose("conf_rev", **{**NAMES, "conf_rev": 2, "value": "2", "was": "1"})
    bench.sees(changed)
    assert bench.warnings == [ALARM]

    bench.wait(400)
    bench.sees(goose("conf_rev", **{**NAMES, "value": "1", "was": "2"}))
    assert bench.alarms == {}

    open_window = Bench(only="goose_state", maintenance=(("2000-01-01", "2100-01-01"),))
    open_window.learned(goose("new", **NAMES))
    open_window.sees(changed)
    assert [each.severity for each in open_window.alarms.values()] == [Severity.INFO]


def test_a_publisher_that_was_not_here_is_a_warning(bench):
    """It waits for approval like a new talker; one that is known is nothing new after a restart of the gateway."""
    bench.sees(goose("new", **NAMES))
    assert bench.alarms == {}

    bench.sees(goose("new", ref="BAY9/LLN0$GO$x", source=STRANGER, **NAMES))
    assert bench.warnings == ["tap1/BAY9.LLN0$GO$x/goose_state"]


def test_another_source_that_was_approved_is_normal(bench):
    """A relay that was exchanged has another address: a warning when the old one is silent, until it is approved."""
    bench.sees(goose("new", source=STRANGER, **NAMES))
    assert [each.severity for each in bench.alarms.values()] == [Severity.WARNING]

    [waiting] = bench.cyber.baseline.waiting()
    bench.cyber.baseline.approve(waiting.check, waiting.key, by="op", now_ns=bench.now_ns)
    bench.wait(400)
    bench.sees(goose("new", source=STRANGER, **NAMES), goose("new_source", source=STRANGER, alive=True, was=RELAY))
    assert bench.alarms == {}


def test_a_flood_of_invented_publishers_is_a_few_alarms(bench):
    """Whatever invents control blocks, the number of alarms has a bound."""
    for n in range(2000):
        bench.sees(goose("new", ref=f"X{n}/LLN0$GO$x", source=STRANGER, **NAMES))

    assert len(bench.alarms) <= 17


def test_what_waited_in_the_ring_while_learning_began_is_learned():
    """A frame that is older than the first word of the other view was there before it, and is no stranger's."""
    bench = Bench(only="goose_state")
    first = goose("new", **NAMES)
    bench.cyber.observe(replace(first, time_ns=bench.now_ns))
    bench.cyber.baseline.begin("own", bench.now_ns + NS)
    bench.cyber.observe(Tick(bench.now_ns + 2 * NS))
    said = bench.cyber.observe(replace(goose("new", ref="OTHER/LLN0$GO$gcb"), time_ns=bench.now_ns + NS // 2))

    assert list(said) == []
