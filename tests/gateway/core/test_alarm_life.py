"""The life of an alarm as a state machine, against a model of ISA-18.2 with four facts."""

from dataclasses import dataclass, replace

import pytest
from examples import examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from detectors.model import Finding, Severity
from gateway.core.alarms import AlarmError, Alarms
from gateway.core.messages import AlarmState
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

POINTS = Points.of([(DeviceConfig(name="bay1"), [PointConfig(name="a"), PointConfig(name="b")])])
ROWS = st.sampled_from([0, 1])


@dataclass
class Model:
    """What an operator knows of one alarm."""

    active: bool = False
    acked: bool = True
    shelved_until: int = 0
    count: int = 0

    @property
    def state(self):
        if self.shelved_until:
            return AlarmState.SHELVED
        word = {(True, True): "active_acked", (True, False): "active_unacked", (False, False): "returned_unacked"}
        return AlarmState(word.get((self.active, self.acked), "normal"))


class Life(RuleBasedStateMachine):
    """Two alarms, findings and commands in any order, restarts between."""

    def __init__(self):
        super().__init__()
        self.alarms, self.now = Alarms(POINTS), 1
        self.models = [Model(), Model()]

    @rule(row=ROWS)
    def begins(self, row):
        model, told = self.models[row], self.observe(row, active=True)
        assert len(told) == (0 if model.active else 1)
        if not model.active:
            model.count += 1
            model.active, model.acked = True, False
            assert (told[0].state, told[0].count) == (model.state, model.count)

    @rule(row=ROWS)
    def ends(self, row):
        model, told = self.models[row], self.observe(row, active=False)
        assert len(told) == (1 if model.active else 0)
        model.active = False
        assert all(alarm.state is model.state for alarm in told)

    @rule(row=ROWS)
    def acknowledge(self, row):
        model = self.models[row]
        if self.refused(row, lambda: self.alarms.acknowledge(self.id(row), by="ann", now_ns=self.now)):
            return
        model.acked = True

    @rule(row=ROWS, for_ns=st.integers(1, 5))
    def shelve(self, row, for_ns):
        until = self.now + for_ns
        if self.refused(row, lambda: self.alarms.shelve(self.id(row), until_ns=until, by="ann", now_ns=self.now)):
            return
        self.models[row].shelved_until = until

    @rule(row=ROWS)
    def unshelve(self, row):
        model = self.models[row]
        if not model.shelved_until:
            with pytest.raises(AlarmError):
                self.alarms.unshelve(self.id(row), by="ann", now_ns=self.now)
            return
        self.alarms.unshelve(self.id(row), by="ann", now_ns=self.now)
        model.shelved_until = 0

    @rule(ns=st.integers(0, 4))
    def time_passes(self, ns):
        self.now += ns
        due = [row for row, model in enumerate(self.models) if 0 < model.shelved_until <= self.now]
        for row in due:
            self.models[row].shelved_until = 0
        told = {alarm.id: alarm.state for alarm in self.alarms.tick(self.now)}
        assert told == {self.id(row): self.models[row].state for row in due}

    @rule()
    def restart(self):
        kept = [replace(alarm) for alarm in self.alarms]
        self.alarms = Alarms(POINTS)
        self.alarms.restore(kept)

    @invariant()
    def is_as_the_model_says(self):
        for model in self.models:
            if model.state is AlarmState.NORMAL:
                model.count = 0
        expected = {self.id(r): m for r, m in enumerate(self.models) if m.state is not AlarmState.NORMAL}
        found = {alarm.id: alarm for alarm in self.alarms}
        assert found.keys() == expected.keys()
        for id_, model in expected.items():
            alarm = found[id_]
            assert (alarm.state, alarm.active, alarm.count) == (model.state, model.active, model.count)
            assert alarm.first_ns <= alarm.last_ns <= self.now
        active = [finding.rows for findings in self.alarms.findings().values() for finding in findings]
        assert sorted(active) == [(row,) for row, model in enumerate(self.models) if model.active]

    def observe(self, row, *, active):
        finding = Finding("limits", "high", "bay1", Severity.WARNING, self.now, "text", rows=(row,), active=active)
        return self.alarms.observe(finding)

    def refused(self, row, order):
        """Give an order; return whether it was refused, as it must be where all is normal."""
        if self.models[row].state is not AlarmState.NORMAL:
            order()
            return False
        with pytest.raises(AlarmError):
            order()
        return True

    @staticmethod
    def id(row):
        return f"bay1/{'ab'[row]}/high"


TestLife = Life.TestCase
TestLife.settings = examples(20, stateful_step_count=30)
