"""Duval's triangle 1 and the gas ratios of IEC 60599, against cases whose answer is known."""

import numpy as np
import pytest

from detectors.assets.dissolved_gas import diagnosed
from detectors.assets.gases import WORDS, fault_of, ratios, triangle

# CH4, C2H4, C2H2 in per cent, and the zone they lie in by the drawing of the triangle (IEC 60599:2015 figure B.3)
ZONES = [
    ((99, 1, 0), "PD"), ((98, 2, 0), "PD"), ((97, 2, 1), "T1"), ((90, 10, 0), "T1"), ((80, 20, 0), "T2"),
    ((60, 39, 1), "T2"), ((50, 50, 0), "T3"), ((20, 70, 10), "T3"), ((0, 86, 14), "T3"), ((85, 10, 5), "DT"),
    ((40, 48, 12), "DT"), ((40, 45, 15), "DT"), ((85, 2, 13), "D1"), ((10, 10, 80), "D1"), ((0, 0, 100), "D1"),
    ((50, 30, 20), "D2"), ((30, 23, 47), "D2"), ((5, 60, 35), "D2"), ((30, 41, 29), "D2"), ((20, 55, 25), "DT"),
]  # fmt: skip

# H2, CH4, C2H6, C2H4, C2H2 in ppm, and the fault: analyses whose ratios lie well within one row of IEC 60599 table 1
CASES = [
    ((1000, 50, 100, 10, 0), "PD"), ((500, 150, 20, 60, 180), "D1"), ((300, 180, 30, 260, 300), "D2"),
    ((50, 200, 300, 60, 0), "T1"), ((60, 250, 120, 300, 5), "T2"), ((200, 700, 150, 1700, 60), "T3"),
]  # fmt: skip


# CH4, C2H4 at the corners of the zones: A. Akbari et al., Software Implementation of the Duval Triangle, ISEI 2008
POLYGONS = {
    "PD": [(0.98, 0.02), (1, 0), (0.98, 0)],
    "D1": [(0, 0), (0, 0.23), (0.64, 0.23), (0.87, 0)],
    "D2": [(0, 0.23), (0, 0.71), (0.31, 0.4), (0.47, 0.4), (0.64, 0.23)],
    "DT": [(0, 0.71), (0, 0.85), (0.35, 0.5), (0.46, 0.5), (0.96, 0), (0.87, 0), (0.47, 0.4), (0.31, 0.4)],
    "T1": [(0.76, 0.2), (0.8, 0.2), (0.98, 0.02), (0.98, 0), (0.96, 0)],
    "T2": [(0.46, 0.5), (0.5, 0.5), (0.8, 0.2), (0.76, 0.2)],
    "T3": [(0, 0.85), (0, 1), (0.5, 0.5), (0.35, 0.5)],
}


@pytest.mark.parametrize(("shares", "zone"), ZONES)
def test_zones_of_the_triangle(shares, zone):
    """Each zone, and its borders, as they are drawn; also in other amounts."""
    methane, ethylene, acetylene = (np.array([share, 7.5 * share]) for share in shares)

    assert [WORDS[fault] for fault in triangle(methane, ethylene, acetylene)] == [zone, zone]


@pytest.mark.parametrize(("gases", "fault"), CASES)
def test_ratios(gases, fault):
    """Each row of the table."""
    assert WORDS[ratios(*np.array(gases, float)[:, None])[0]] == fault


def test_zones_are_the_published_polygons():
    """Each of 20 000 points away from a border lies in the polygon of its zone, and in no other."""
    methane, ethylene, acetylene = np.random.default_rng(0).dirichlet((1, 1, 1), 20_000).T
    zone = triangle(methane, ethylene, acetylene)
    for word, corners in POLYGONS.items():
        inside, near = _inside(methane, ethylene, np.array(corners))

        assert (inside == (zone == WORDS.index(word)))[~near].all()
    assert set(zone.tolist()) == set(range(1, 8))


def _inside(x, y, corners):
    """Return which points lie in a polygon, by the crossings of a ray; and which lie within 0.5 % of its border."""
    inside, near = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        near |= np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) < 0.005
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside, near


def test_what_is_not_known_is_no_fault():
    """Nothing at all, a gas that is missing, or numbers that overflow make no fault and no warning."""
    nothing = np.zeros(1)
    huge = np.full(1, 1.7e308)

    assert triangle(nothing, nothing, nothing)[0] == triangle(np.array([np.nan]), nothing, nothing + 1)[0] == 0
    assert ratios(nothing, nothing, nothing, nothing, np.array([np.nan]))[0] == 0
    assert triangle(huge, huge, huge)[0] == 0


def test_the_triangle_answers_where_no_ratio_fits():
    """Ratios first; the zone of the triangle for an analysis outside their table."""
    analyses = np.array([[60, 250, 120, 300, 5, np.nan, np.nan], [2.0, 1, 30, 20, 60, 5, 5]])

    assert [WORDS[fault] for fault in fault_of(diagnosed(analyses))] == ["T2", "D2"]
