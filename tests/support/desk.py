"""An operator's desk: what is said of alarms, in a station of one bus, over restarts."""

import numpy as np

from detectors.model import Finding, Severity
from gateway.core.messages import Alarm, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.core.rules import AlarmRules
from protocols.model import Batch, Tick
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


class Switch(PointConfig):
    """A breaker's position."""

    @property
    def status(self):
        return True

    @property
    def kind(self):
        return "bool"


def station(feeders=3):
    """Return a station of one bus with an infeed t1 and feeders with a voltage, a current and a temperature each."""

    def role(bay, quantity, **keys):
        return Role(bay=bay, bus="bb1", quantity=quantity, **keys)

    def points(bay):
        words = {"va": "voltage", "ia": "current", "t": "temperature"}
        return [PointConfig(name=name, unit="V", role=role(bay, word)) for name, word in words.items()]

    infeed = [Switch(name="cb", role=role("t1", "breaker", transformer="t1"))]
    devices = {"t1": infeed, **{f"f{n}": points(f"f{n}") for n in range(1, feeders + 1)}}
    return Points.of([(DeviceConfig(name=name), each) for name, each in devices.items()])


class Desk:
    """An operator's desk at a pipeline: hears what is said, and can restart it."""

    def __init__(self, points=None, **rules):
        self.points = points or station()
        self.rules = AlarmRules(**rules)
        self.rows = {self.points.label(row): row for row in range(len(self.points))}
        self.pipeline = self.new()
        self.at_s, self.heard, self.unsaid = 1_000_000.0, [], []

    def new(self):
        return Pipeline(self.points, {"limits": []}, 10, self.rules)

    def row(self, label):
        return self.rows[label]

    def find(self, label, *, active=True, severity=WARNING, kind="limit_high", detector="limits", **keys):
        """Let a detector say something about a point, or a device; return what is said."""
        rows = (self.row(label),) if "." in label else ()
        device = label.partition(".")[0]
        told = {"severity": severity, "active": active, "text": f"{label} {kind}", "rows": rows, **keys}
        finding = Finding(detector=detector, kind=kind, device=device, time_ns=self.now_ns, **told)
        return self.hear(self.pipeline.annunciator.observe(finding))

    def lost(self, device, *, active=True):
        return self.find(device, kind="comm_lost", detector="comm_lost", severity=CRITICAL, active=active)

    def wait(self, for_s, step_s=1.0):
        """Let time pass; return what is said."""
        said, until_s = [], self.at_s + for_s
        while self.at_s < until_s:
            self.at_s = min(self.at_s + step_s, until_s)
            said += self.hear(self.pipeline.observe(Tick(self.now_ns)))
        return said

    def hear(self, said):
        alarms = [each for each in said if isinstance(each, Alarm)]
        self.heard += alarms
        self.unsaid += [each.alarm for each in said if isinstance(each, Unsaid)]
        return alarms

    def restart(self):
        old, self.pipeline = self.pipeline, self.new()
        assert self.pipeline.restore(old.states()) == []
        self.pipeline.alarms.restore(old.alarms)
        self.pipeline.annunciator.resume([f for each in self.pipeline.alarms.findings().values() for f in each
                                          if f.detector in ("flood", "suppression")])  # fmt: skip

    def position(self, value):
        """Let the breaker of the infeed be read."""
        rows, none = np.array([self.row("t1.cb")], np.int32), np.zeros(1, np.uint16)
        return self.hear(
            self.pipeline.observe(Batch(rows, np.array([value]), none, np.zeros(1, np.int64), self.now_ns))
        )

    @property
    def now_ns(self):
        return int(self.at_s * NS)

    @property
    def alarms(self):
        return {alarm.id: alarm for alarm in self.pipeline.alarms}

    @property
    def states(self):
        return {id_: alarm.state.value for id_, alarm in self.alarms.items() if alarm.device != "gateway"}
