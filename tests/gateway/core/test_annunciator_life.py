"""Whatever happens at a station: no active alarm is lost, and who listens knows each, or was told why not."""

from desk import Desk, station
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from detectors.model import Severity
from gateway.core.alarms import AlarmError

LABELS = st.sampled_from(["f1.va", "f1.ia", "f2.va", "f2.ia", "f3.va"])
DEVICES = st.sampled_from(["f1", "f2"])
SEVERITIES = st.sampled_from([Severity.WARNING, Severity.WARNING, Severity.CRITICAL, Severity.EMERGENCY])
RULES = {
    "flood_count": 3,
    "flood_end_count": 2,
    "flood_s": 100,
    "chatter_s": 20,
    "fleeting_count": 6,
    "fleeting_s": 200,
}
LOW = {"kind": "limit_low", "actual": 0.0, "expected": 180.0}
QUIET_S = 1200


class Station(RuleBasedStateMachine):
    """Findings, dead links, an open infeed, commands, time, restarts; and what a listener makes of the messages."""

    def __init__(self):
        super().__init__()
        self.desk, self.view = Desk(station(), **RULES), {}
        self.active, self.lost = {}, set()
        self.desk.position(1.0)

    @rule(label=LABELS, severity=SEVERITIES)
    def begins(self, label, severity):
        id_ = f"{label.replace('.', '/')}/limit_high"
        first = severity is Severity.EMERGENCY and id_ not in self.desk.alarms
        said = self.listen(self.desk.find(label, severity=severity))
        self.active[id_] = severity
        if first and not self.desk.alarms[id_].suppressed_by and not self.desk.alarms[id_].chattering:
            assert any(alarm.id == id_ for alarm in said)

    @rule(label=LABELS)
    def ends(self, label):
        self.listen(self.desk.find(label, active=False))
        self.active.pop(f"{label.replace('.', '/')}/limit_high", None)

    @rule(label=st.sampled_from(["f1.va", "f2.va", "f3.va"]), active=st.booleans())
    def low(self, label, active):
        self.listen(self.desk.find(label, active=active, **LOW))
        id_ = f"{label.replace('.', '/')}/limit_low"
        self.active.pop(id_, None)
        if active:
            self.active[id_] = Severity.WARNING

    @rule(position=st.sampled_from([0.0, 1.0]))
    def operate(self, position):
        self.listen(self.desk.position(position))

    @rule(device=DEVICES, active=st.booleans())
    def link(self, device, active):
        self.listen(self.desk.lost(device, active=active))
        self.active.pop(f"{device}/comm_lost", None)
        if active:
            self.active[f"{device}/comm_lost"] = Severity.CRITICAL

    @rule(for_s=st.sampled_from([0.25, 1, 5, 15, 60, 300]))
    def time_passes(self, for_s):
        self.listen(self.desk.wait(for_s, max(for_s / 10, 0.25)))

    @precondition(lambda self: self.desk.alarms)
    @rule(data=st.data(), do=st.sampled_from(["ack", "shelve", "unshelve"]))
    def command(self, data, do):
        id_, alarms = data.draw(st.sampled_from(sorted(self.desk.alarms))), self.desk.pipeline.alarms
        now_ns = self.desk.now_ns
        try:
            told = {
                "ack": lambda: alarms.acknowledge(id_, by="ann", now_ns=now_ns),
                "shelve": lambda: alarms.shelve(id_, until_ns=now_ns + 20 * 10**9, by="ann", now_ns=now_ns),
                "unshelve": lambda: alarms.unshelve(id_, by="ann", now_ns=now_ns),
            }[do]()
        except AlarmError:
            return
        self.listen([told])

    @rule()
    def restart(self):
        self.desk.restart()

    @rule()
    def quiet(self):
        """Long after the last change, what is not suppressed is known as it is."""
        self.listen(self.desk.wait(QUIET_S, 10))
        for id_, alarm in self.desk.alarms.items():
            assert not alarm.chattering
            assert not alarm.withheld
            if alarm.suppressed_by:
                assert self.desk.alarms[alarm.suppressed_by].active
            else:
                assert self.view[id_] == alarm

    @invariant()
    def no_active_alarm_is_lost(self):
        found = {id_ for id_, alarm in self.desk.alarms.items() if alarm.active}
        own = {"gateway/alarm_flood", "t1/bb1/bus_dead"}

        assert found - own == set(self.active)

    @invariant()
    def who_listens_knows_or_was_told_why_not(self):
        flood = self.view.get("gateway/alarm_flood")
        for id_, alarm in self.desk.alarms.items():
            seen = self.view.get(id_)
            if alarm.suppressed_by:
                assert alarm.suppressed_by in self.view
            elif alarm.withheld:
                assert flood is not None
                assert alarm.severity.rank < Severity.CRITICAL.rank
            elif alarm.chattering:
                assert seen.chattering
            else:
                assert (seen.state, seen.active, seen.severity) == (alarm.state, alarm.active, alarm.severity)

    @invariant()
    def nothing_haunts_who_listens(self):
        """What was last told to be anything but normal is known here."""
        assert {id_ for id_, alarm in self.view.items() if alarm.state != "normal"} <= set(self.desk.alarms)

    def listen(self, said):
        self.view.update({alarm.id: alarm for alarm in said})
        return said


