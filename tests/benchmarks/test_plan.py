"""The calibration of the plan finds what it is made of."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("parts", [[0.01, 70e-6, 1e-6], [0.01, 0.0, 1e-6]])
def test_parts_are_found(parts):
    """From their sums; one that costs nothing is none, whatever the others do."""
    from plan import fit

    rows = np.array([[1, 1, 1], [1, 400, 400], [1, 80, 10_000], [1, 20, 20_000], [1, 900, 100]], float)

    assert fit(rows, rows @ np.array(parts)) == pytest.approx(parts, abs=1e-9)


def test_no_part_is_negative():
    """Noise that would make one so makes it none."""
    from plan import fit

    found = fit(np.array([[1, 1], [1, 100], [1, 1000]], float), np.array([0.012, 0.011, 0.010]))

    assert (found >= 0).all()
    assert found[1] == 0
