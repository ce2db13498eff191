"""The substation as an OPC UA server: a node for each measurement, renewed with the grid; none can be written.

One server for all bays: asyncua builds its standard address space of some thousand nodes for each server, which takes
about 1.4 s of processor time and, for the first one, 70 MiB.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)

_ua: Any = ua
"""Its annotations are narrower than what it takes."""

NAMESPACE: Final = "urn:gridsentinel:simulator"
BOOLEAN: Final = frozenset({"cb52", "coupler", "avr"})
INTEGER: Final = frozenset({"tap"})
NOISE: Final = b"\x5a" * 64
CUT: Final = b"MSGF\x00\x01\x00\x00"
"""A chunk that says it has 256 bytes, of which no more than its header comes."""


class Guests(UserManager):
    """Takes in who gives no name; nobody has a password here, so every other log-on is refused."""

    def get_user(
        self,
        iserver: Any,  # noqa: ARG002 - the library's interface
        username: str | None = None,
        password: str | None = None,  # noqa: ARG002
        certificate: Any = None,  # noqa: ARG002
    ) -> User | None:
        """Return the user of a session, None when it is refused."""
        return None if username else User(role=UserRole.User)


async def server_at(host: str, port: int, name: str) -> Any:
    """Return a server that is not started: without security, for guests only."""
    server: Any = Server(user_manager=Guests())
    await server.init()
    server.set_endpoint(f"opc.tcp://{host}:{port}/")
    server.set_server_name(name)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    return server


class OpcuaStation:
    """The server of `bays`. `port` is known once it serves.

    `conduct` is its own; `conducts` those of the bays behind it: a bay that answers badly is a bay it has no
    communication with, what a bay refuses is a node that is not known.
    """

    def __init__(
        self,
        grid: Grid,
        conduct: Conduct,
        *,
        host: str,
        port: int,
        bays: Iterable[str] = tuple(BAYS),
        conducts: Mapping[str, Conduct] = MappingProxyType({}),
    ) -> None:
        self.port = port
        self.conduct = conduct
        self._conducts = conducts
        self._grid = grid
        self._host = host
        self._names = tuple(f"{bay}.{name}" for bay in bays for name in BAYS[bay])
        self._nodes: dict[str, Any] = {}
        self._server: Any = None

    @property
    def serving(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        server = await server_at(self._host, self.port, "GridSentinel simulator")
        index = await server.register_namespace(NAMESPACE)
        self._nodes = {}
        for bay in dict.fromkeys(name.partition(".")[0] for name in self._names):
            folder = await server.nodes.objects.add_folder(_ua.NodeId(bay, index), bay)
            for name in (each for each in self._names if each.startswith(f"{bay}.")):
                node_id = _ua.NodeId(name, index)
                await folder.add_variable(node_id, name.partition(".")[2], self._variant(name))
                self._nodes[name] = node_id
        await server.start()
        self._server = server
        self.port = server.bserver.port
        await self._renew()

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def follow(self) -> None:
        """Renew the values, and behave as the conduct asks."""
        closed = self.conduct.answers == "closed"
        if closed and self.serving:
            await self.stop()
        elif not closed and not self.serving:
            await self.start()
        if self._server is not None and self._clients:
            self._misbehave()
            await self._renew()

    @property
    def _clients(self) -> list[Any]:
        return list(self._server.bserver.clients)

    def _misbehave(self) -> None:
        for client in self._clients:
            match self.conduct.answers:
                case "well":
                    client.transport.resume_reading()
                case "silent":
                    client.transport.pause_reading()
                case "garbage":
                    client.transport.write(NOISE)
                case "cut":
                    client.transport.write(CUT)
                    client.transport.close()

    async def _renew(self) -> None:
        """Give every node its present value, and the time of it."""
        now: Any = datetime.now(UTC)
        write = self._server.iserver.write_attribute_value
        for name, node in self._nodes.items():
            status = ua.StatusCode(ua.UInt32(self._status(name)))
            await write(node, ua.DataValue(self._variant(name), StatusCode=status, SourceTimestamp=now))

    def _status(self, name: str) -> int:
        bay = self._conducts.get(name.partition(".")[0], self.conduct)
        if name in self.conduct.refused | bay.refused:
            return StatusCodes.BadNodeIdUnknown
        return StatusCodes.Good if bay.answers == "well" else StatusCodes.BadNoCommunication

    def _variant(self, name: str) -> Any:
        value, quantity = self._grid[name], name.partition(".")[2]
        if quantity in BOOLEAN:
            return ua.Variant(bool(value), ua.VariantType.Boolean)
        if quantity in INTEGER:
            return ua.Variant(round(value), ua.VariantType.Int32)
        return ua.Variant(value, ua.VariantType.Double)
