"""The time of an outstation, when our own clock is set while it is given."""

import time

import pytest

from protocols.dnp3.requests import MEASURE_DELAY, RECORD_CURRENT_TIME
from protocols.dnp3.timesync import Delay, TimeSync
from protocols.driver import Outside


class Session:
    """An outstation that takes what it is told; our clock may be set while it answers."""

    def __init__(self) -> None:
        self.asked = []
        self.ahead_ns = self.step_ns = 0

    def carry_out(self, procedure):
        """Answer each request of `procedure`, and return what it says in the end."""
        try:
            request = next(procedure)
            while True:
                self.asked.append(request)
                self.ahead_ns += self.step_ns
                request = procedure.send(0)
        except StopIteration as over:
            return over.value

    def clock(self) -> int:
        return time.monotonic_ns() + 10**18 + self.ahead_ns


@pytest.mark.parametrize(("word", "first"), [("lan", RECORD_CURRENT_TIME), ("nonlan", MEASURE_DELAY)])
@pytest.mark.parametrize("step_s", [1, -1, 31_536_000])
async def test_our_clock_is_set_meanwhile(word, first, step_s):
    """Nothing is written, it is said, and the next attempt may come at once and gives the right time."""
    session = Session()
    sync = TimeSync(word, Outside(clock=session.clock, synchronised=lambda: True))
    session.step_ns = step_s * 10**9
    said = session.carry_out(sync.run(lambda: Delay(0, session.clock())))
    assert (session.asked, said[:26]) == ([first], "our own clock was set mean")
    session.step_ns = 0

    assert session.carry_out(sync.run(lambda: Delay(0, session.clock()))) == "its clock was set"
    assert [len(session.asked), session.asked[1]] == [3, first]
    told_ms = int.from_bytes(session.asked[2].objects[-6:], "little")
    assert abs(told_ms - session.clock() // 10**6) < 1000
