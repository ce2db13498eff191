"""What both checks of single tags promise of any frames at all."""

import pickle

import numpy as np
import pytest
from examples import examples
from frames import frame, points, whole
from hypothesis import given
from hypothesis import strategies as st

from detectors.deviation.config import DeviationConfig
from detectors.pattern.config import PatternConfig
from protocols.model import Frame

TABLE = points({"bay1": [None, "voltage", "tap"], "empty": [], "bay2": ["frequency", None]})
TAGS = 5
VALUES = st.sampled_from([0.0, 1.0, 1.5, -3.0, 1e-300, 1e9, 1e300, -1e300, np.inf, np.nan]) | st.floats()
both = pytest.mark.parametrize("config", [DeviationConfig(), PatternConfig(every_s=1)], ids=["deviation", "pattern"])


@st.composite
def frames(draw):
    """Return frames of any numbers, at any times, with any points fresh."""
    seen, at_ns = [], draw(st.integers(0, 2**61))
    for _ in range(draw(st.integers(1, 60))):
        at_ns = max(0, at_ns + draw(st.sampled_from([10**9, 10**9, 60 * 10**9, 3600 * 10**9, -(10**13), 10**15])))
        values = np.array(draw(st.lists(VALUES, min_size=TAGS, max_size=TAGS)))
        fresh = np.array(draw(st.lists(st.booleans(), min_size=TAGS, max_size=TAGS))) & np.isfinite(values)
        seen.append(Frame(at_ns, draw(st.sampled_from([at_ns, 0, 2**61])), np.where(fresh, values, np.nan), fresh))
    return seen


@both
@examples(12)
@given(seen=frames())
def test_no_frame_breaks_it(config, seen):
    """NaN, infinity, the largest numbers, gaps and clocks that leap raise nothing, warn of nothing, and say no NaN."""
    detector = config.build(TABLE)

    for finding in [finding for each in seen for finding in detector.observe(each)]:
        assert np.isfinite(finding.score)
        assert finding.rows[0] in (0, 1, 3, 4)


@both
@examples(6)
@given(seen=frames(), at=st.integers(0, 60))
def test_twice_the_same_and_over_a_restart(config, seen, at):
    """The same frames say the same to the byte, also through a restart at any point."""
    once, again, before = config.build(TABLE), config.build(TABLE), config.build(TABLE)
    told = whole(once, seen)
    kept = whole(before, seen[:at])
    again.restore({name: array.copy() for name, array in before.state().items()})
    again.resume([])

    assert whole(config.build(TABLE), seen) == told
    if not kept:
        assert whole(again, seen[at:]) == told


@both
def test_its_memory_does_not_grow(config):
    """After the first frames, thousands more take no memory."""
    detector, rng = config.build(TABLE), np.random.default_rng(0)

    def live(begin, end):
        for at_s in range(begin, end):
            detector.observe(frame(at_s, rng.normal(100, 1, TAGS)))

    live(0, 100)
    before = len(pickle.dumps(detector))
    live(100, 3000)

    assert len(pickle.dumps(detector)) <= before + 64


@both
@pytest.mark.parametrize("value", [0.0, 5e5])
def test_a_constant_says_nothing(config, value):
    """What never moves has no spike, no range and no pattern to break, and its first move is none either."""
    detector = config.build(TABLE)
    values = np.full((9000, TAGS), value)
    values[-300:] = value + 1

    assert not whole(detector, [frame(at_s, row) for at_s, row in enumerate(values)])
