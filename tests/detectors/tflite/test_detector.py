"""The detector tflite in a real interpreter: what does not fit together is one finding with its suspect."""

import json

import numpy as np
import pytest
from trained import rows

from detectors.model import Severity
from detectors.tflite.config import TfliteConfig
from protocols.model import Batch, Tick

NS = 1_000_000_000
QUIET = rows()[3000:]
"""What follows the history that the model has learned from."""


def said(detector, frames):
    return [(each.time_ns // NS, each) for frame in frames for each in detector.observe(frame)]


def test_a_wrong_reading_is_one_finding_that_names_it(detector, frame):
    """It begins with the wrong reading and ends with it; the finding has value, what fits, and by how much."""
    values = QUIET[:60].copy()
    values[20:40, 1] += 6

    found = said(detector(), [frame(at, row) for at, row in enumerate(values, 1)])

    assert [(at, each.active) for at, each in found] == [(21, True), (41, False)]
    begun = found[0][1]
    assert (begun.kind, begun.device, begun.subject, begun.rows[0]) == ("pattern_break", "f1", "feeder", 3)
    assert begun.actual == values[20, 1]
    assert begun.expected == pytest.approx(QUIET[20, 1], abs=0.6)
    assert begun.score > 1
    assert begun.text.startswith("feeder: 8 points do not fit together, ")
    assert f"f1.vb is {begun.actual:.6g} V where {begun.expected:.6g} fits the others" in begun.text
    assert begun.evidence["points"][0]["point"] == "f1.vb"
    assert begun.causes
    assert begun.advice
    assert json.dumps(begun.evidence)
    assert found[1][1].device == "f1"
    assert found[1][1].rows[0] == 3


@pytest.mark.parametrize("column", range(8))
def test_the_suspect_is_the_reading_that_was_changed(detector, frame, column):
    """Whichever reading is wrong, it is the one that is named."""
    values = QUIET[50].copy()
    values[column] *= 1.2

    [(_, finding)] = said(detector(), [frame(1, values)])

    assert finding.rows[0] == 2 + column


def test_false_alarms_are_what_was_stated(detector, frame):
    """A quarter of an hour that was not learned brings none that lasts for ten seconds."""
    found = said(detector(on_delay_s=10), [frame(at, row) for at, row in enumerate(QUIET, 1)])

    assert found == []


def test_delays(detector, frame):
    """It must last before it is said, and be over for a while before it is over; a gap begins the delay anew."""
    wrong = QUIET[50].copy()
    wrong[0] += 20
    line = [wrong] * 3 + [QUIET[50]] + [wrong] * 12 + [QUIET[50]] * 9
    judge = detector(on_delay_s=5, off_delay_s=4)

    found = said(judge, [frame(at, row) for at, row in enumerate(line, 1)])

    assert [(at, each.active) for at, each in found] == [(10, True), (21, False)]


def test_what_is_missing_is_not_judged(detector, frame):
    """Without one of the readings, or with nothing new, nothing is said, and it tells what it waits for."""
    wrong = QUIET[50].copy()
    wrong[0] += 20
    hole = wrong.copy()
    hole[5] = np.nan
    judge = detector()

    assert judge.learned()[0].state == "frozen"
    assert not judge.observe(frame(1, hole))
    assert "f1.ic" in judge.learned()[0].detail
    assert not judge.observe(frame(2, wrong, fresh=False))
    assert [each.active for each in judge.observe(frame(3, wrong))] == [True]
    assert judge.learned()[0].state == "ready"
    assert not judge.observe(frame(4, hole))
    assert [each.active for each in judge.observe(frame(5, QUIET[50]))] == [False]


@pytest.mark.parametrize("value", [1e300, -1e300, 3.4e38, 0.0, 5e-324])
def test_any_number_is_judged_without_a_word(detector, frame, value):
    """Also beyond float32: no exception, no warning, a finding that can be written as JSON."""
    values = QUIET[50].copy()
    values[4] = value

    [(_, finding)] = said(detector(), [frame(1, values)])

    assert json.loads(json.dumps([finding.score, finding.expected, finding.evidence], allow_nan=False))


def test_batches_and_ticks_are_none_of_its_business(detector):
    """It looks at frames only, so its cost does not depend on how fast is polled."""
    batch = Batch(np.arange(10, dtype=np.int32), np.full(10, 1e9), np.zeros(10, np.uint16), np.zeros(10, np.int64), NS)
    judge = detector()

    assert not judge.observe(batch)
    assert not judge.observe(Tick(NS))


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_restart_changes_no_finding(detector, frame, cut):
    """Wherever it is stopped and taken up again, it says what it would have said."""
    values = QUIET[:40].copy()
    values[10:25, 6] += 20
    frames = [frame(at, row) for at, row in enumerate(values, 1)]
    keys = {"on_delay_s": 4, "off_delay_s": 4}
    whole = said(detector(**keys), frames)

    before, after = detector(**keys), detector(**keys)
    first = said(before, frames[:cut])
    active = [each for _, each in first][-1:] if first and first[-1][1].active else []
    after.restore({name: array.copy() for name, array in before.state().items()})
    assert list(after.resume(active)) == active

    assert first + said(after, frames[cut:]) == whole


def test_what_belongs_to_another_model_is_not_taken_up(detector, frame):
    """Only its own subject and its own points."""
    [(_, finding)] = said(detector(), [frame(1, QUIET[0] * [1, 1, 1.2, 1, 1, 1, 1, 1])])
    other = TfliteConfig(model_file="elsewhere.tflite")

    assert other.model_file.stem != finding.subject
    assert finding.severity is Severity.WARNING
    judge = detector()
    assert judge.resume([finding]) == [finding]
    assert judge.resume([]) == []
    assert not judge.state()["_active"]
