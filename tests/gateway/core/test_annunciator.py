"""What an operator is told: chatter, suppression by design, first-out, incidents and floods, each with its promise."""

from typing import ClassVar

import numpy as np
import pytest
from desk import Desk, station

from detectors.config import build
from detectors.model import Severity
from gateway.core.messages import AlarmState
from gateway.core.pipeline import Pipeline
from gateway.core.rules import AlarmRules
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

INFO, WARNING, CRITICAL, EMERGENCY = Severity


@pytest.fixture
def desk():
    return Desk()


def flap(desk, label, for_s, **keys):
    """Let an alarm come and go once a second."""
    said = []
    for _ in range(for_s):
        said += desk.find(label, **keys)
        said += desk.wait(0.5, 0.25)
        said += desk.find(label, active=False, **keys)
        said += desk.wait(0.5, 0.25)
    return said


class TestChatter:
    """An alarm that comes and goes is held as active, and told now and then."""

    def test_an_hour_at_1_hz_is_less_than_twenty_messages(self, desk):
        """Said: three comings, that it chatters, an update every ten minutes, and that it is calm."""
        said = flap(desk, "f1.va", 3600, severity=CRITICAL)
        calm = desk.wait(60)

        assert len(said) + len(calm) < 20
        assert [alarm.chattering for alarm in said[:5]] == [False] * 4 + [True]
        assert said[4].text == "f1.va limit_high (chattering: 5 changes in 2 s)"
        assert said[5].text == "f1.va limit_high (chattering: 1199 changes in 600 s)"
        assert [alarm.text for alarm in calm[-1:]] == ["f1.va limit_high (calm again: 7200 changes in 3600 s)"]

    def test_nothing_is_hidden_from_the_state(self, desk):
        """While it chatters, `active` and `count` are those of the condition; the state is held as active."""
        flap(desk, "f1.va", 10)
        [alarm] = desk.alarms.values()

        assert (alarm.count, alarm.active, alarm.state, alarm.chattering) == (10, False, "active_unacked", True)

    def test_one_acknowledgement_is_enough(self, desk):
        """An operator acknowledges chatter once; calm and gone, it is normal."""
        flap(desk, "f1.va", 5)
        desk.pipeline.alarms.acknowledge("f1/va/limit_high", by="ann", now_ns=desk.now_ns)
        flap(desk, "f1.va", 5)
        assert desk.states == {"f1/va/limit_high": "active_acked"}

        assert [alarm.state for alarm in desk.wait(60)] == [AlarmState.NORMAL]
        assert desk.states == {}

    def test_what_is_worse_than_ever_is_said_at_once(self, desk):
        """An emergency is never held back the first time, however much its alarm chatters; the second time it is."""
        flap(desk, "f1.va", 10)

        assert [alarm.severity for alarm in desk.find("f1.va", severity=EMERGENCY)] == [EMERGENCY]
        assert desk.find("f1.va", active=False) == desk.find("f1.va") == desk.find("f1.va", severity=EMERGENCY) == []

    def test_what_comes_and_goes_slowly_is_held_too(self, desk):
        """Once in five minutes for a day: ten times, then an update an hour."""
        said = []
        for _ in range(288):
            said += desk.find("f1.va") + desk.wait(2) + desk.find("f1.va", active=False) + desk.wait(298, 10)

        assert len(said) < 20 + 26

    def test_what_comes_every_hour_is_no_chatter(self, desk):
        """Each time is told, and its end."""
        said = []
        for _ in range(24):
            said += desk.find("f1.va") + desk.find("f1.va", active=False) + desk.wait(3601, 60)

        assert (len(said), any(alarm.chattering for alarm in said)) == (48, False)

    def test_an_alarm_that_was_normal_in_between_chatters_all_the_same(self, desk):
        """Somebody who acknowledges each time has no more to do than others."""
        for _ in range(30):
            desk.find("f1.va")
            if "f1/va/limit_high" in desk.alarms:
                desk.pipeline.alarms.acknowledge("f1/va/limit_high", by="ann", now_ns=desk.now_ns)
            desk.find("f1.va", active=False)
            desk.wait(1)

        assert len(desk.heard) == 5


