"""The simulated substation at work: the grid, the scenario, and who answers for each bay."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from simulator.play import Play, Tell, nobody
from simulator.scenario import Scenario
from simulator.speakers import SPEAKERS, Server, first_ports
from simulator.steps import Step

TICK_S = 0.15
"""How often the values change, in real seconds; meters of class 0.2 renew theirs every 100 to 200 ms."""


class Substation:
    """A substation that serves. `grid` has the values, `servers` who answers."""

    def __init__(
        self, scenario: Scenario, *, host: str, base_port: int, tell: Tell, ways: Sequence[str] = ("modbus",)
    ) -> None:
        self._play = Play(scenario, tell=tell)
        self.scenario, self.grid, self.conducts = scenario, self._play.grid, self._play.conducts
        self.speaking: dict[str, Mapping[str, Any]] = {
            word: SPEAKERS[word].build(self.grid, self.conducts, host, first)
            for word, first in first_ports(base_port).items()
            if word in ways
        }
        self._host = host
        self._frozen = False

    @property
    def active(self) -> tuple[Step, ...]:
        """What happens now."""
        return self._play.active

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
        self._play.to(time_s)
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
    tell: Tell = nobody,
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
