"""The bus sections as SunSpec meters, read at the places that the models of the SunSpec Alliance foresee."""

import struct

import pytest

from simulator.grid import Grid
from simulator.sunspec import METERS, START, image_of, spans_of

METER_AT = 70
"""Behind "SunS", and the head and body of the common model."""
PLACES = {"va": 12, "vb": 14, "vc": 16, "vab": 20, "vbc": 22, "vca": 24, "f": 26}
"""Model 213: from the id on, PhVphA to PPVphCA, Hz."""


@pytest.mark.parametrize("bay", METERS)
def test_they_tell_what_the_grid_says(bay):
    """Every voltage and the frequency stand where model 213 has them, to the last digit of a float32."""
    grid = Grid(1)
    words = image_of(bay, "holding", lambda name: grid[f"{bay}.{name}"])

    assert spans_of(bay)["holding"] == range(START, START + len(words))
    assert words[METER_AT : METER_AT + 2] == [213, 124]
    for name, place in PLACES.items():
        [value] = struct.unpack(">f", struct.pack(">2H", *words[METER_AT + place :][:2]))

        assert value == pytest.approx(grid[f"{bay}.{name}"], rel=1e-6), name
    assert words[-2:] == [0xFFFF, 0]
