"""What is worked out once, or not anew while nothing changes, changes no finding and no state."""

import numpy as np
import pytest

from detectors.physics.config import BalanceConfig, ConsistencyConfig, UnbalanceConfig
from protocols.model import Frame

CONFIGS = (BalanceConfig(), ConsistencyConfig(), UnbalanceConfig(voltage_percent=0.3))
every = pytest.mark.parametrize("config", CONFIGS, ids=[config.detector for config in CONFIGS])


@pytest.fixture
def recording(plant, demo):
    """Return 90 frames with a wrong value, a switched coupler, a silent device and points that are read seldom."""
    site, chance, frames = plant(), np.random.default_rng(7), []
    wrong = {10: ("feeder1.p", 0.5), 25: ("feeder4.vb", 1.05), 40: ("t1.p", -1.0)}
    coupler = [row for row in range(len(demo)) if "coupler" in demo.label(row)]
    for second in range(90):
        if second in wrong:
            label, factor = wrong[second]
            site.wrong[label] = lambda v, factor=factor: factor * v
        if second in (35, 60):
            site.wrong.clear()
        site.silent = {"feeder2"} if 50 <= second < 75 else set()
        frame = site.frame()
        if 20 <= second < 30:
            frame.values[coupler] = 1 - frame.values[coupler]
        seldom = chance.random(len(demo)) < (0.6 if second % 30 > 20 else 2.0)
        frames.append(Frame(frame.time_ns, frame.utc_ns, frame.values, frame.fresh & seldom))
    return frames


def active_after(active, said):
    """Return what is active after `said`, of what was `active` before."""
    left = {(each.subject, each.rows if not each.subject else ()): each for each in active}
    for each in said:
        left.pop((each.subject, each.rows if not each.subject else ()), None)
        if each.active:
            left[(each.subject, each.rows if not each.subject else ())] = each
    return list(left.values())


@every
def test_it_says_the_same_as_one_that_remembers_only_its_state(demo, recording, config):
    """A new detector for every frame, with the state of the one before, ends with the same findings and state."""
    one, other, active = config.build(demo), config.build(demo), []
    for frame in recording:
        expected = list(one.observe(frame))
        new = config.build(demo)
        new.restore({name: np.array(array) for name, array in other.state().items()})
        new.resume(active)
        other = new
        said = list(other.observe(frame))
        active = active_after(active, said)

        assert said == expected

    for name, array in one.state().items():
        assert np.array_equal(array, other.state()[name], equal_nan=array.dtype.kind == "f"), name


def test_two_that_share_the_sheet_do_not_disturb_each_other(plant, demo, recording):
    """Balance and consistency look at the same numbers of a frame, and say what each of them says alone."""
    together = [config.build(demo) for config in CONFIGS[:2]]
    alone = [config.build(demo) for config in CONFIGS[:2]]

    assert together[0].judge.system.sheet is together[1].judge.system.sheet
    said = [[each for frame in recording for each in detector.observe(frame)] for detector in alone]
    both = [list(map(list, (detector.observe(frame) for detector in together))) for frame in recording]

    assert said == [[each for pair in both for each in pair[k]] for k in (0, 1)]


def test_balances_of_one_bus_are_its_own(demo, recording):
    """A balance that was asked for one bus finds there what the balance of all buses finds."""
    every_bus, first = BalanceConfig().build(demo), BalanceConfig(bus="bb1").build(demo)
    found = [each for frame in recording for each in every_bus.observe(frame)]
    own = [each for frame in recording for each in first.observe(frame)]

    assert own
    assert own == [each for each in found if "bb1" in each.subject.split("+")]
