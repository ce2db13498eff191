"""Voltage and frequency are judged over a week by the standard, and a bay without supply is said at once."""

import numpy as np
import pytest

from detectors.model import Finding
from detectors.supply.config import SupplyConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
START_S = 1_700_006_400
"""A midnight, UTC."""


class Breaker(PointConfig):
    """A breaker's position."""

    @property
    def status(self) -> bool:
        return True


def table(**roles):
    points = [
        (Breaker if role.quantity == "breaker" else PointConfig)(name=name, unit="V", role=role)
        for name, role in roles.items()
    ]
    return Points.of([(DeviceConfig(name="meter"), points)])


def volts(phase="a", **keys):
    return Role(bay="f1", bus="b1", quantity="voltage", phase=phase, **keys)


def frame(at_s, *values):
    at_ns = int((START_S + at_s) * NS)
    found = np.array(values, np.float64)
    return Frame(at_ns, at_ns, found, np.isfinite(found))


def said(detector, frames):
    return [each for one in frames for each in detector.observe(one) if isinstance(each, Finding)]


def means(values, every_s, first=0):
    """Yield a frame an interval, and one that closes the last."""
    for k, value in enumerate([*values, values[-1]]):
        yield frame((first + k) * every_s, value)


def test_5_percent_of_a_week_may_lie_outside():
    """50 means of ten minutes outside are none too many, the 51st is; a week later it complies again."""
    detector = SupplyConfig().build(table(va=volts(rating=230.0)))

    assert not said(detector, means([230.0] * 100 + [204.0] * 50, 600))
    (lost,) = said(detector, means([204.0] * 2, 600, 151))
    assert (lost.kind, lost.active, lost.expected, lost.actual) == ("voltage_compliance", True, 230.0, 204.0)
    assert lost.text == (
        "meter.va, nominal 230 V: 51 means of 10 min of the last 7 days lie outside 90.0 to 110.0 %, 50 may"
        " (EN 50160, 95 % of a week); now 204 V, -11.3 %"
    )
    (back,) = said(detector, means([230.0] * 1008, 600, 154))
    assert not back.active
    assert back.text.startswith("meter.va, nominal 230 V: complies again")


@pytest.mark.parametrize(("value", "lost"), [(190.0, True), (196.0, False), (252.0, False), (254.0, True)])
def test_the_wide_band_holds_always(value, lost):
    """One mean below 85 % or above 110 % is enough."""
    detector = SupplyConfig().build(table(va=volts(rating=230.0)))

    assert [each.active for each in said(detector, means([230.0, value], 600))] == [True] * lost


@pytest.mark.parametrize(
    ("rating", "value", "lost"), [(240.0, 252, 0), (240.0, 255, 1), (11000.0, 10500, 0), (11000.0, 10400, 1)]
)
def test_ansi_has_other_bands_for_medium_voltage(rating, value, lost):
    """Range B is 91.7 to 105.8 % up to 600 V, 95 to 105.8 % above."""
    detector = SupplyConfig(standard="ansi_c84_1").build(table(vab=volts("ab", rating=rating)))

    assert len(said(detector, means([float(value)], 600))) == lost


def test_frequency_has_means_of_ten_seconds():
    """302 of them may lie outside of 1 % in a week, none outside of -6 and +4 %; 50 or 60 Hz tells itself."""
    detector = SupplyConfig().build(table(f=Role(bay="f1", quantity="frequency")))
    assert not said(detector, means([60.0] * 10 + [60.7] * 302, 10))
    (lost,) = said(detector, means([60.7], 10, 313))
    assert (lost.kind, lost.expected) == ("frequency_compliance", 60.0)

    other = SupplyConfig().build(table(f=Role(bay="f1", quantity="frequency", rating=50.0)))
    assert [each.active for each in said(other, means([50.0, 46.9], 10))] == [True]


def test_a_neighbour_tells_the_nominal_value():
    """A phase takes its nominal voltage from the line voltage of its bay; what nobody tells is not judged."""
    points = table(va=volts("a"), vab=volts("ab", rating=400.0), other=Role(bay="f2", quantity="voltage", phase="a"))

    outlook = {each.subject: each.possible for each in SupplyConfig().outlook(points)}
    assert outlook == {"meter.va": True, "meter.vab": True, "meter.other": False}
    detector = SupplyConfig().build(points)
    (lost,) = said(detector, [frame(0, 190.0, 400.0, 1.0), frame(600, 190.0, 400.0, 1.0)])
    assert lost.expected == pytest.approx(230.94, abs=0.01)


def test_a_dead_bay_is_an_interruption_and_no_bad_voltage():
    """All voltages below 5 % for two frames: said at once, and how long it was; the bands do not count it."""
    detector = SupplyConfig().build(table(va=volts("a", rating=230.0), vb=volts("b", rating=230.0)))
    values = [(230, 230)] * 3 + [(0, 230)] * 5 + [(1, 0)] * 900 + [(229, 231)] * 700

    found = said(detector, [frame(k, *pair) for k, pair in enumerate(values)])

    assert [(each.kind, each.subject, each.active) for each in found] == [
        ("interruption", "f1", True),
        ("interruption", "f1", False),
    ]
    assert (found[0].expected, found[0].actual) == (230.0, 1.0)
    assert found[0].text == "f1 is without supply: meter.va, meter.vb below 5 % of nominal"
    assert found[1].text == "f1 is supplied again after 15.0 min"


@pytest.mark.parametrize(("customers", "said_so"), [((), []), (("f1",), [True, False])])
def test_an_open_breaker_counts_where_there_are_customers(customers, said_so):
    """The voltage of the bus stays; only a bay that is named has customers."""
    points = table(va=volts("a", rating=230.0), cb=Role(bay="f1", quantity="breaker"))
    detector = SupplyConfig(customers_in=customers).build(points)

    found = said(detector, [frame(k, 230.0, float(not 5 <= k < 65)) for k in range(100)])

    assert [each.active for each in found] == said_so


def test_what_is_not_known_is_not_judged():
    """A device that is away for a week neither ends nor begins anything."""
    detector = SupplyConfig().build(table(va=volts(rating=230.0)))
    said(detector, [frame(0, 230.0), frame(1, 0.0), frame(2, 0.0)])

    assert not said(detector, [frame(60 * k, np.nan) for k in range(1, 7 * 1440)])
    assert [each.kind for each in said(detector, [frame(700_000, 230.0), frame(700_001, 230.0)])] == ["interruption"]


def test_a_restart_changes_nothing():
    """State put back anywhere gives the same findings."""
    values = [230.0] * 20 + [204.0] * 60 + [0.0] * 4 + [230.0] * 1010
    seen = [*means(values, 600)]
    points = table(va=volts(rating=230.0))
    whole, before, after = (SupplyConfig().build(points) for _ in range(3))
    expected = [repr(each) for each in said(whole, seen)]

    got = said(before, seen[:82])
    after.restore(before.state())
    assert after.resume([each for each in got if each.active]) == got
    got += said(after, seen[82:])

    assert [repr(each) for each in got] == expected
    assert len(expected) == 4


def test_clocks_that_jump_break_nothing():
    """Back and forth by days and years: no exception, no finding."""
    detector = SupplyConfig().build(table(va=volts(rating=230.0)))

    for jump_s in (0, 4e8, -4e8, 86_400, -86_400, 600_000):
        assert not said(detector, [frame(jump_s + 60 * k, 230.0) for k in range(30)])
