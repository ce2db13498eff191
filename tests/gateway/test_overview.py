"""How the alarms are as a whole: what a status tells of them."""

import json

import pytest
from desk import Desk, station

from detectors.config import chosen
from detectors.model import Severity
from gateway.core.incidents import PHYSICS
from gateway.overview import INCIDENTS_SHOWN, overview

DAY_S = 86_400


@pytest.fixture
def desk():
    return Desk()


def told(desk):
    return overview(desk.pipeline, desk.now_ns)


def test_nothing(desk):
    """A gateway without alarms tells noughts, in words that JSON knows."""
    found = told(desk)

    assert json.loads(json.dumps(found)) == found
    assert (found["count"], found["incidents"], found["worst_actors"], found["flood_since"]) == (0, [], [], None)
    assert found["rates"]["benchmark"] == "acceptable"


def test_counts(desk):
    """Each alarm is counted by what it is: active, suppressed, shelved, chattering, standing."""
    desk.find("f3.t", severity=Severity.EMERGENCY)
    desk.wait(DAY_S + 1, 3600)
    desk.lost("f1")
    desk.find("f1.va")
    desk.find("f2.va")
    alarms = desk.pipeline.alarms
    alarms.shelve("f2/va/limit_high", until_ns=desk.now_ns + 10**9, by="ann", now_ns=desk.now_ns)
    for active in (True, False) * 3:
        desk.find("f2.ia", active=active)
    found = told(desk)

    assert found["active"] == {"info": 0, "warning": 2, "critical": 1, "emergency": 1}
    assert {word: found[word] for word in ("count", "suppressed", "shelved", "chattering", "withheld", "standing")} == {
        "count": 5, "suppressed": 1, "shelved": 1, "chattering": 1, "withheld": 0, "standing": 1,
    }  # fmt: skip
    assert found["worst_actors"][0] == {"alarm": "f2/ia/limit_high", "count": 3}


def test_a_flood_shows(desk):
    """Since when, and how many are withheld."""
    desk = Desk(station(20))
    for n in range(1, 21):
        desk.find(f"f{n}.va")

    found = told(desk)
    assert (found["withheld"], found["flood_since"]) == (10, "1970-01-12T13:46:40.000Z")


def test_an_alarm_alone_is_no_incident(desk):
    """Only what happened together is one."""
    desk.find("f1.va")
    desk.wait(100)
    desk.find("f1.ia")

    assert told(desk)["incidents"] == []


def test_an_incident(desk):
    """Its root is what came first; two independent detectors make it weigh twice."""
    desk.find("f1.ia", kind="limit_high_high", severity=Severity.CRITICAL)
    desk.wait(1)
    desk.find("f1.va", kind="limit_low")
    [alone] = told(desk)["incidents"]
    desk.find("f1.va", kind="rate_of_change", detector="rate")
    desk.find("f1.ia", kind="limit_high_high", active=False)
    [both] = told(desk)["incidents"]

    assert (alone["priority"], alone["points"], alone["root"]) == ("medium", 6, "f1/ia/limit_high_high")
    assert (both["priority"], both["points"], both["count"], both["active"]) == ("high", 12, 3, 2)
    assert both["kinds"] == ["limit_high_high", "limit_low", "rate_of_change"]


@pytest.mark.parametrize("detector", PHYSICS)
def test_physics_is_suspected_first(desk, detector):
    """A finding by the laws of the grid tells a cause, whenever it comes."""
    desk.find("f1.va")
    desk.find("f2.va")
    desk.find("f1.ia", kind="any", detector=detector)
    [incident] = told(desk)["incidents"]

    assert detector in {config.detector for config in chosen(())}
    assert (incident["root"], incident["points"]) == ("f1/ia/any", 2 * 3 * 2)


def test_the_most_urgent_are_told():
    """So many of them, and of each so many alarms."""
    desk = Desk(station(30), flood_count=1000)
    for n in range(1, 31):
        severity = Severity.CRITICAL if n % 2 else Severity.WARNING
        for label in (f"f{n}.va", f"f{n}.ia"):
            desk.find(label, severity=severity)
        desk.wait(100, 10)
    found = told(desk)["incidents"]

    assert len(found) == INCIDENTS_SHOWN
    assert {each["severity"] for each in found} == {"critical"}
    assert [each["last"] for each in found] == sorted((each["last"] for each in found), reverse=True)
