"""The simulated substation at work: the grid, the scenario, and who answers for each bay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.scenario import Scenario
from simulator.speakers import SPEAKERS, Server, first_ports
from simulator.steps import Step

TICK_S = 0.15
"""How often the values change, in real seconds; meters of class 0.2 renew theirs every 100 to 200 ms."""

Tell: TypeAlias = Callable[[Step, bool], None]
"""Called when a step begins (True) and when it ends (False)."""


def _nobody(_step: Step, _begins: bool) -> None:  # noqa: FBT001  # the signature of Tell
    """Tell nobody."""


class Substation:
    """A substation that serves. `grid` has the values, `servers` who answers, `active` what happens now."""

    def __init__(
        self, scenario: Scenario, *, host: str, base_port: int, tell: Tell, ways: Sequence[str] = ("modbus",)
    ) -> None:
        self.scenario = scenario
        self.grid = Grid(scenario.seed, scenario.start_s)
        self.conducts = {bay: Conduct() for bay in BAYS}
        self.active: tuple[Step, ...] = ()
        self.speaking: dict[str, Mapping[str, Any]] = {
            word: SPEAKERS[word].build(self.grid, self.conducts, host, first)
            for word, first in first_ports(base_port).items()
            if word in ways
        }
        self._host = host
        self._tell = tell
        self._frozen = False

    @property
    def servers(self) -> Sequence[Server]:
        """Every server, once."""
        return tuple(dict.fromkeys(server for bays in self.speaking.values() for server in bays.values()))

    @property
    def urls(self) -> dict[str, dict[str, str]]:
        """Where each way reaches each bay, while it serves."""
        return {
            word: {
                bay: SPEAKERS[word].url.format(host=self._host, place=SPEAKERS[word].place(server))
                for bay, server in bays.items()
            }
            for word, bays in self.speaking.items()
        }

    @property
    def ports(self) -> dict[str, int]:
        """The Modbus TCP port of each bay."""
        return {bay: server.port for bay, server in self.speaking["modbus"].items()}

    def freeze(self) -> None:
        """Let no more time pass: everything keeps its value, and is served on."""
        self._frozen = True

    async def play(self, time_s: float) -> None:
        """Bring everything to `time_s` simulated seconds after the start."""
        due = self.scenario.active(time_s)
        for step in self.active:
            if step not in due:
                step.end(self)
                self._tell(step, False)
        for step in due:
            if step not in self.active:
                step.begin(self)
                self._tell(step, True)
        self.active = due
        self.grid.advance(self.scenario.start_s + time_s)
        await self._follow()

    async def run(self) -> None:
        """Let time pass, for ever."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            if self._frozen:
                await self._follow()
            else:
                await self.play((loop.time() - start) * self.scenario.speed)
            await asyncio.sleep(TICK_S)

    async def _follow(self) -> None:
        for server in self.servers:
            await server.follow()


@asynccontextmanager
async def serve(
    scenario: Scenario,
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    tell: Tell = _nobody,
    ways: Sequence[str] = ("modbus",),
) -> AsyncIterator[Substation]:
    """Serve `scenario` by the `ways` while the context lasts; ports are from `base_port` on, or free ones if it is 0.

    What is raised inside comes out in an ExceptionGroup, as from a TaskGroup.

    Raises:
        OSError: a port is taken.
    """
    substation = Substation(scenario, host=host, base_port=base_port, tell=tell, ways=ways)
    async with AsyncExitStack() as stack:
        for server in substation.servers:
            stack.push_async_callback(server.stop)
            await server.start()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(substation.run(), name="simulator:run")
            yield substation
            running.cancel()
