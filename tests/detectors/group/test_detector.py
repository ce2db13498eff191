"""Values of a bay that no longer fit together are an outlier, and the one that does not fit is named first."""

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.detector import Learned
from detectors.group.config import GroupConfig, NamedGroup
from detectors.model import Severity
from protocols.model import Tick
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

KEYS = {"every_s": 1, "learn_samples": 1500, "false_alarms": 1e-8}
CHANGED = 1700


@pytest.mark.parametrize("column", [1, 3, 4, 5])
def test_a_gain_error_names_its_point(said, normal, column):
    """A value that reads 8 % too high, within what it was all day, is found within forty samples, and named first."""
    rows = normal(2000)
    rows[CHANGED:1900, column] *= 1.08

    (begun, began), (ended, end) = said(rows)

    assert CHANGED <= begun < CHANGED + 40
    assert (began.active, began.subject, began.rows[0]) == (True, "bay1", column)
    assert sorted(began.rows) == [0, 1, 2, 3, 4, 5]
    assert began.actual == rows[begun, column]
    assert began.expected == pytest.approx(rows[begun, column] / 1.08, rel=0.03)
    assert 1900 <= ended < 1920
    assert (end.active, end.text) == (False, "bay1: its 6 values fit together again")


def test_the_text_names_values_and_what_was_expected(said, normal):
    """An operator reads how far, which point, its value and what the others make likely."""
    rows = normal(1720)
    rows[CHANGED:, 4] *= 1.5

    finding = said(rows)[0][1]

    assert finding.text.startswith("bay1: its 6 values do not fit together as they did: ")
    assert "of it by rtu.bay1.4: " in finding.text
    assert " u, where the others make " in finding.text
    assert next(iter(finding.evidence["shares"])) == "rtu.bay1.4"
    assert finding.severity is Severity.INFO


def test_wider_scatter_is_found(said, normal):
    """Noise that is much wider moves no mean, and is found."""
    rows = normal(2000)
    rows[CHANGED:, 2] += 8 * np.random.default_rng(5).normal(size=300)

    assert [(f.active, f.rows[0]) for _, f in said(rows)][:1] == [(True, 2)]


def test_what_is_normal_is_none(said, normal):
    """Twice as long as it was learned, nothing is said of what goes on as it was."""
    assert said(normal(5000)) == []


def test_a_missing_value_is_none(said, normal):
    """A value that is not known is what the others make of it; so is one that was never known."""
    rows = normal(2000)
    rows[CHANGED:1800, 1] = np.nan
    rows[1750:1900, 7:] = np.nan
    rows[:, 9] = np.nan

    assert said(rows) == []


def test_constants_and_switching_are_none(said, normal):
    """A value that stood still while it was learned is no part of it; one that switched may go on to switch."""
    rows = normal(3000)
    rows[:, 2] = 5.0
    rows[1500:, 2] = 6.0
    rows[:, 3] = np.arange(3000) % 200 > 100

    assert said(rows) == []


def test_drift_goes_on(said, normal):
    """A temperature that drifted while it was learned may go on to drift; the others are watched all the same."""
    rng = np.random.default_rng(3)
    rows = normal(2200)
    rows[:, 0] = 60 + np.cumsum(rng.normal(size=2200)) * 0.05
    quiet = said(rows[:2000])
    rows[2000:, 3] *= 1.1

    assert quiet == []
    assert [f.rows[0] for _, f in said(rows) if f.active][:1] == [3]


def test_severe_where_extreme_and_lasting(said, normal):
    """After sixty samples of four limits the alarm is one step more severe: it ends and begins again as that."""
    rows = normal(1900)
    rows[CHANGED:, 1] *= 2

    told = [(at, f.active, f.severity) for at, f in said(rows)]

    assert told[0][1:] == (True, Severity.INFO)
    assert [each[1:] for each in told[1:]] == [(False, Severity.WARNING), (True, Severity.WARNING)]
    assert CHANGED + 60 <= told[1][0] == told[2][0] < CHANGED + 70


@pytest.mark.parametrize(("learning", "told"), [("auto", [True, False]), ("frozen", [True])])
def test_a_lasting_change(said, normal, learning, told):
    """What lasts as long as the learning did becomes normal, or stays an alarm, as is wanted."""
    rows = normal(3400)
    rows[CHANGED:, 1] *= 1.08

    assert [f.active for _, f in said(rows, learning=learning)] == told


def test_bad_stretches_are_not_learned(said, normal):
    """What is excluded has no say in what is normal; the learning takes that much longer."""
    rows = normal(2200)
    rows[120:420, 1] *= 1.5
    rows[2100:, 1] *= 1.08
    exclude = (("2026-01-01T00:02", "2026-01-01T03:07+03:00"),)

    begun = [at for at, f in said(rows, exclude=exclude) if f.active]

    assert 2100 <= begun[0] < 2140


def test_named_groups(said, normal):
    """Groups that are named take the place of bays."""
    rows = normal(1800)
    rows[CHANGED:, 8] *= 1.2
    groups = (NamedGroup(name="mixed", points=("rtu.bay1.[0-3]", "rtu.bay2.[1-3]")),)

    finding = said(rows, groups=groups)[0][1]

    assert (finding.subject, finding.rows[0], len(finding.rows)) == ("mixed", 8, 7)


