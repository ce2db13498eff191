"""Restarts are edges; unsolicited responses are expected once they were enabled."""

import pytest
from sightings import HMI, RELAY1, Bench, restart, seen, unsolicited

from detectors.model import Severity
from protocols.model import EventKind


def test_an_edge_is_a_restart():
    """Seen on the wire or told by a driver, of a device that was seen without it before."""
    wire, own = Bench(), Bench()
    wire.sees(restart(RELAY1, HMI, "outstation 1 has restarted", protocol="dnp3", bit="IIN1.7"))
    own.sees(restart(device="relay2", detail="start time", bit="start time", edge=True, live=True))

    assert (wire.warnings, own.warnings) == (["relay1/device_restart"], ["relay2/device_restart"])


def test_a_bit_that_was_always_set_is_no_restart():
    """Nor is what a driver says for people only."""
    bench = Bench()
    bench.sees(restart(device="relay1", bit="IIN1.7", edge=False, live=True), seen(EventKind.RESTART, edge=False))

    assert bench.alarms == {}


def test_strangers_that_restart_are_told_apart():
    """Devices that are not in the configuration have an alarm each."""
    bench = Bench()
    for host in ("10.9.9.1", "10.9.9.2"):
        bench.sees(restart(host, HMI, "IIN1.7", protocol="dnp3", bit="IIN1.7"))

    assert bench.warnings == ["tap1/10.9.9.1/device_restart", "tap1/10.9.9.2/device_restart"]


def test_restarts_belong_into_a_maintenance_window():
    """There they are info."""
    bench = Bench(maintenance=(("2000-01-01", "2100-01-01"),))
    bench.sees(restart(RELAY1, HMI, "IIN1.7", protocol="dnp3", bit="IIN1.7"))

    assert [each.severity for each in bench.alarms.values()] == [Severity.INFO]


@pytest.mark.parametrize(
    ("function", "enabled", "found"),
    [
        ("", False, True),
        ("1", False, True),
        ("7", True, True),
        ("1", True, False),
        ("1 2 3", True, False),
        ("null", False, False),
    ],
)
def test_reports_that_nobody_enabled(function, enabled, found):
    """Before it was enabled, or of a class that there is not; the restart's null one is always allowed."""
    bench = Bench()
    bench.sees(unsolicited(RELAY1, HMI, "tells g2", protocol="dnp3", function=function, enabled=enabled))

    assert bool(bench.warnings) is found


def test_enabling_that_was_not_seen_is_learned():
    """Who reports while learning goes on reporting; who begins afterwards is a warning."""
    bench = Bench()
    told = {"protocol": "dnp3", "enabled": None}
    bench.learned(unsolicited(RELAY1, HMI, "tells g2", **told))
    bench.sees(unsolicited(RELAY1, HMI, "tells g2", **told))
    assert bench.alarms == {}

    bench.sees(unsolicited(RELAY1, "10.0.0.66", "tells g2", **told))
    assert bench.warnings == [f"relay1/{RELAY1}-10.0.0.66/unexpected_unsolicited"]
