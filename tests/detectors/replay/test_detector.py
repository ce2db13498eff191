"""What was seen before, bit for bit and in order, is a replay; what repeats itself anyway is none."""

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.replay.config import ReplayConfig
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

AT, LONG = 500, 40
"""From this second on so many readings are replayed."""
BEGUN, ENDED = AT + 3, AT + LONG + 1
"""The fourth reading in a row is evidence enough, and the second new one is the end."""


def replayed(rows, columns, source=200):
    rows = rows.copy()
    rows[AT : AT + LONG, columns] = rows[source : source + LONG, columns]
    return rows


def test_one_bay(said, noisy):
    """The fourth reading in a row begins it, the second new one ends it."""
    assert said(replayed(noisy, slice(3, 6))) == [(BEGUN, True, "bay1"), (ENDED, False, "bay1")]


def test_the_plant(said, noisy):
    """A replay of everything is one finding, not one for each bay."""
    assert said(replayed(noisy, slice(None))) == [(BEGUN, True, "plant"), (ENDED, False, "plant")]


def test_most_of_the_plant(said, noisy):
    """Where most bays are replayed, but not all, that is the plant as well."""
    assert said(replayed(noisy, slice(0, 6))) == [(BEGUN, True, "plant"), (ENDED, False, "plant")]


def test_the_only_bay_is_named_by_itself(said, noisy):
    """There is no plant beside a single group."""
    points = Points.of([(DeviceConfig(name="meter"), [PointConfig(name=f"p{n}") for n in range(9)])])

    assert said(replayed(noisy, slice(None)), points) == [(BEGUN, True, "meter"), (ENDED, False, "meter")]


def test_it_tells_since_when(plant, noisy, frame):
    """The finding says when the stretch was first seen, in the calendar's time, and which points it is about."""
    detector = ReplayConfig().build(plant)
    rows = replayed(noisy, slice(3, 6), source=200)

    began, ended = (f for at, row in enumerate(rows) for f in detector.observe(frame(at, row)))

    assert began.rows == (3, 4, 5)
    assert began.text == "bay1 replays: 4 readings in a row equal those since 2023-11-14T23:16:40Z in every bit"
    assert (began.evidence["readings"], began.evidence["age_s"]) == (4, 303)
    assert ended.text == "bay1 shows new readings again, after 41 that were seen before"


def test_a_reading_between_two_scans_is_no_end(said, noisy):
    """A run goes on over a reading that was left out, and over one that belongs to neither."""
    rows = replayed(noisy, slice(3, 6))
    rows[AT + 20, 3:6] += 1
    rows[AT + 30 : AT + LONG, 3:6] = noisy[231 : 231 + LONG - 30, 3:6]

    assert said(rows) == [(BEGUN, True, "bay1"), (ENDED, False, "bay1")]


def test_a_loop_is_one_replay(said, noisy):
    """A recording that is played over and over is one finding."""
    rows = noisy.copy()
    rows[400:580, 3:6] = np.tile(noisy[380:400, 3:6], (9, 1))

    assert said(rows) == [(403, True, "bay1"), (581, False, "bay1")]


def test_what_is_older_than_the_memory_is_new(said, noisy):
    """The ring of a bay is bounded; that of the plant is longer."""
    assert said(replayed(noisy, slice(3, 6)), group_frames=256) == []
    assert said(replayed(noisy, slice(None)), group_frames=256) == [(BEGUN, True, "plant"), (ENDED, False, "plant")]


def quiet_stretches():
    rng, seconds = np.random.default_rng(3), np.arange(900)
    ramp = np.round(100 + np.abs(seconds % 300 - 150) / 15, 1)
    yield "constant", np.full(900, 230.0)
    yield "two values by turns", 230 + seconds % 2 / 10
    yield "a breaker", (seconds % 200 > 90).astype(float)
    yield "coarse digits", np.round(230 + rng.normal(size=900) / 20, 1)
    yield "coarse digits that move slowly", np.round(ramp + rng.normal(size=900) / 50, 1)
    yield "a ramp without noise", ramp
    yield "a day without noise", np.sin(seconds % 200 / 100 * np.pi)
    yield "random steps of one digit", np.round(100 + np.cumsum(rng.integers(-1, 2, 900)) / 10, 1)
    yield "unknown", np.full(900, np.nan)


@pytest.mark.parametrize("signal", [pytest.param(values, id=name) for name, values in quiet_stretches()])
def test_what_repeats_itself_is_no_replay(said, signal):
    """Neither one such signal alone nor three of them together."""
    assert said(np.column_stack([signal] + [np.full(900, 1.0)] * 8)) == []
    assert said(np.column_stack([signal, np.roll(signal, 50), np.roll(signal, 90)] * 3)) == []


