"""Data quality of single tags: what is told, and that the plant at work is never told."""

import copy
import functools

import numpy as np
import pytest
from frames import frame, points, told, whole

from detectors.deviation.config import DeviationConfig
from detectors.model import Severity
from detectors.pattern.config import PatternConfig

HOUR = 3600
LEARNED_S = HOUR + 60


def plant(seconds, seed=0, tags=3, begin_s=0):
    """Return float64[seconds, tags]: a daily curve with noise in every digit."""
    rng = np.random.default_rng(seed)
    curve = 100 + 20 * np.sin(2 * np.pi * np.arange(begin_s, begin_s + seconds) / 86_400)
    return curve[:, None] * (1 + 0.001 * rng.standard_normal((seconds, tags)))


def later(seconds):
    """Return the plant after what `ready` has learned from."""
    return plant(seconds, seed=1, begin_s=LEARNED_S)


def frames(values, begin_s=0):
    return [frame(begin_s + k, row) for k, row in enumerate(values)]


def said_later(detector, values):
    return [finding for each in frames(values, LEARNED_S) for finding in detector.observe(each)]


def told_later(detector, values):
    return told(detector, frames(values, LEARNED_S))


@pytest.fixture
def detector():
    return DeviationConfig().build(points({"bay1": [None, None, None]}))


@functools.cache
def learned():
    detector = DeviationConfig().build(points({"bay1": [None, None, None]}))
    assert not told(detector, frames(plant(LEARNED_S)))
    return detector


@pytest.fixture
def ready():
    """Return a detector that has learned for an hour."""
    return copy.deepcopy(learned())


def test_nothing_is_said_while_it_learns(detector):
    """A spike, a far value and a stand-still within the first half hour are not told; the state says why."""
    values = plant(1800)
    values[600, 0] = 900
    values[900:1500, 1] = 500
    values[900:1700, 2] = values[900, 2]

    assert not told(detector, frames(values))
    [learned] = detector.learned()
    assert (learned.subject, learned.state, 0.4 < learned.share < 0.6) == ("bay1", "learning", True)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_spike_of_one_tag(ready, width):
    """One tag that leaves for up to three readings and comes back is a spike with its height and surroundings."""
    values = later(200)
    values[20 : 20 + width, 1] *= 1.3

    said = said_later(ready, values)

    assert [(f.kind, f.active, f.rows) for f in said] == [("spike", True, (1,)), ("spike", False, (1,))]
    assert said[0].time_ns == frame(LEARNED_S + 20 + width, [0]).time_ns
    assert said[0].expected == pytest.approx(values[19, 1], rel=0.01)
    assert said[0].actual == values[20 + width - 1, 1]
    assert 25 < said[0].deviation_percent < 35
    assert "bay1.p1 was" in said[0].text
    assert "kV" in said[0].text


def step(values):
    values[20:] *= 1.4


def dip(values):
    values[20:22] *= 0.3


def switched_off(values):
    values[20:620] = 0.0


def tap(values):
    values[20:, 0] *= 1.0125


def load_of_one_tag(values):
    values[20:, 0] *= 1.3


def ramp(values):
    values[20:, 0] *= np.linspace(1, 2, len(values) - 20)


@pytest.mark.parametrize("move", [step, dip, switched_off, tap, load_of_one_tag, ramp])
def test_the_plant_at_work_is_not_told(ready, move):
    """Load steps, dips, switching, taps and ramps say nothing, whether one tag shows them or all of its device do."""
    values = later(1500)
    move(values)

    assert not told_later(ready, values)


def test_a_value_far_outside_its_range(ready):
    """A tag that alone jumps to where it never was, and stays, is an outlier, until it is back."""
    values = later(700)
    values[20:420, 2] *= 10

    assert told_later(ready, values) == [(24, "outlier", True, (2,)), (420, "outlier", False, (2,))]


def test_noise_that_stops(ready):
    """A tag with noise in its digits that stands still is stuck after a minute, a warning; the next digit ends it."""
    values = later(600)
    values[20:320, 0] = values[20, 0]

    said = said_later(ready, values)

    assert [(f.kind, f.active, f.rows, f.severity) for f in said] == [
        ("stuck", True, (0,), Severity.WARNING),
        ("stuck", False, (0,), Severity.INFO),
    ]
    assert 60 <= said[0].evidence["still_s"] <= 80


def slow(rng, n):
    return np.round(20 + np.cumsum(rng.standard_normal(n)) / 300, 1)


def counter(_rng, n):
    return np.floor(np.arange(n) / 37) + 100.0


def set_point(_rng, n):
    return np.where(np.arange(n) < n - 900, 50.0, 51.0)


def quantised(rng, n):
    return np.round(50 + 0.3 * np.sin(np.arange(n) / 900) + 0.02 * rng.standard_normal(n), 1)


@pytest.mark.parametrize("signal", [slow, counter, set_point, quantised])
@pytest.mark.parametrize("seed", range(2))
def test_what_may_stand_still(detector, signal, seed):
    """Slow temperatures, counters, set points and coarse digits stand still as long as they like."""
    rng = np.random.default_rng(seed)
    values = plant(6000, seed)
    values[:, 0] = signal(rng, 6000)

    assert "stuck" not in {kind for _, kind, _, _ in told(detector, frames(values))}