TestStation = Station.TestCase
TestStation.settings = examples(20, stateful_step_count=30)


def did(desk, step, position):
    """Let one thing happen."""
    word, label, value = step
    match word:
        case "find":
            desk.find(label, active=value > 0, severity=list(Severity)[min(value, 3)])
        case "low":
            desk.find(label, active=value > 0, **LOW)
        case "link":
            desk.lost(label.partition(".")[0], active=value > 0)
        case "wait":
            desk.wait(value * value, max(value / 4, 0.25))
        case "clock":
            desk.at_s += value * 100
            desk.hear(desk.pipeline.annunciator.step(desk.now_ns, value * 100 * 10**9))
    desk.position(position)


STEPS = st.tuples(
    st.sampled_from(["find", "find", "find", "low", "link", "wait", "wait", "clock"]), LABELS, st.integers(0, 12)
)


TWO_CAUSES_END_AT_ONCE = [
    (("low", "f1.va", 1), 1.0, True),
    (("link", "f1.va", 1), 0.0, False),
    (("find", "f1.va", 4), 0.0, True),
    (("find", "f1.va", 5), 0.0, True),
    (("find", "f1.va", 12), 0.0, False),
    (("find", "f1.ia", 0), 0.0, False),
    (("wait", "f1.va", 11), 0.0, True),
    *((("find", "f1.va", value), 0.0, False) for value in (1, 1, 3, 1)),
    (("link", "f1.va", 0), 0.0, False),
    (("wait", "f1.va", 4), 1.0, True),
]
"""What each has suppressed is let out in one order, whichever suppressed first."""


@example(steps=TWO_CAUSES_END_AT_ONCE)
@given(steps=st.lists(st.tuples(STEPS, st.sampled_from([0.0, 1.0]), st.booleans()), min_size=10, max_size=60))
def test_a_restart_in_the_middle_changes_nothing(steps):
    """Whenever a gateway is restarted, its messages are those of one that was not."""
    through, restarted = Desk(station(), **RULES), Desk(station(), **RULES)
    for step, position, restart in steps:
        if restart:
            restarted.restart()
            restarted.position(position)
            through.position(position)
        did(through, step, position)
        did(restarted, step, position)

    assert restarted.heard == through.heard
    assert restarted.alarms == through.alarms
    assert restarted.pipeline.annunciator.state()["told"].tobytes() == (
        through.pipeline.annunciator.state()["told"].tobytes()
    )