def test_large_groups_are_parted():
    """At most 64 values are looked at together; two values are no group."""
    large = [PointConfig(name=f"p{n}") for n in range(130)]
    points = Points.of([(DeviceConfig(name="a"), large), (DeviceConfig(name="b"), large[:2])])

    learned = GroupConfig().build(points).learned()

    assert [each.subject for each in learned] == ["a.1", "a.2", "a.3"]


def test_samples_are_taken_as_often_as_said(plant, normal, frame):
    """Between two samples nothing is learned, and a bay that brings nothing new has none."""
    detector = GroupConfig(every_s=10, learn_samples=100).build(plant)
    for at, row in enumerate(normal(200)):
        detector.observe(frame(at, row, fresh=np.arange(14) < 7))

    assert [each.share for each in detector.learned()] == [0.2, 0.0]


def test_what_only_learning_needs_goes_with_it(learned):
    """Its sums are let go of when all groups are learned; the models stay."""
    sums = [array for name, array in learned.items() if "moments." in name and not name.endswith(".count")]
    models = [array for name, array in learned.items() if name.endswith(".turn")]

    assert len(sums) == 6 * len(models)
    assert not any(array.any() for array in sums)
    assert all(array.any() for array in models)


def test_learning_ready_frozen(plant, normal, frame):
    """It says how far it is; while something is wrong, nothing of what it has learned changes."""
    detector, rows = GroupConfig(**KEYS).build(plant), normal(1720)
    rows[CHANGED:, 1] *= 2
    told = []
    for at, row in enumerate(rows):
        detector.observe(frame(at, row))
        if at in {749, 1650, 1719}:
            told.append(detector.learned()[0])

    assert told == [
        Learned("bay1", "learning", 0.5, "750 of 1500 samples of 6 points"),
        Learned("bay1", "ready", 1.0, "1500 of 1500 samples of 6 points"),
        Learned("bay1", "frozen", 1.0, "1500 of 1500 samples of 6 points"),
    ]


STOPS = (100, 900, 1200, 1500, CHANGED + 3, CHANGED + 30, 1905)


@pytest.fixture(scope="module")
def run(plant, normal, frame):
    """Return the frames of a change that ends, what is said of them by number, and the state before each stop."""
    rows = normal(2000)
    rows[CHANGED:1900, 1] *= 1.08
    seen = [frame(at, row) for at, row in enumerate(rows)]
    detector, told, states = GroupConfig(**KEYS).build(plant), [], {}
    for at, each in enumerate(seen):
        if at in STOPS:
            states[at] = {name: array.copy() for name, array in detector.state().items()}
        told += [(at, finding) for finding in detector.observe(each)]
    return seen, told, states


@pytest.mark.parametrize("stop", STOPS)
def test_a_restart_changes_nothing(plant, run, stop):
    """What is restored goes on as if nothing had been, wherever it was stopped."""
    seen, told, states = run
    second = GroupConfig(**KEYS).build(plant)
    second.restore(states[stop])
    before = [finding for at, finding in told if at < stop]
    active = [before[-1]] if before and before[-1].active else []

    assert second.resume(active) == active
    after = [(at, finding) for at in range(stop, len(seen)) for finding in second.observe(seen[at])]
    assert after == [(at, finding) for at, finding in told if at >= stop]


def test_memory_is_what_it_was(plant, normal, frame):
    """No array grows; a group of 64 has 1.4 kB a point."""
    detector = GroupConfig(**KEYS).build(plant)
    before = {name: (array.shape, array.dtype) for name, array in detector.state().items()}
    for at, row in enumerate(normal(1700)):
        detector.observe(frame(at, row))
    large = Points.of([(DeviceConfig(name="a"), [PointConfig(name=f"p{n}") for n in range(64)])])

    assert {name: (array.shape, array.dtype) for name, array in detector.state().items()} == before
    assert sum(array.nbytes for array in GroupConfig().build(large).state().values()) < 1450 * 64


VALUES = st.sampled_from([0.0, 1.0, 2.0, -1.5, np.nan, np.inf, 1e308, -1e308, 1e-320])


@examples(15)
@given(rows=st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=70, max_size=90), seed=st.integers(0, 9))
def test_no_value_breaks_it(frame, rows, seed):
    """Whatever stands in a frame, while it learns and afterwards, nothing is raised and nothing warned of."""
    points = Points.of([(DeviceConfig(name="a"), [PointConfig(name=f"p{n}") for n in range(4)])])
    fresh = np.random.default_rng(seed).random((len(rows), 4)) < 0.9
    detectors = [GroupConfig(every_s=1, learn_samples=64).build(points) for _ in range(2)]

    told = [[f for at, row in enumerate(rows) for f in d.observe(frame(at, row, fresh[at]))] for d in detectors]

    assert repr(told[0]) == repr(told[1])
    for finding in told[0]:
        assert np.isfinite(finding.score)
    assert detectors[0].observe(Tick(1)) == ()