def test_a_meter_that_was_switched_off_is_not_stuck(ready):
    """The power factor of an opened feeder stands at exactly one, which it jumped to."""
    values = later(900)
    values[20:, :2] = 0.0
    values[20:, 2] = 200.0

    assert "stuck" not in {kind for _, kind, _, _ in told_later(ready, values)}


def test_counters_and_switches_are_not_watched():
    """Energy, breakers and taps are judged by others."""
    detector = DeviationConfig().build(points({"bay1": ["energy", "breaker", "tap"]}))

    assert not told(detector, frames(plant(100)))
    assert detector.learned() == []


def two_days(quantity, drifts=()):
    """Return a detector of three tags in two devices, and frames of three days at one a minute, in blocks of hours."""
    detector = DeviationConfig().build(points({"bay1": [quantity, quantity], "bay2": [quantity]}))
    rng = np.random.default_rng(1)
    n = 577 * 300 + 60 * 300
    values = 110 + 0.3 * np.sin(2 * np.pi * np.arange(n) / 86_400)[:, None] + 0.05 * rng.standard_normal((n, 3))
    for tag in drifts:
        values[577 * 300 :, tag] += np.linspace(0, 6, 60 * 300)
    return detector, values


@pytest.mark.slow
@pytest.mark.parametrize(("quantity", "drifts", "kinds"), [
    ("voltage", [0], {"drift"}),
    ("voltage", [], set()),
    ("voltage", [0, 1, 2], set()),
    ("current", [0], set()),
])  # fmt: skip
def test_drift_is_told_of_the_only_voltage_that_leans(quantity, drifts, kinds):
    """Where all voltages lean it is the grid; a current follows its load, and nothing tells its drift from that."""
    detector, values = two_days(quantity, drifts)

    said = told(detector, frames(values))

    assert {kind for _, kind, _, _ in said} == kinds
    assert {rows for *_, rows in said} == ({(0,)} if kinds else set())


@pytest.mark.parametrize("config", [DeviationConfig(), PatternConfig(every_s=1)], ids=["deviation", "pattern"])
@pytest.mark.parametrize("at", [50, LEARNED_S + 30])
def test_a_restart_changes_nothing(config, at):
    """State and active findings handed to another one: it says what the first one would have said."""
    table = points({"bay1": [None, None, None]})
    values = plant(LEARNED_S + 400)
    values[LEARNED_S : LEARNED_S + 300, 0] = values[LEARNED_S, 0]
    values[LEARNED_S + 20, 1] *= 2
    values[40:60, 2] = np.nan
    seen = frames(values)
    first = config.build(table)
    active = {}
    for each in seen[:at]:
        for finding in first.observe(each):
            active[finding.kind, finding.rows] = finding
    second = config.build(table)
    second.restore({name: array.copy() for name, array in first.state().items()})
    second.resume([finding for finding in active.values() if finding.active])

    assert whole(second, seen[at:]) == whole(first, seen[at:])


@pytest.mark.parametrize("config", [DeviationConfig(), PatternConfig(every_s=1)], ids=["deviation", "pattern"])
def test_excluded_and_frozen_are_not_learned_from(config):
    """A stretch that is excluded leaves what was learned as it was; so does all that comes once it is frozen."""
    table = points({"bay1": [None]})
    bad = [["2024-10-04T00:00", "2024-10-04T01:00"]]
    detector = type(config)(every_s=1, exclude=bad).build(table) if config.detector == "pattern" else type(config)(
        exclude=bad
    ).build(table)  # fmt: skip

    told(detector, frames(plant(600, tags=1)))

    assert detector.learned()[0].share == 0
    told(detector, [frame(HOUR + at_s, row) for at_s, row in enumerate(plant(600, tags=1))])
    assert detector.learned()[0].share > 0


def test_frozen_once_it_is_ready():
    """What is frozen tells so, and learns nothing more."""
    detector = DeviationConfig(learning="frozen").build(points({"bay1": [None]}))
    told(detector, frames(plant(LEARNED_S, tags=1)))
    before = detector.state()["moves.usual"].copy()

    told(detector, [frame(LEARNED_S + k, row) for k, row in enumerate(plant(300, tags=1) * 3)])

    assert detector.learned()[0].state == "frozen"
    assert detector.state()["moves.usual"] == before


@pytest.mark.parametrize("leap_s", [5 * HOUR, -5 * HOUR])
def test_a_clock_that_jumps_says_nothing(ready, leap_s):
    """Time that leaps by hours, back or forth, makes no finding."""
    assert not told(ready, frames(later(300), LEARNED_S + leap_s))


def test_it_stays_within_its_bytes():
    """133 bytes a tag, which are all there are."""
    detector = DeviationConfig().build(points({"bay1": [None] * 200}))
    before = sum(array.nbytes for array in detector.state().values())
    rng = np.random.default_rng(0)
    for at_s in range(500):
        detector.observe(frame(at_s, rng.normal(100, 1, 200)))

    assert before == sum(array.nbytes for array in detector.state().values()) <= 133 * 200 + 8
