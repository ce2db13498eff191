"""The gateway's clock: it follows the wall clock at one moment, and knows a stamp of just before."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.timeline import GLANCE_NS, STEP_NS, Timeline

NS = 1_000_000_000
START_NS = 1_800_000_000 * NS


class Clocks:
    """A wall clock that can be set, and a monotonic one."""

    def __init__(self):
        self.steady_ns, self.offset_ns, self.interrupted_ns = 5 * NS, START_NS, 0

    def wall(self):
        said = self.steady_ns + self.offset_ns
        self.steady_ns += self.interrupted_ns
        return said

    def steady(self):
        return self.steady_ns

    def timeline(self):
        return Timeline(self.wall, self.steady)


def test_it_follows_when_it_is_looked_at():
    """Before that it runs on; afterwards it tells what the wall clock tells, since when it runs included."""
    clocks = Clocks()
    clock = clocks.timeline()
    clocks.steady_ns += 3 * NS
    clocks.offset_ns -= 3600 * NS
    before = clock()
    assert not clock.agrees

    assert before == START_NS + 8 * NS
    assert (clock.follow(), clock.follow()) == (-3600 * NS, 0)
    assert (clock(), clock.since_ns) == (before - 3600 * NS, START_NS + 5 * NS - 3600 * NS)
    assert (clock.stepped_ns, clock.agrees) == (-3600 * NS, True)


def test_a_trifle_is_no_step():
    """It is followed and not told; a look that was interrupted says nothing, and the next one does."""
    clocks = Clocks()
    clock = clocks.timeline()
    clocks.offset_ns += STEP_NS - 1
    assert (clock.follow(), clock()) == (0, clocks.wall())
    clocks.interrupted_ns = GLANCE_NS + 1
    clocks.offset_ns += NS
    assert clock.follow() == 0
    clocks.interrupted_ns = 0

    assert clock.follow() == NS


def test_a_trifle_after_a_step_moves_no_stamp():
    """A clock set back by a millisecond leaves stamps of just before in its future: they are not of an hour ago."""
    clocks = Clocks()
    clock = clocks.timeline()
    clocks.offset_ns += 3600 * NS
    clock.follow()
    stamp_ns = clock()
    clocks.offset_ns -= 1_000_000
    clock.follow()

    assert clock.renewed(stamp_ns) == stamp_ns


@given(
    by_ns=st.integers(STEP_NS, 10**17).flatmap(lambda ns: st.sampled_from([ns, -ns])),
    before_ns=st.integers(0, 60 * NS),
    after_ns=st.integers(0, 60 * NS),
    late_ns=st.integers(0, 60 * NS),
)
def test_a_stamp_of_before_the_step_is_renewed(by_ns, before_ns, after_ns, late_ns):
    """A stamp made after the step stays; one of before moves with the step, or is one that may have been made since."""
    clocks = Clocks()
    clocks.offset_ns = 10**18
    clock = clocks.timeline()
    old = clock()
    clocks.steady_ns += before_ns
    clocks.offset_ns += by_ns
    clock.follow()
    clocks.steady_ns += after_ns
    new = clock()
    clocks.steady_ns += late_ns

    assert clock.renewed(new) == new
    assert clock.renewed(old) == old + by_ns or clock.renewed(old) == old < clock() + STEP_NS
    assert clock.renewed(old) < clock() + STEP_NS
