"""The limit of a score is learned on one stretch, and holds on another at the rate that was asked for."""

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.calibration import TOP, Calibration

EACH = np.arange(1)


def learned(scores, independent=1.0):
    calibration = Calibration(1, independent)
    for score in scores:
        calibration.observe(EACH, np.array([score]))
    return calibration


@pytest.mark.parametrize("rate", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("degrees", [2, 10, 50])
def test_the_rate_holds_on_another_stretch(rate, degrees):
    """Of scores like those that were learned, about the share that was asked for is beyond the limit, rarely more."""
    rng = np.random.default_rng(degrees)
    limit = float(learned(rng.chisquare(degrees, 3000)).limit(EACH, rate)[0])

    assert 0.1 * rate < (rng.chisquare(degrees, 200_000) > limit).mean() < 1.3 * rate


def test_heavy_tails_are_seen_where_there_are_enough_scores():
    """The tail lifts the limit where the body would be too low."""
    rng = np.random.default_rng(1)
    limit = float(learned(rng.standard_t(3, 5000) ** 2).limit(EACH, 0.001)[0])

    assert (rng.standard_t(3, 200_000) ** 2 > limit).mean() < 0.003


def test_few_scores_leave_a_margin():
    """The fewer scores, and the less each tells, the higher the limit."""
    scores = np.random.default_rng(2).chisquare(10, 4000)

    limits = [float(learned(scores[:n], share).limit(EACH, 0.01)[0]) for n, share in ((4000, 1), (100, 1), (100, 0.1))]

    assert limits == sorted(limits)


def test_scores_that_never_move_and_no_scores_at_all():
    """Both have a limit that is a number."""
    assert float(learned([0.0] * 50).limit(EACH, 0.01)[0]) >= 0
    assert float(learned([5.0] * 50).limit(EACH, 0.01)[0]) == pytest.approx(5, rel=1e-3)
    assert np.isfinite(Calibration(1).limit(EACH, 0.01)).all()


@examples(50)
@given(scores=st.lists(st.floats(0, 1e12), max_size=60), rate=st.sampled_from([1e-7, 1e-3, 0.1]))
def test_any_scores_have_a_limit(scores, rate):
    """Whatever they are, the limit is a number that is not negative."""
    limit = float(learned(scores).limit(EACH, rate)[0])

    assert np.isfinite(limit)
    assert limit >= 0


def test_others_are_left_alone():
    """What is forgotten of one score says nothing of another, and memory is what it was."""
    calibration = Calibration(2)
    for score in range(100):
        calibration.observe(np.arange(2), np.array([score, 1.0]))
    calibration.begin_anew(np.array([0]))

    assert calibration.count.tolist() == [0, 100]
    assert calibration.top.shape == (2, TOP)
