"""Critical functions, files and programs: how bad it is depends on who does it and when."""

import pytest
from sightings import ATTACKER, HMI, RELAY1, Bench, command

from detectors.model import Severity

ENGINEER = "10.0.0.7"
ALWAYS = (("2000-01-01", "2100-01-01"),)
COLD_RESTART = {"protocol": "dnp3", "function": "13", "action": "critical", "detail": "cold restart"}
CASES = (
    ("critical_function", "T0816", COLD_RESTART),
    ("critical_function", "T0881", {"protocol": "mms", "function": "40", "action": "critical", "what": "stop"}),
    (
        "critical_function",
        "T0804",
        {"protocol": "modbus", "function": "8", "action": "critical", "what": "listen only"},
    ),
    ("file_or_program", "T0893", {"protocol": "dnp3", "function": "25", "action": "file", "detail": "open file"}),
    ("file_or_program", "T0809", {"protocol": "mms", "function": "76", "action": "file", "what": "delete"}),
    ("file_or_program", "T0843", {"protocol": "modbus", "function": "90", "action": "program"}),
)


@pytest.mark.parametrize(("kind", "technique", "told"), CASES)
def test_anybody_else_is_critical_and_an_engineer_is_not(kind, technique, told):
    """An engineering host is a warning outside of a maintenance window and info within it."""
    for source, policy, severity in (
        (ATTACKER, {}, Severity.CRITICAL),
        (ATTACKER, {"maintenance": ALWAYS, "engineering": [ENGINEER]}, Severity.CRITICAL),
        (HMI, {"masters": [HMI]}, Severity.CRITICAL),
        (ENGINEER, {"engineering": [ENGINEER]}, Severity.WARNING),
        (ENGINEER, {"maintenance": ALWAYS, "engineering": [ENGINEER]}, Severity.INFO),
    ):
        bench = Bench(**policy)
        bench.sees(command(source, RELAY1, **told))

        [(name, finding)] = bench.alarms.items()
        assert name == f"relay1/{source}-{RELAY1}/{kind}"
        assert (finding.severity, finding.technique) == (severity, technique)


def test_it_is_never_learned():
    """What was done while learning is as bad afterwards."""
    bench = Bench()
    bench.learned(command(ATTACKER, RELAY1, **COLD_RESTART))
    bench.wait(400)
    assert bench.alarms == {}

    bench.sees(command(ATTACKER, RELAY1, **COLD_RESTART))
    assert [each.severity for each in bench.alarms.values()] == [Severity.CRITICAL]


def test_a_rule_makes_it_info():
    """A station computer that fetches disturbance records is allowed to, and still seen."""
    bench = Bench(allow=[{"source": HMI, "target": RELAY1, "protocol": "mms", "actions": ["file"]}])
    bench.sees(command(HMI, RELAY1, protocol="mms", function="72", action="file"))
    assert bench.warnings == []

    bench.sees(command(HMI, RELAY1, protocol="dnp3", function="25", action="file"))
    assert len(bench.warnings) == 1


def test_a_dnp3_master_switches_reports_off_when_it_starts():
    """Disable unsolicited belongs to the start of every master; from anybody else it silences an outstation."""
    disable = {"protocol": "dnp3", "function": "21", "action": "critical", "detail": "disable unsolicited g60v2"}
    bench = Bench(masters=[HMI], own=["10.0.0.9"])
    bench.sees(command(HMI, RELAY1, **disable), command("10.0.0.9", RELAY1, **disable))
    assert bench.alarms == {}

    bench.sees(command(ATTACKER, RELAY1, **disable))
    [finding] = bench.alarms.values()
    assert (finding.severity, finding.technique) == (Severity.CRITICAL, "T0804")


def test_writing_is_another_check():
    """Neither of the two speaks of a write."""
    bench = Bench(masters=[ATTACKER])
    bench.sees(command(ATTACKER, RELAY1, protocol="modbus", function="16", action="write"))

    assert bench.alarms == {}
