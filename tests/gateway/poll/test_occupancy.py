"""How busy a line is: a share of the last minute, and a sum."""

import pytest

from gateway.poll.occupancy import MEMORY_S, Occupancy


def busy(line, seconds, *, now, of_each=1.0):
    """Let `line` be busy for a part of each second; return when that is over."""
    for _ in range(seconds):
        line.begin(now)
        line.end(now + of_each)
        now += 1
    return now


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seconds", [3, 60, 600])
def test_a_steady_line(share, seconds):
    """From its first seconds on it is as busy as it is, within the part of the one that has not ended."""
    line = Occupancy()
    now = busy(line, seconds, now=1000.0, of_each=share)

    assert line.share(now) == pytest.approx(share, abs=0.01)
    assert line.busy_s == pytest.approx(share * seconds)


def test_what_was_is_forgotten():
    """A minute of silence leaves a third, ten leave nothing."""
    line = Occupancy()
    now = busy(line, 600, now=1.0)

    assert line.share(now + MEMORY_S) == pytest.approx(0.368, abs=0.01)
    assert line.share(now + 10 * MEMORY_S) < 0.001


def test_a_request_that_goes_on_counts():
    """A line that waits for a device that is silent is not free; the sum has it when it is over."""
    line = Occupancy()
    line.begin(1.0)

    assert line.share(31.0) == 1
    assert line.busy_s == 0
    line.end(41.0)
    assert line.busy_s == 40


def test_a_line_that_was_never_used():
    """It is free."""
    assert Occupancy().share(5.0) == 0
