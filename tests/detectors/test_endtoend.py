"""The bench that plays scenarios through the pipeline: it feeds what drivers would, and counts as it should."""

from dataclasses import replace

import numpy as np
import pytest
from endtoend import Runner, score
from scored import GRACE_NS, SETTLE_NS, Raised, Raising, judge
from simulated import MIDNIGHT_NS, Poll, config, points_of

from detectors.model import Severity
from gateway.core.messages import Alarm, AlarmState
from protocols.model import Batch, Event, EventKind, Tick
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX
from simulator.registers import MAPS
from simulator.scenario import parse
from simulator.truth import NS, Truth, truths

POINTS = points_of(config())
TRUTH = Truth("sensor_gain", "t1.p", 100 * NS, 200 * NS, ("imbalance", "outlier"), ("t1.p",), ("t1",))
ORDINARY = replace(TRUTH, kinds=(), begin_ns=5000 * NS, end_ns=5100 * NS)


def test_values_have_the_digits_of_their_registers():
    """What a poll brings is what the register holds, decoded; every row of every bay, in order."""
    grid = Grid(1)
    batch, _ = Poll(POINTS).read(grid, {})

    assert list(batch.rows) == list(range(len(POINTS)))
    for row, value in zip(batch.rows, batch.values, strict=True):
        register = next(each for each in MAPS[POINTS.device(row)] if each.name == POINTS.names[row])
        true = grid[POINTS.label(row)]
        assert value == pytest.approx(true, rel=1e-6, abs=register.scale / 2 + 1e-9)
        if register.type not in ("float32", "bool"):
            assert value / register.scale == pytest.approx(round(value / register.scale), abs=1e-6)
    assert len(INDEX) == len(POINTS)


def test_a_dead_device_is_an_event_and_brings_nothing():
    """Lost once, connected once; in between its rows are missing, and no others."""
    grid, poll, conducts = Grid(1), Poll(POINTS), {bay: Conduct() for bay in BAYS}
    list(poll.read(grid, conducts))
    conducts["feeder2"].answers = "silent"
    lost, missing, _ = poll.read(grid, conducts)
    again, _ = poll.read(grid, conducts)
    conducts["feeder2"].answers = "well"
    back, whole, tick = poll.read(grid, conducts)

    assert (lost.kind, back.kind, lost.device) == (EventKind.LOST, EventKind.CONNECTED, "feeder2")
    assert set(whole.rows) - set(missing.rows) == set(POINTS.rows_of["feeder2"])
    assert isinstance(again, Batch)
    assert isinstance(tick, Tick)


def test_a_refused_register_is_an_event_and_brings_nothing():
    """Only its row is missing, until it is accepted again."""
    grid, poll, conducts = Grid(1), Poll(POINTS), {"t1": Conduct(refused={"t1.oil"})}
    refused, batch, _ = poll.read(grid, conducts)
    conducts["t1"].refused.clear()
    accepted, *_ = poll.read(grid, conducts)

    assert isinstance(refused, Event)
    assert (refused.kind, accepted.kind) == (EventKind.REFUSED, EventKind.ACCEPTED)
    assert [POINTS.label(row) for row in range(len(POINTS)) if row not in batch.rows] == ["t1.oil"]
    assert [POINTS.label(row) for row in refused.rows] == ["t1.oil"]


@pytest.mark.parametrize(
    ("at_s", "kind", "points", "expected"),
    [
        (102, "imbalance", ("t1.p", "feeder1.p"), "right"),
        (102, "outlier", ("t1.p",), "right"),
        (102, "imbalance", ("t2.p",), "other"),
        (102, "drift", ("t1.p",), "other"),
        (99, "imbalance", ("t1.p",), "false"),
        (200 + GRACE_NS / NS, "imbalance", ("t1.p",), "right"),
        (201 + GRACE_NS / NS, "imbalance", ("t1.p",), "other"),
        (201 + SETTLE_NS / NS, "imbalance", ("t1.p",), "false"),
        (5001, "imbalance", ("t1.p",), "false"),
    ],
)
def test_an_alarm_is_right_beside_it_or_false(at_s, kind, points, expected):
    """Right: the kind, the place and the time. Beside it: while something is wrong, or its echo. Otherwise false."""
    verdicts, false = judge((TRUTH, ORDINARY), [raised(at_s, kind, points)])
    found = {"right": bool(verdicts[0].right), "other": bool(verdicts[0].others), "false": bool(false)}

    assert [word for word, is_so in found.items() if is_so] == [expected]
    assert verdicts[0].found is (expected == "right")
    assert verdicts[1].found is (at_s != 5001)