class TestDeadLink:
    """A device that does not answer is one alarm; what needs its points says nothing."""

    def test_what_needs_its_points_is_suppressed(self, desk):
        """Stale and refused points of it, and a finding of another device that needs one of its points."""
        desk.lost("f1")
        rows = (desk.row("f2.ia"), desk.row("f1.ia"))
        assert desk.find("f1.va", kind="bad_address") == []
        assert desk.find("f2", kind="imbalance", rows=rows, subject="bb1") == []
        assert [alarm.id for alarm in desk.find("f2.va")] == ["f2/va/limit_high"]

        assert desk.states == {
            "f1/comm_lost": "active_unacked", "f1/va/bad_address": "suppressed", "f2/bb1/imbalance": "suppressed",
            "f2/va/limit_high": "active_unacked",
        }  # fmt: skip
        assert desk.alarms["f2/bb1/imbalance"].points == ("ia", "f1.ia")
        assert desk.alarms["f2/bb1/imbalance"].suppressed_by == "f1/comm_lost"

    def test_what_was_seen_before_stays(self, desk):
        """An alarm that was told before the link died was true: it is not hidden."""
        desk.find("f1.va")
        desk.lost("f1")

        assert desk.states["f1/va/limit_high"] == "active_unacked"

    def test_it_comes_out_when_the_cause_is_over(self, desk):
        """What is still active some seconds after the link is back is told as new; what returned meanwhile never is."""
        desk.lost("f1")
        desk.find("f1.va")
        desk.find("f1.ia")
        desk.lost("f1", active=False)
        assert desk.find("f1.ia", active=False) == []
        assert desk.wait(9) == []
        [alarm] = desk.wait(2)

        assert (alarm.id, alarm.state, alarm.suppressed_by) == ("f1/va/limit_high", "active_unacked", "")
        assert desk.states == {"f1/va/limit_high": "active_unacked", "f1/comm_lost": "returned_unacked"}

    def test_a_link_that_is_back_for_a_moment(self, desk):
        """Lets nothing out."""
        desk.lost("f1")
        desk.find("f1.va")
        for active in (False, True) * 3:
            desk.lost("f1", active=active)
            assert [each.id for each in desk.wait(5) if each.id != "f1/comm_lost"] == []

        assert desk.states["f1/va/limit_high"] == "suppressed"

    def test_its_end_says_what_was_told(self, desk):
        """An alarm that upstream knows from before, and that came anew while suppressed, is told as suppressed."""
        desk.find("f1.va")
        desk.find("f1.va", active=False)
        desk.lost("f1")

        assert [alarm.state for alarm in desk.find("f1.va")] == ["suppressed"]
        assert [alarm.state for alarm in desk.find("f1.va", active=False)] == ["normal"]

    def test_no_suppression_where_none_is_wanted(self):
        """With `suppression: never` everything is told."""
        desk = Desk(suppression="never")
        desk.lost("f1")

        assert [alarm.state for alarm in desk.find("f1.va")] == ["active_unacked"]

    def test_it_comes_out_when_nobody_suppresses_any_more(self):
        """After a reload with `suppression: never`."""
        desk = Desk()
        desk.lost("f1")
        desk.find("f1.va")
        desk.rules = AlarmRules(suppression="never")
        desk.restart()

        assert [alarm.id for alarm in desk.wait(12)] == ["f1/va/limit_high"]


