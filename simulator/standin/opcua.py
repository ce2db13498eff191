"""A stand-in for an OPC UA server: a variable for each node id, in namespaces of the same number or name."""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from simulator.opcua import server_at
from simulator.standin.words import Board, Device, Shown, Signal

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)

_ua: Any = ua
"""Its annotations are narrower than what it takes."""

FILLER: Final = "urn:gridsentinel:standin"
"""Namespaces that nobody names, so that others have their numbers."""


class OpcuaStandin:
    """The server of some devices; only all of them together can be silent."""

    def __init__(self, devices: Sequence[Device], board: Board, *, host: str, port: int) -> None:
        self.port = port
        self._host, self._board = host, board
        self._signals = {signal.name: signal for device in devices for signal in device.signals}
        self._nodes: dict[str, Any] = {}
        self._server: Any = None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        server = await server_at(self._host, self.port, "GridSentinel stand-in")
        self._nodes = await self._named(server)
        for name, node_id in self._nodes.items():
            await server.nodes.objects.add_variable(node_id, name, _variant(self._signals[name], self._board[name]))
        await server.start()
        self._server = server
        self.port = server.bserver.port

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def show(self, names: Collection[str]) -> None:
        """Take what the board says, at this time."""
        if self._server is None:
            return
        now: Any = datetime.now(UTC)
        write = self._server.iserver.write_attribute_value
        for name in names & self._signals.keys():
            shown = self._board[name]
            status = ua.StatusCode(ua.UInt32(StatusCodes.Good if shown.good else StatusCodes.BadSensorFailure))
            value = ua.DataValue(_variant(self._signals[name], shown), StatusCode=status, SourceTimestamp=now)
            await write(self._nodes[name], value)

    async def hush(self, device: str, *, silent: bool) -> None:  # noqa: ARG002 - a server has one session for all
        """Hang up and be away, or be there again; a second word of another device of it changes nothing."""
        if silent:
            await self.stop()
        elif self._server is None:
            await self.start()

    async def _named(self, server: Any) -> dict[str, Any]:
        """Register the namespaces; return the node id of each signal."""
        parts = {name: _parts(signal.address) for name, signal in self._signals.items()}
        for number in range(2, 1 + max((index for index, _, _ in parts.values()), default=0)):
            await server.register_namespace(f"{FILLER}:{number}")
        indices = {
            uri: await server.register_namespace(uri) for uri in sorted({uri for _, uri, _ in parts.values()}) if uri
        }
        return {
            name: _ua.NodeId.from_string(f"ns={indices[uri] if uri else index};{identifier}")
            for name, (index, uri, identifier) in parts.items()
        }


def _parts(address: str) -> tuple[int, str, str]:
    """Return the number or the name of the namespace of a node id, and the rest: OPC 10000-6 clause 5.3.1.10."""
    head, _, rest = address.partition(";") if address.startswith("ns") else ("ns=0", "", address)
    key, _, space = head.partition("=")
    if key == "nsu":
        return 0, space.replace("%3B", ";").replace("%25", "%"), rest
    return int(space), "", rest


def _variant(signal: Signal, shown: Shown) -> Any:
    raw = signal.raw(shown.value)
    if signal.kind == "bool":
        return ua.Variant(bool(round(raw)), ua.VariantType.Boolean)
    return ua.Variant(raw, ua.VariantType.Double)