def test_a_night_without_current_is_no_replay(said, noisy):
    """A bay with noise digits by day, and two values by turns at night, is none either."""
    rows = np.tile(noisy, (3, 1)) + np.arange(1800)[:, None] * 1e-9  # no row comes twice
    rows[900:1200] = 100 + np.arange(300)[:, None] % 2 / 10
    rows[1500:1800] = rows[900:1200]

    assert said(rows) == []


def test_status_and_energy_are_spared(said, noisy):
    """A counter that goes on by itself does not hide that the rest is replayed."""
    rows = replayed(noisy, slice(3, 6))
    rows[:, 5] = np.arange(600)
    kinds = [Role(bay=f"bay{n // 3}", quantity="energy" if n == 5 else "current") for n in range(9)]
    points = Points.of([(DeviceConfig(name="rtu"), [PointConfig(name=f"p{n}", role=r) for n, r in enumerate(kinds)])])

    assert said(rows, points) == [(BEGUN, True, "bay1"), (ENDED, False, "bay1")]


def test_silence_is_no_replay(plant, noisy, frame):
    """A device that is silent, or says the same again, shows nothing that was seen before."""
    detector = ReplayConfig().build(plant)
    seen = [frame(at, row) for at, row in enumerate(noisy)]
    seen += [frame(600 + at, noisy[-1], fresh=np.arange(9) < at % 3 * 3) for at in range(200)]

    assert [finding for each in seen for finding in detector.observe(each)] == []


@pytest.mark.parametrize("stop", [300, AT + 1, BEGUN, BEGUN + 1, AT + 20, ENDED])
def test_a_restart_changes_nothing(plant, noisy, frame, stop):
    """What is restored goes on as if nothing had been, wherever it was stopped."""
    seen = [frame(at, row) for at, row in enumerate(replayed(noisy, slice(3, 6)))]
    first, second = ReplayConfig().build(plant), ReplayConfig().build(plant)
    whole = ReplayConfig().build(plant)
    expected = [finding for each in seen for finding in whole.observe(each)]

    before = [finding for each in seen[:stop] for finding in first.observe(each)]
    second.restore({name: array.copy() for name, array in first.state().items()})
    active = before if before and before[-1].active else []
    taken = second.resume(active)

    assert taken == active
    assert before + [finding for each in seen[stop:] for finding in second.observe(each)] == expected


def test_what_is_active_no_more_begins_anew(plant, noisy, frame):
    """What was ended while we were away is told again if it goes on."""
    seen = [frame(at, row) for at, row in enumerate(replayed(noisy, slice(3, 6)))]
    detector = ReplayConfig().build(plant)
    for each in seen[: AT + 20]:
        detector.observe(each)

    assert detector.resume([]) == []
    assert [(f.active, f.subject) for f in detector.observe(seen[AT + 20])] == [(True, "bay1")]


def test_it_says_what_it_has_learned(plant, noisy, frame):
    """A group is learned about for 100 readings, then it is known how often it repeats itself."""
    detector = ReplayConfig().build(plant)
    for at, row in enumerate(noisy[:50]):
        detector.observe(frame(at, row))
    learning = [(each.subject, each.state, each.share) for each in detector.learned()]
    for at, row in enumerate(noisy[50:200]):
        detector.observe(frame(50 + at, row))

    assert learning == [("bay0", "learning", 0.5), ("bay1", "learning", 0.5), ("bay2", "learning", 0.5)]
    assert {each.state for each in detector.learned()} == {"ready"}


VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324])
ROWS = st.lists(st.tuples(st.lists(VALUES, min_size=9, max_size=9), st.integers(0, 1 << 9)), max_size=60)


@examples(50)
@given(rows=ROWS, begin=st.sampled_from([0, -2_000_000_000, 2_000_000_000]))
def test_no_value_breaks_it(frame, rows, begin):
    """Whatever stands in a frame, nothing is raised and nothing warned of; too short a time finds nothing."""
    points = Points.of([(DeviceConfig(name="rtu"), [PointConfig(name=f"p{n}") for n in range(9)])])
    detector = ReplayConfig(plant_frames=64, group_frames=64).build(points)

    for at, (values, fresh) in enumerate(rows):
        assert not detector.observe(frame(begin + at, values, [fresh >> n & 1 for n in range(9)]))


def test_memory(plant):
    """Six bytes a print of a group, eight of the plant's at most, and nothing that grows."""
    kept = sum(array.nbytes for array in ReplayConfig().build(plant).state().values())

    assert kept < 8 * 86_400 + 3 * 7 * 1024