class TestDeadBus:
    """A bus whose infeeds are all open rightly shows no voltage: one alarm for it."""

    LOW: ClassVar = {"kind": "limit_low_low", "severity": CRITICAL, "actual": 0.2, "expected": 180.0}

    def test_low_voltage_on_it_is_suppressed(self, desk):
        """One alarm names the bus and the open breakers."""
        desk.position(0.0)
        said = [alarm for n in (1, 2, 3) for alarm in desk.find(f"f{n}.va", **self.LOW)]

        assert [alarm.id for alarm in said] == ["t1/bb1/bus_dead"]
        assert said[0].text == "bus bb1 is without voltage: t1.cb open; low voltage on it is not told"
        assert [state for id_, state in desk.states.items() if "limit" in id_] == ["suppressed"] * 3

    def test_a_meter_that_is_read_before_the_breaker(self, desk):
        """What was told a moment before is told as suppressed once the breaker is known to be open."""
        desk.position(1.0)
        [first] = desk.find("f1.va", **self.LOW)
        desk.wait(1)
        desk.position(0.0)
        said = desk.wait(1)

        assert [(alarm.id, alarm.state) for alarm in (first, *said)] == [
            ("f1/va/limit_low_low", "active_unacked"),
            ("t1/bb1/bus_dead", "active_unacked"),
            ("f1/va/limit_low_low", "suppressed"),
        ]

    @pytest.mark.parametrize("position", [1.0, float("nan"), None], ids=["closed", "unknown", "never read"])
    def test_only_what_is_known(self, desk, position):
        """A breaker that is closed, or that nobody knows of, suppresses nothing."""
        if position is not None:
            desk.position(position)

        assert [alarm.state for alarm in desk.find("f1.va", **self.LOW)] == ["active_unacked"]

    @pytest.mark.parametrize(
        "other",
        [{"actual": 100.0}, {"actual": None}, {"kind": "limit_high"}, {"label": "f1.ia"}, {"label": "f1.t"}],
        ids=str,
    )
    def test_only_what_follows(self, desk, other):
        """A voltage that is merely low, a current, a temperature: they say something else, and are told."""
        desk.position(0.0)
        told = {"label": "f1.va", **self.LOW, **other}

        assert [alarm.state for alarm in desk.find(**told)] == ["active_unacked"]

    @pytest.mark.parametrize("kind", ["interruption", "voltage_compliance", "inconsistent"])
    def test_what_supply_and_physics_make_of_it(self, desk, kind):
        """That its bays have no supply follows from it, whatever the check calls it; of one meter or of several."""
        desk.position(0.0)
        rows = tuple(desk.row(f"f{n}.va") for n in (1, 2))
        told = {**self.LOW, "kind": kind, "detector": "supply", "subject": "f1", "rows": rows}

        assert [alarm.id for alarm in desk.find("f1.va", **told)] == ["t1/bb1/bus_dead"]
        assert desk.states[f"f1/f1/{kind}"] == "suppressed"

    def test_an_open_breaker_of_a_feeder_is_a_cause_of_its_own(self, desk):
        """What is not told by voltages does not follow from the bus."""
        desk.position(0.0)
        rows = (desk.row("t1.cb"),)

        said = desk.find("f1.va", **{**self.LOW, "kind": "interruption", "rows": rows, "actual": 0.0})
        assert [alarm.kind for alarm in said] == ["interruption"]

    def test_its_end(self, desk):
        """With an infeed the bus is alive; what still shows no voltage some seconds later is told."""
        desk.position(0.0)
        for n in (1, 2):
            desk.find(f"f{n}.va", **self.LOW)
        desk.position(1.0)
        desk.find("f1.va", **{**self.LOW, "active": False})
        said = desk.wait(15)

        assert [(alarm.id, alarm.state) for alarm in said] == [
            ("t1/bb1/bus_dead", "returned_unacked"),
            ("f2/va/limit_low_low", "active_unacked"),
        ]

    def test_a_restart_lets_nothing_out(self, desk):
        """While the breaker is not read yet, a dead bus stays dead."""
        desk.position(0.0)
        desk.find("f1.va", **self.LOW)
        desk.restart()
        assert desk.wait(30) == []
        desk.position(1.0)

        assert [alarm.id for alarm in desk.wait(12)] == ["t1/bb1/bus_dead", "f1/va/limit_low_low"]


