"""Silence: a wire that is never quiet and is not heard any more is told each second; a quiet one is left alone."""

import pytest

from protocols.model import EventKind
from protocols.tap.capture.silence import SILENT_S, STEADY_S, Silence

NS = 1_000_000_000


def told(frames_each_s: list[int]) -> list[int]:
    """Return the seconds of silence that are told while so many frames come in each second; asked twice a second."""
    silence, frames, said = Silence("tap1"), 0, []
    for second, more in enumerate(frames_each_s):
        frames += more
        for part in (0, NS // 2):
            said += silence.look(frames, second * NS + part)
    assert all(each.kind is EventKind.DROPS and "dropped" not in each.facts for each in said)
    return [each.facts["silent_s"] for each in said]


def test_a_switch_that_restarts():
    """From the fourth second on it is told, until frames come again."""
    assert told([3] * STEADY_S + [0] * 7 + [3] * 5) == [4, 5, 6, 7]


def test_again_only_after_a_steady_minute():
    """What flutters is no wire of which silence says anything."""
    assert told([3] * STEADY_S + [0] * 4 + [3] * 10 + [0] * 9) == [4]
    assert told([3] * STEADY_S + [0] * 4 + [3] * (STEADY_S + 1) + [0] * 4) == [4, 4]


@pytest.mark.parametrize("usual", [[5, 0, 0] * 60, [0] * 300, [3] * (STEADY_S - 1), [1, 0] * 30 + [1, 0, 0] + [1] * 9])
def test_a_quiet_wire(usual):
    """Where there are pauses anyway, or nothing was heard for long enough, silence is nothing."""
    assert told([*usual, *[0] * (SILENT_S + 10)]) == []
