"""Limits learned from block maxima: how often they are exceeded, and what is seen while they are learned."""

import numpy as np
import pytest

from detectors.maxima import Maxima, Plan

PLAN = Plan(block=60, settle=2, fit=40, check=20, false_alarm=1000.0, floor=1.0)


def taught(scores, plan=PLAN):
    calibration = Maxima(scores.shape[1], plan)
    for each in scores:
        calibration.learn(slice(None), each)
    return calibration


@pytest.mark.parametrize("tail", ["normal", "exponential"])
def test_the_stated_rate_holds(tail):
    """On another stretch, about one block in a thousand is beyond the limit: a third to three times that."""
    rng = np.random.default_rng(0)
    n = 400
    draw = (lambda size: np.abs(rng.standard_normal(size))) if tail == "normal" else rng.standard_exponential
    calibration = taught(draw((PLAN.blocks * PLAN.block, n)))
    beyond = np.mean([(draw((PLAN.block, n)).max(axis=0) > calibration.limit).mean() for _ in range(300)])

    assert calibration.ready.all()
    assert 1 / 5000 < beyond < 3 / 1000


def test_a_check_that_fails_widens_the_limit():
    """What exceeds the fitted limit on the stretch that checks it moves it beyond the worst that was seen."""
    scores = np.abs(np.random.default_rng(0).standard_normal((PLAN.blocks * PLAN.block, 1)))
    scores[-100] = 50.0

    assert taught(scores).limit[0] == pytest.approx(75.0)


def test_there_is_no_limit_before_it_is_ready():
    """One reading before the end everything is allowed, and the share says how far it is."""
    calibration = taught(np.abs(np.random.default_rng(0).standard_normal((PLAN.blocks * PLAN.block - 1, 2))))

    assert np.isinf(calibration.limit).all()
    assert 0.99 < calibration.share.min() < 1


def test_what_hardly_ever_moves_has_no_limit():
    """A tag that stands still but for rare jumps is not judged by them."""
    assert np.isinf(taught(np.zeros((PLAN.blocks * PLAN.block, 1))).limit[0])


def test_some_rows_or_all_is_the_same():
    """Rows that are taken by index learn as those that are taken as a whole."""
    rng = np.random.default_rng(0)
    whole, parts = Maxima(3, PLAN), Maxima(3, PLAN)
    for _ in range(PLAN.blocks * PLAN.block + 100):
        score = rng.random(3)
        whole.learn(slice(None), score)
        parts.learn(np.array([0, 2], np.int32), score[[0, 2]])
        parts.learn(np.array([1], np.int32), score[[1]])

    assert all((whole.state()[name] == array).all() for name, array in parts.state().items())
