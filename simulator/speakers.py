"""What a bay can speak beside Modbus: for each protocol its server, and how the gateway's configuration reaches it.

Servers are imported when somebody asks for them: their libraries are large.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from simulator.conduct import Conduct
from simulator.grid import Grid


class Server(Protocol):
    """One bay on one protocol. `port` is known once it serves."""

    bay: str
    port: int

    async def start(self) -> None:
        """Serve. OSError: the port is taken."""

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""

    async def follow(self) -> None:
        """Take what the grid measures now."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A protocol: where its server is, its url with {host} and {port}, and keys of a device beside the url.

    `points` tells name, address and unit of everything that a bay measures.
    """

    server: str
    url: str
    keys: Mapping[str, object]
    points: Callable[[str], Sequence[tuple[str, str, str]]]

    def build(self, bay: str, grid: Grid, conduct: Conduct, *, host: str, port: int) -> Server:
        """Return the server of `bay`, not yet serving."""
        module, _, name = self.server.partition(":")
        made: Any = getattr(import_module(module), name)
        server: Server = made(bay, grid, conduct, host=host, port=port)
        return server


def _dnp3(bay: str) -> Sequence[tuple[str, str, str]]:
    from simulator.dnp3_points import PLACES  # noqa: PLC0415 - only when it is asked for

    return [(place.name, place.address, place.register.unit) for place in PLACES[bay]]


SPEAKERS: Mapping[str, Speaker] = {
    "dnp3": Speaker(
        "simulator.dnp3:Dnp3Bay", "tcp://{host}:{port}", {"outstation": 10, "master": 1, "integrity_every_s": 10}, _dnp3
    ),
}
"""By the word of the configuration."""

POLYGLOT = "bus1"
"""The bay that speaks them all, so that the same voltage can be compared."""
