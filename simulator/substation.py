"""The simulated substation at work: the grid, the scenario, and a server for each bay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS
from simulator.modbus import ModbusBay
from simulator.scenario import Scenario
from simulator.speakers import POLYGLOT, SPEAKERS, Server
from simulator.steps import Step

TICK_S = 0.15
"""How often the values change, in real seconds; meters of class 0.2 renew theirs every 100 to 200 ms."""

Tell: TypeAlias = Callable[[Step, bool], None]
"""Called when a step begins (True) and when it ends (False)."""


def _nobody(_step: Step, _begins: bool) -> None:  # noqa: FBT001  # the signature of Tell
    """Tell nobody."""


class Substation:
    """A substation that serves. `grid` has the values, `ports` where each bay answers, `active` what happens now."""

    def __init__(self, scenario: Scenario, *, host: str, base_port: int, tell: Tell, also: Sequence[str] = ()) -> None:
        self.scenario = scenario
        self.grid = Grid(scenario.seed, scenario.start_s)
        self.conducts = {bay: Conduct() for bay in BAYS}
        self.active: tuple[Step, ...] = ()
        self.bays = tuple(
            ModbusBay(bay, self.grid, self.conducts[bay], host=host, port=base_port and base_port + index)
            for index, bay in enumerate(BAYS)
        )
        first = base_port and base_port + len(BAYS)
        self.others: dict[str, Server] = {
            word: SPEAKERS[word].build(POLYGLOT, self.grid, self.conducts[POLYGLOT], host, first and first + index)
            for index, word in enumerate(also)
        }
        self._tell = tell

    @property
    def servers(self) -> Sequence[Server]:
        """Every server, of Modbus and of the others."""
        return (*self.bays, *self.others.values())

    @property
    def other_ports(self) -> dict[str, int]:
        """The port of each other protocol, at the bay that speaks them all."""
        return {word: server.port for word, server in self.others.items()}

    @property
    def ports(self) -> dict[str, int]:
        """The Modbus TCP port of each bay."""
        return {bay.bay: bay.port for bay in self.bays}

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
        for server in self.servers:
            await server.follow()

    async def run(self) -> None:
        """Let time pass, for ever."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            await self.play((loop.time() - start) * self.scenario.speed)
            await asyncio.sleep(TICK_S)


@asynccontextmanager
async def serve(
    scenario: Scenario,
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    tell: Tell = _nobody,
    also: Sequence[str] = (),
) -> AsyncIterator[Substation]:
    """Serve `scenario` while the context lasts; bays have ports from `base_port` on, or free ones if it is 0.

    What is raised inside comes out in an ExceptionGroup, as from a TaskGroup.

    Raises:
        OSError: a port is taken.
    """
    substation = Substation(scenario, host=host, base_port=base_port, tell=tell, also=also)
    async with AsyncExitStack() as stack:
        for server in substation.servers:
            stack.push_async_callback(server.stop)
            await server.start()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(substation.run(), name="simulator:run")
            yield substation
            running.cancel()