class TestIncidents:
    """What happens in one place within an instant is one thing."""

    def test_the_first_is_the_first_out(self, desk):
        """Of one bus, however many bays; another moment is another incident."""
        said = desk.find("f1.ia") + desk.wait(1) + desk.find("f1.va") + desk.find("f2.va")
        desk.wait(61)
        said += desk.find("f3.va")

        assert [(alarm.incident, alarm.first_out) for alarm in said] == [
            ("f1-1", True), ("f1-1", False), ("f1-1", False), ("f3-2", True),
        ]  # fmt: skip

    def test_places_that_have_nothing_in_common(self):
        """Devices without roles stand alone; the gateway's own alarms belong nowhere."""
        desk = Desk(Points.of([(DeviceConfig(name=name), [PointConfig(name="a")]) for name in ("d1", "d2")]))
        said = desk.find("d1.a") + desk.find("d2.a") + desk.find("gateway", kind="clock_stepped", detector="clock")

        assert [(alarm.incident, alarm.first_out) for alarm in said] == [("d1-1", True), ("d2-2", True), ("", False)]

    def test_the_same_alarm_again_within_its_incident(self, desk):
        """It stays the first-out."""
        desk.find("f1.ia")
        desk.find("f1.ia", active=False)

        assert [(alarm.incident, alarm.first_out) for alarm in desk.find("f1.ia")] == [("f1-1", True)]


