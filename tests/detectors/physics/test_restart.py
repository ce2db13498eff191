"""A restart in the middle changes no finding: state is put back, and what is active is taken up."""

from itertools import chain

import numpy as np
import pytest

from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig, UnbalanceConfig

CONFIGS = (BalanceConfig(), ConsistencyConfig(), UnbalanceConfig(voltage_percent=0.3), OverloadConfig())
every = pytest.mark.parametrize("config", CONFIGS, ids=[config.detector for config in CONFIGS])


@pytest.fixture
def recording(plant):
    """Return 120 frames in which points go wrong and right again."""
    site = plant()
    wrong = {20: ("feeder1.p", 0.5), 35: ("feeder4.vb", 1.05), 50: ("t1.p", -1.0), 70: ("bus2.f", 1.02)}
    frames = []
    for second in range(120):
        if second in wrong:
            label, factor = wrong[second]
            site.wrong[label] = lambda v, factor=factor: factor * v
        if second in (45, 60, 90):
            site.wrong.clear()
        frames.append(site.frame())
    return frames


def active_after(said):
    """Return what began and has not ended, by what it is about."""
    active = {}
    for each in said:
        key = (each.subject, each.kind, each.rows if not each.subject else ())
        active.pop(key, None)
        if each.active:
            active[key] = each
    return list(active.values())


@every
@pytest.mark.parametrize("at", [21, 37, 75])
def test_a_restart_changes_no_finding(demo, recording, config, at):
    """State and active findings handed to a new detector give the findings that the old one would have given."""
    whole = config.build(demo)
    expected = [list(whole.observe(frame)) for frame in recording]

    first, second = config.build(demo), config.build(demo)
    said = [list(first.observe(frame)) for frame in recording[:at]]
    second.restore({name: np.array(array) for name, array in first.state().items()})
    active = active_after(chain(*said))
    assert list(second.resume(active)) == active
    said += [list(second.observe(frame)) for frame in recording[at:]]

    assert said == expected


@every
def test_without_its_state_it_ends_what_was_active(demo, recording, config):
    """When only the findings are left, they are taken up, and ended once the values fit again."""
    first = config.build(demo)
    began = active_after(chain(*(first.observe(frame) for frame in recording[:38])))

    second = config.build(demo)
    assert list(second.resume(began)) == began
    said = [each for frame in recording[90:] * 2 for each in second.observe(frame)]

    assert {(each.subject, each.kind) for each in said if not each.active} >= {(b.subject, b.kind) for b in began}


@pytest.mark.parametrize("config", CONFIGS[:3], ids=[config.detector for config in CONFIGS[:3]])
def test_state_of_another_plant_is_refused(demo, points_of, config):
    """A state whose arrays do not fit changes nothing."""
    other = config.build(points_of(("v", "V", {"quantity": "voltage"}), ("p", "W", {"quantity": "active_power"})))
    detector = config.build(demo)
    before = {name: np.array(array) for name, array in detector.state().items()}

    with pytest.raises(ValueError, match="state"):
        detector.restore(other.state())

    assert all(np.array_equal(before[name], array, equal_nan=True) for name, array in detector.state().items())
