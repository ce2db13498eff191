"""GOOSE publishers for days: a heartbeat, states with their quick repetitions, and what real relays do otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from simulator.attacks.gooseframe import GooseFrame
from simulator.traffic.plan import MS, NS, Plan, Timed

HEARTBEAT_NS: Final = 2 * NS
QUICK_NS: Final = tuple(each * MS for each in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024))
"""How soon a state is repeated; then with the heartbeat."""
CHANGES: Final = 96
"""In a day."""
FLICKERS: Final = 0.3
"""How many changes are followed by one back within milliseconds, as contacts bounce."""


@dataclass(frozen=True)
class Publisher:
    """`quirk`: one keeps the time of the first state for all, one changes it with each frame of a state."""

    plan: Plan
    first: GooseFrame
    quirk: Literal["none", "old_time", "each_time"] = "none"

    def frames(self) -> Iterator[Timed]:
        """Yield all frames that a switch forwards."""
        chance = self.plan.chance(self.first.ref)
        now_ns = self.plan.begin_ns + chance.randrange(HEARTBEAT_NS)
        state = replace(self.first, st=chance.randrange(1, 500), t_ns=now_ns, sq=chance.randrange(2000))
        change_ns, repeated = now_ns + self._next(chance), len(QUICK_NS)
        while now_ns < self.plan.end_ns:
            if now_ns not in self.plan.reboot:
                yield now_ns, state.frame()
            wait_ns = QUICK_NS[repeated] if repeated < len(QUICK_NS) else HEARTBEAT_NS
            repeated += 1
            if now_ns + wait_ns >= change_ns:
                now_ns = max(change_ns, now_ns + MS)
                state, repeated = self._changed(state, now_ns), 0
                change_ns = now_ns + (
                    chance.randrange(3 * MS, 40 * MS) if chance.random() < FLICKERS else self._next(chance)
                )
            else:
                now_ns += wait_ns + chance.randrange(MS // 2)
                t_ns = now_ns if self.quirk == "each_time" else state.t_ns
                state = replace(state, sq=state.sq + 1, t_ns=t_ns)

    def _changed(self, state: GooseFrame, now_ns: int) -> GooseFrame:
        first, *others = state.values
        t_ns = state.t_ns if self.quirk == "old_time" else now_ns
        return replace(state, st=state.st + 1, sq=0, t_ns=t_ns, values=(not first, *others))

    def _next(self, chance: Random) -> int:
        return round(chance.expovariate(CHANGES / self.plan.day_s) * NS)