class TestFlood:
    """More alarms than an operator can take are told in a summary, but for what is critical."""

    def flooded(self, count=30, **rules):
        desk = Desk(station(count), **rules)
        for n in range(1, count + 1):
            desk.find(f"f{n}.va")
            desk.wait(1)
        return desk

    def test_ten_in_ten_minutes_are_none(self):
        """EEMUA 191: more than ten."""
        assert [alarm.kind for alarm in self.flooded(10).heard] == ["limit_high"] * 10

    def test_one_summary_for_the_rest(self):
        """Who came first, how many, of which severity, where, and of which kind."""
        desk = self.flooded()
        summary = desk.heard[-1]

        assert [alarm.kind for alarm in desk.heard] == ["limit_high"] * 10 + ["alarm_flood"]
        assert summary.text == (
            "alarm flood: 11 alarms; warning 11; f1 1, f2 1, f3 1, 8 more; limit_high 11; first f1/va/limit_high"
        )
        assert summary.evidence["severity"] == {"warning": 11}
        assert sum(alarm.withheld for alarm in desk.alarms.values()) == 20
        assert set(desk.states.values()) == {"active_unacked"}

    @pytest.mark.parametrize("severity", [CRITICAL, EMERGENCY])
    def test_what_is_critical_always_goes(self, severity):
        """At once, new or grown."""
        desk = self.flooded()

        assert [alarm.id for alarm in desk.find("f1.ia", severity=severity)] == ["f1/ia/limit_high"]
        assert [alarm.id for alarm in desk.find("f30.va", severity=severity)] == ["f30/va/limit_high"]
        assert not desk.alarms["f30/va/limit_high"].withheld

    def test_its_end(self):
        """One message that it is over, and what is still active, the worst first; what returned is counted only."""
        desk = self.flooded(30, update_s=86_400)
        for n in range(11, 21):
            assert desk.find(f"f{n}.va", active=False) == []
        desk.find("f30.va", severity=INFO)
        said = desk.wait(700)

        assert said[0].text.startswith("alarm flood over after 10 min: 30 alarms; warning 30;")
        assert said[0].text.endswith("first f1/va/limit_high; 10 still active")
        assert [alarm.id for alarm in said[1:]] == [f"f{n}/va/limit_high" for n in range(21, 31)]
        assert not any(alarm.withheld for alarm in desk.alarms.values())
        assert f"f{11}/va/limit_high" not in desk.alarms

    def test_a_long_flood_is_told_now_and_then(self):
        """At most every ten minutes."""
        desk = self.flooded(chatter_count=1000, fleeting_count=1000)
        for _ in range(60):
            for n in range(1, 31):
                desk.find(f"f{n}.ia")
                desk.find(f"f{n}.ia", active=False)
            desk.wait(60)

        assert len([alarm for alarm in desk.heard[11:] if alarm.kind == "alarm_flood"]) == 6

    def test_commands_reach_what_is_withheld(self):
        """Who acknowledges or shelves it hears its state, and it is not told again."""
        desk = self.flooded(12)
        told = desk.pipeline.alarms.acknowledge("f12/va/limit_high", by="ann", now_ns=desk.now_ns)
        said = desk.wait(700)

        assert (told.state, told.withheld) == ("active_acked", False)
        assert [alarm.id for alarm in said if alarm.kind == "limit_high"] == ["f11/va/limit_high"]

    @pytest.mark.parametrize("severity", [WARNING, CRITICAL])
    def test_a_storm_is_bounded(self, severity):
        """10,000 findings of 100 points in 100 s: a few messages, and no more state than there are points."""
        desk = Desk(station(100))
        for n in range(10_000):
            desk.find(f"f{n % 100 + 1}.va", active=n // 100 % 2 == 0, severity=severity)
            if n % 100 == 99:
                desk.wait(1)
        desk.wait(1200, 5)

        most = {WARNING: 10 + 2 + 100 + 4, CRITICAL: 100 * 6 + 4}[severity]
        assert len(desk.heard) <= most
        assert len(desk.alarms) <= 101
        assert len(dict(desk.pipeline.states())["annunciator"]["told"]) < 100_000


def test_what_is_not_said_is_kept(desk):
    """Within ten seconds what changed unsaid is handed on for the disk, once, as it is by then; its end, too."""
    flap(desk, "f1.va", 60)
    kept = [alarm for alarm in desk.unsaid if alarm.id == "f1/va/limit_high"]
    assert 4 <= len(kept) <= 7
    desk.lost("f1")
    desk.find("f1.ia")
    desk.wait(11)
    desk.find("f1.ia", active=False)
    desk.wait(11)

    assert [alarm.state for alarm in desk.unsaid if alarm.id == "f1/ia/limit_high"] == ["suppressed", "normal"]


def test_a_command_overrules_what_waits_for_the_disk(desk):
    """An alarm that a command made normal is not written back."""
    flap(desk, "f1.va", 3)
    desk.find("f1.va")
    desk.lost("f2")
    desk.find("f2.va")
    desk.find("f2.va", active=False)
    desk.pipeline.alarms.acknowledge("f1/va/limit_high", by="ann", now_ns=desk.now_ns)
    desk.unsaid.clear()
    desk.wait(12)

    assert [(alarm.id, alarm.state) for alarm in desk.unsaid] == [
        ("f1/va/limit_high", "active_acked"),
        ("f2/va/limit_high", "normal"),
    ]


@pytest.mark.parametrize("told", [b"", b"[]", b'{"v":0}', b'{"v":1}', b"\xff", b'{"v":1,"chatter":3}'])
def test_a_state_that_is_none(desk, told):
    """Is refused in one way, and changes nothing."""
    flap(desk, "f1.va", 3)
    before = desk.pipeline.annunciator.state()["told"].tobytes()
    with pytest.raises(ValueError, match=r".+"):
        desk.pipeline.annunciator.restore({"told": np.frombuffer(told, np.uint8)})

    assert desk.pipeline.annunciator.state()["told"].tobytes() == before


def test_quiet_cycles_cost_nothing(core):
    """Without an alarm a tick looks at nothing: no state changes."""
    points = core.points()
    pipeline = Pipeline(points, build((), points), 10)
    before = pipeline.annunciator.state()["told"].tobytes()
    for at in range(100):
        pipeline.observe(core.batch(at, {0: 1.0, 1: 1.0}))
    assert pipeline.annunciator.state()["told"].tobytes() == before