def test_the_scan_that_first_shows_it_is_the_first():
    """An alarm at the very second of the beginning has taken one scan; the suspect comes first."""
    (at_once, *_), _ = judge((TRUTH,), [raised(100, "imbalance", ("t1.p",))])
    (later, *_), _ = judge((TRUTH,), [raised(103, "imbalance", ("feeder1.p", "t1.p"))])

    assert (at_once.scans, at_once.named) == (1, True)
    assert (later.scans, later.named) == (4, False)


def test_an_information_is_no_false_alarm():
    """What is no warning disturbs nobody."""
    _, false = judge((), [raised(1, "imbalance", (), Severity.INFO)])

    assert not false


def test_what_is_raised_counts_however_little_is_said_of_it():
    """New or worse counts, told or not; what stays, or becomes better, does not count again."""
    warning = raised(1, "outlier", ("t1.p",)).alarm
    info, worse = replace(warning, severity=Severity.INFO), replace(warning, severity=Severity.CRITICAL)
    withheld = replace(warning, id="t2/outlier", told=False, withheld=True)
    raising = Raising([info])
    for second, alarms in enumerate(([info], [warning, withheld], [warning], [worse], [info], [warning]), 1):
        raising.look(alarms, second)
    raising.look([replace(warning, active=False)], 7)
    raising.look([warning], 8)

    assert [(each.time_ns, each.alarm) for each in raising.raised] == [
        (2, warning), (2, withheld), (4, worse), (6, warning), (8, warning),
    ]  # fmt: skip


def test_a_sensor_fault_is_found_by_name_end_to_end():
    """A current that reads 5 % too much, two powers exchanged: within two scans, and nothing else is suspected."""
    steps = (
        "{at_s: 60, for_s: 20, do: sensor_gain, point: feeder1.ia, factor: 1.05}",
        "{at_s: 120, for_s: 20, do: swapped_points, point: feeder1.p, other: feeder2.p}",
    )
    runner = Runner()
    scenario = parse("name: x\nsteps:\n" + "\n".join(f"  - {step}" for step in steps), "x.yaml")
    raised, _ = runner.run(runner.first(1), scenario, 150)
    verdicts, false = judge(truths(scenario, MIDNIGHT_NS), raised)

    assert [{each.points for each in verdict.right} for verdict in verdicts] == [
        {("feeder1.ia",)},
        {("feeder1.p",), ("feeder2.p",)},
    ]
    assert max(verdict.scans for verdict in verdicts) <= 2
    assert [each.text for verdict in verdicts for each in verdict.others] == []
    assert false == []


def test_limits_and_links_are_found_end_to_end():
    """Without anything learned: an over-voltage, a dead device and a refused register, each in time and by name."""
    steps = (
        "{at_s: 20, for_s: 20, do: over_voltage, bus: bb1, per_unit: 1.09}",
        "{at_s: 60, for_s: 20, do: dead_unit, unit: feeder4}",
        "{at_s: 100, for_s: 20, do: illegal_address, point: feeder2.pf}",
    )
    runner = Runner()
    scenario = parse("name: x\nsteps:\n" + "\n".join(f"  - {step}" for step in steps), "x.yaml")
    verdicts, _, end = score(runner, runner.first(1), scenario)

    assert [verdict.found for verdict in verdicts] == [True, True, True]
    assert [verdict.named for verdict in verdicts] == [True, True, True]
    assert max(verdict.scans for verdict in verdicts) <= 5
    assert end.grid.time_s == 120 + SETTLE_NS / NS
    assert np.isfinite(end.grid.values).all()


def raised(at_s: float, kind: str, points: tuple[str, ...], severity: Severity = Severity.WARNING) -> Raised:
    alarm = Alarm(
        id=f"t1/{kind}", state=AlarmState.ACTIVE_UNACKED, severity=severity, kind=kind, detector="x", device="t1",
        points=points, first_ns=0, last_ns=0, count=1, text="x", active=True,
    )  # fmt: skip
    return Raised(round(at_s * NS), alarm, points)
