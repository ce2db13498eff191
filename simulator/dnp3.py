"""A bay as a DNP3 outstation: tells what changes in the grid, with its own time, and misbehaves as its conduct says."""

import time

from simulator.conduct import Conduct
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_points import ADDRESS, PLACES
from simulator.dnp3_server import Server
from simulator.grid import Grid


class Dnp3Bay:
    """The outstation of one bay. `port` is known once it serves, `outstation` is what can be done to it."""

    def __init__(self, bay: str, grid: Grid, conduct: Conduct, *, host: str, port: int) -> None:
        self.bay = bay
        self.port = port
        self.conduct = conduct
        self.outstation = Outstation(lambda: time.time_ns() // 1_000_000 + round(conduct.clock_s * 1000))
        self._restarts = conduct.restarts
        self._host, self._grid = host, grid
        self._server = Server({ADDRESS: self.outstation}, conduct)
        self._told: dict[str, float] = {}
        for place in PLACES[bay]:
            value = self._told[place.name] = self._value(place.name)
            self.outstation.add(place.kind, place.index, value, event_class=place.event_class)

    @property
    def serving(self) -> bool:
        """Whether the port is open."""
        return self._server.serving

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        await self._server.start(self._host, self.port)
        self.port = self._server.port

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        await self._server.stop()

    async def follow(self) -> None:
        """Take what the grid measures now, and open or close the port as the conduct asks."""
        self.outstation.refused = {
            (place.kind, place.index)
            for place in PLACES[self.bay]
            if f"{self.bay}.{place.name}" in self.conduct.refused
        }
        for place in PLACES[self.bay]:
            value = self._value(place.name)
            self.outstation.points[place.kind, place.index].value = value
            if place.moved(value, self._told[place.name]):
                self._told[place.name] = value
                self.outstation.change(place.kind, place.index, value)
        self.outstation.insists = self.conduct.insists
        closed, restarts = self.conduct.answers == "closed", self.conduct.restarts
        if self.serving and (closed or restarts != self._restarts):
            await self.stop()
        self._restarts = restarts
        if not closed and not self.serving:
            self.outstation.restart()
            await self.start()

    def _value(self, name: str) -> float:
        return self._grid[f"{self.bay}.{name}"]
