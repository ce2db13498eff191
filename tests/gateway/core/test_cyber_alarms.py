"""Cyber alarms in the whole pipeline: no dead link hides one, a flood counts them, a restart keeps them."""

from dataclasses import replace

import pytest
from sightings import ATTACKER, HMI, NS, RELAY1, command, pair, plant, talker

from detectors.comm_lost import CommLost
from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from detectors.model import Finding, Severity
from gateway.core.messages import Alarm, AlarmState
from gateway.core.pipeline import Pipeline
from gateway.core.rules import AlarmRules
from protocols.model import Event, EventKind, Tick

BEGIN_S = 1_700_000_000


class Station:
    """A pipeline with the cyber checks and comm_lost; hears the alarms that are said."""

    def __init__(self, **rules):
        self.points, self.rules, self.at_s = plant(), AlarmRules(**rules), BEGIN_S
        self.pipeline = self.new()
        self.heard = []
        self.sees(talker(HMI), pair(HMI, RELAY1), Event("relay1", EventKind.CONNECTED, "", 0))
        self.wait(12)

    def new(self):
        config = CyberConfig(learn_s=10)
        detectors = {"cyber": [config.build(self.points)], "comm_lost": [CommLost(after_s=1).build(self.points)]}
        return Pipeline(self.points, detectors, 10, self.rules)

    def hear(self, said):
        self.heard += [each for each in said if isinstance(each, Alarm)]

    def sees(self, *events):
        for each in events:
            self.hear(self.pipeline.observe(replace(each, time_ns=self.at_s * NS)))

    def wait(self, for_s):
        for _ in range(for_s):
            self.at_s += 1
            self.hear(self.pipeline.observe(Tick(self.at_s * NS)))

    def restart(self):
        old, self.pipeline = self.pipeline, self.new()
        assert self.pipeline.restore(old.states()) == []
        (cyber,) = self.pipeline._named["cyber"]
        assert isinstance(cyber, Cyber)
        cyber.baseline.take_up(old._named["cyber"][0].baseline.told())
        self.hear(self.pipeline.resume(old.alarms, self.at_s * NS))

    @property
    def cyber(self):
        return [(each.id, each.severity.value, each.state.value) for each in self.heard if each.detector == "cyber"]


WRITE = command(ATTACKER, RELAY1, protocol="modbus", function="5", action="control", port=502)


def test_a_dead_link_hides_no_attack():
    """Who cuts the link to a relay and switches it is told of both; the alarm says which technique it may be."""
    station = Station()
    station.sees(Event("relay1", EventKind.LOST, "reset", 0))
    station.wait(3)
    station.sees(WRITE)

    assert any(each.kind == "comm_lost" for each in station.heard)
    ((name, _, state),) = station.cyber
    assert (name, state) == (f"relay1/{ATTACKER}-{RELAY1}-control/unauthorised_write", AlarmState.ACTIVE_UNACKED.value)
    assert station.heard[-1].technique == "T0855"


@pytest.mark.parametrize(("technique", "state"), [("T0831", "active_unacked"), ("", "suppressed")])
def test_with_a_dead_link_only_what_may_be_an_attack_is_told_of_its_points(technique, state):
    """The same finding about a point of a device that is gone, of a cyber check and of another."""
    station = Station()
    station.sees(Event("relay1", EventKind.LOST, "reset", 0))
    station.wait(3)
    found = Finding(
        "cyber",
        "trip_without_cause",
        "relay1",
        Severity.WARNING,
        station.at_s * NS,
        "opened",
        rows=(0,),
        technique=technique,
    )
    station.hear(station.pipeline.annunciator.observe(found))

    assert station.pipeline.alarms.get("relay1/va/trip_without_cause").state.value == state


def test_a_flood_counts_cyber_alarms_and_lets_critical_ones_through():
    """Strangers begin a flood like any alarm; while it lasts a write to a breaker is still told at once."""
    station = Station()
    station.sees(*(pair(f"10.0.0.{n}", RELAY1) for n in range(100, 115)))
    floods = [each for each in station.heard if each.kind == "alarm_flood"]
    assert len(floods) == 1
    assert len(station.cyber) == 10

    station.heard.clear()
    critical = command(ATTACKER, RELAY1, protocol="dnp3", function="13", action="critical")
    station.sees(pair("10.0.0.200", RELAY1), critical)
    assert [(name.rpartition("/")[2], severity) for name, severity, _ in station.cyber] == [
        ("critical_function", "critical")
    ]


def test_a_restart_keeps_the_alarm_and_ends_it_when_it_is_quiet():
    """The same id, nothing said twice, and back to normal five minutes after the last time."""
    station = Station()
    station.sees(pair(ATTACKER, RELAY1))
    ((name, _, _),) = station.cyber

    station.restart()
    station.sees(pair(ATTACKER, RELAY1))
    station.wait(10)
    assert len(station.cyber) == 1
    station.wait(300)
    assert [(each, state) for each, _, state in station.cyber[1:]] == [(name, "returned_unacked")]


def test_it_is_one_incident_with_what_else_happens_at_the_device():
    """The stranger's connection is the first-out, the write follows from it."""
    station = Station()
    station.sees(pair(ATTACKER, RELAY1), WRITE)

    first, second = (each for each in station.heard if each.detector == "cyber")
    assert first.incident == second.incident != ""
    assert (first.first_out, second.first_out) == (True, False)
