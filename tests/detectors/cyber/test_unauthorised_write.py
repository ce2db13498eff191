"""Unauthorised write: rules allow, habit never does silently, and an engineer's window is info."""

import pytest
from sightings import ATTACKER, HMI, RELAY1, RELAY2, Bench, command

from detectors.model import Severity

WRITE = {"protocol": "modbus", "function": "16", "action": "write", "items": (10, 12)}
CONTROL = {"protocol": "modbus", "function": "5", "action": "control", "items": (3, 3)}
ALWAYS = (("2000-01-01", "2100-01-01"),)


def worst(bench):
    """Return the worst severity of what is active."""
    return max((each.severity for each in bench.alarms.values()), key=lambda each: each.rank, default=None)


@pytest.mark.parametrize(("told", "severity"), [(WRITE, Severity.WARNING), (CONTROL, Severity.CRITICAL)])
def test_what_no_rule_allows_is_told_at_once(told, severity):
    """Control from a stranger is critical and writing a warning, while everything is still being learned."""
    bench = Bench(masters=[HMI])
    bench.sees(command(ATTACKER, RELAY1, **told))

    [(name, finding)] = bench.alarms.items()
    assert name == f"relay1/{ATTACKER}-{RELAY1}-{told['action']}/unauthorised_write"
    assert (finding.severity, finding.technique[:3]) == (severity, "T08")


def test_a_master_may_write_and_control():
    """Whoever is listed as a master does its work without an alarm."""
    bench = Bench(masters=[HMI])
    bench.sees(command(HMI, RELAY1, **WRITE), command(HMI, RELAY2, **CONTROL))

    assert bench.alarms == {}


@pytest.mark.parametrize(
    ("target", "protocol", "items", "allowed"),
    [
        (RELAY1, "modbus", (10, 12), True),
        (RELAY1, "modbus", (10, 21), False),
        (RELAY1, "modbus", (9, 9), False),
        (RELAY1, "modbus", None, False),
        (RELAY1, "modbus", ("ten", "twelve"), False),
        (RELAY2, "modbus", (10, 12), False),
        (RELAY1, "dnp3", (10, 12), False),
    ],
)
def test_a_rule_is_for_its_target_protocol_and_points(target, protocol, items, allowed):
    """A rule allows what lies wholly within it; a command that does not say what it touches is not within it."""
    rule = {"source": HMI, "target": RELAY1, "protocol": "modbus", "actions": ["write"], "items": (10, 20)}
    bench = Bench(allow=[rule])
    bench.sees(command(HMI, target, **{**WRITE, "protocol": protocol, "items": items}))

    assert bool(bench.alarms) is not allowed


def test_without_a_rule_habit_is_told_and_never_silent():
    """Seen while learning it is info, once; a source that is new afterwards is a warning until somebody approves it."""
    bench = Bench()
    bench.sees(command(HMI, RELAY1, **CONTROL), command(HMI, RELAY1, **CONTROL))

    assert [each.severity for each in bench.said] == [Severity.INFO]

    bench.learned()
    bench.wait(400)
    said = bench.sees(command(HMI, RELAY1, **CONTROL))
    assert said == []

    bench.sees(command(ATTACKER, RELAY1, **CONTROL))
    assert worst(bench) is Severity.WARNING

    [waiting] = bench.cyber.baseline.waiting()
    bench.cyber.baseline.approve(waiting.check, waiting.key, by="op", now_ns=bench.now_ns)
    bench.wait(400)
    assert bench.sees(command(ATTACKER, RELAY1, **CONTROL)) == []


def test_known_for_writing_is_not_known_for_control():
    """What is learned is source, target, protocol and action."""
    bench = Bench()
    bench.learned(command(HMI, RELAY1, **WRITE))
    bench.wait(400)
    bench.sees(command(HMI, RELAY1, **CONTROL))
    bench.sees(command(HMI, RELAY1, **{**WRITE, "protocol": "dnp3"}))

    assert len(bench.warnings) == 2


def test_one_that_always_wrote_to_others_is_info():
    """A master sets each device now and then, not all of them in the first week."""
    bench = Bench()
    bench.learned(command(HMI, RELAY1, **WRITE))
    bench.wait(400)

    (found,) = bench.sees(command(HMI, RELAY2, **WRITE))
    assert found.severity is Severity.INFO


def test_an_engineer_in_a_maintenance_window_is_info():
    """The window is for engineering hosts only."""
    bench = Bench(masters=[HMI], engineering=["10.0.0.7"], maintenance=ALWAYS)
    bench.sees(command("10.0.0.7", RELAY1, **WRITE))
    assert worst(bench) is Severity.INFO

    bench.sees(command(ATTACKER, RELAY1, **WRITE))
    assert worst(bench) is Severity.WARNING


def test_a_session_is_judged_by_rules_only():
    """Opening a session changes nothing: without a rule it is not even info."""
    told = {"protocol": "opcua", "function": "461", "action": "session"}
    free, ruled = Bench(), Bench(masters=[HMI])
    free.sees(command(ATTACKER, RELAY1, **told))
    ruled.sees(command(ATTACKER, RELAY1, **told), command(HMI, RELAY1, **told))

    assert (free.alarms, len(ruled.alarms)) == ({}, 1)


def test_other_actions_are_other_checks():
    """Restarts and files are not told twice."""
    bench = Bench(masters=[HMI])
    for action in ("critical", "file", "program", "", None):
        bench.sees(command(ATTACKER, RELAY1, protocol="dnp3", function="13", action=action))

    assert [name for name in bench.alarms if name.endswith("unauthorised_write")] == []


def test_the_gateway_is_a_master_that_never_writes():
    """It sets the time and enables reports; a write from its address is somebody else's."""
    bench = Bench(own=[HMI], masters=["10.0.0.9"])
    for action in ("time", "config", "session"):
        bench.sees(command(HMI, RELAY1, protocol="dnp3", function="2", action=action))
    assert bench.alarms == {}

    bench.sees(command(HMI, RELAY1, **WRITE), command(HMI, RELAY1, **CONTROL))
    assert len(bench.warnings) == 2


def test_commands_that_are_told_as_a_number_are_a_warning():
    """Who drowns a command in a flood is told; a master that writes much in one second is not."""
    told = {"protocol": "modbus", "function": "", "action": "untold", "count": 300}
    bench = Bench(masters=[HMI])
    bench.sees(command(HMI, RELAY1, **told))
    assert bench.alarms == {}

    bench.sees(command(ATTACKER, RELAY1, **told), command("", "", **told))
    assert [each.severity for each in bench.alarms.values()] == [Severity.WARNING] * 2
