"""Whether our clock is synchronised: asked of the kernel, then of timesyncd's file."""

import os
import time

import pytest

from gateway import clocksync


@pytest.mark.parametrize(("state", "expected"), [(0, True), (1, True), (5, False)])
def test_the_kernel_tells(monkeypatch, state, expected):
    """TIME_OK and a leap second ahead are well; TIME_ERROR is not."""
    monkeypatch.setattr(clocksync, "_kernel", lambda: state)

    assert clocksync.synchronised() is expected


@pytest.mark.parametrize(("age_s", "expected"), [(0, True), (6000, True), (7000, False), (None, False)])
def test_timesyncd_tells_where_the_kernel_may_not_be_asked(monkeypatch, tmp_path, age_s, expected):
    """A file touched lately is well; an old one, or none, is not."""
    monkeypatch.setattr(clocksync, "_kernel", lambda: -1)
    monkeypatch.setattr(clocksync, "TIMESYNCD", tmp_path / "synchronized")
    if age_s is not None:
        clocksync.TIMESYNCD.touch()
        os.utime(clocksync.TIMESYNCD, (time.time() - age_s,) * 2)

    assert clocksync.synchronised() is expected


def test_the_real_kernel_answers():
    """What adjtimex says here is one of its states, or that it may not be asked."""
    assert clocksync._kernel() in range(-1, 6)
