"""A scenario at work on a grid: begins and ends its steps as time goes by. Is handed the time."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.scenario import Scenario
from simulator.steps import Step

Tell: TypeAlias = Callable[[Step, bool], None]
"""Called when a step begins (True) and when it ends (False)."""


def nobody(_step: Step, _begins: bool) -> None:  # noqa: FBT001  # the signature of Tell
    """Tell nobody."""


class Play:
    """What a scenario makes of `grid` and of the `conducts` of the bays' servers; `active` is what happens now.

    A grid that was handed in goes on from where it stands: the scenario's start is its present.
    """

    def __init__(self, scenario: Scenario, *, grid: Grid | None = None, tell: Tell = nobody) -> None:
        self.scenario = scenario
        self.grid = Grid(scenario.seed, scenario.start_s) if grid is None else grid
        self.conducts: Mapping[str, Conduct] = {bay: Conduct() for bay in BAYS}
        self.active: tuple[Step, ...] = ()
        self._start_s = self.grid.time_s
        self._tell = tell
        for step in scenario.steps:
            step.prepare(self)

    def to(self, time_s: float) -> None:
        """Bring everything to `time_s` seconds after the start."""
        due = self.scenario.active(time_s)
        for step in self.active:
            if step not in due:
                step.end(self)
                self._tell(step, False)
        for step in due:
            if step not in self.active:
                step.begin(self)
                self._tell(step, True)
            step.go_on(self, self.scenario.phase(time_s) - step.at_s)
        self.active = due
        self.grid.advance(self._start_s + self._renewed(time_s))

    def _renewed(self, time_s: float) -> float:
        """Return when the instruments have last renewed what they show."""
        every_s = self.scenario.renew_s
        return time_s - time_s % every_s if every_s else time_s
