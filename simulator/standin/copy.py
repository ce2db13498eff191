"""A copy of a plant at work: a stand-in for every device, each set from outside, silent when it is told to be."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from simulator.standin.terminal import Terminal
from simulator.standin.words import Conversation, Server, Shown

NEEDS = {"opcua": "asyncua"}
"""Libraries that may not be installed, by the way that needs them."""


def possible(way: str) -> bool:
    """Whether devices of this way can be stood in for here."""
    return way not in NEEDS or find_spec(NEEDS[way]) is not None


class Copy:
    """What serves. `places` tells where each conversation is: a port, or the name of a terminal."""

    def __init__(self) -> None:
        self.board: dict[str, Shown] = {}
        self.places: dict[str, int | str] = {}
        self._servers: dict[str, Server] = {}
        self._of_device: dict[str, Server] = {}

    async def show(self, shown: Mapping[str, Shown]) -> None:
        """Let signals show something else, all at once."""
        self.board.update(shown)
        for server in self._servers.values():
            await server.show(shown.keys())

    async def hush(self, device: str, *, silent: bool) -> None:
        """Let a device be silent, or answer again; one that shares its station or its server takes the others along."""
        await self._of_device[device].hush(device, silent=silent)

    async def start(self, stack: AsyncExitStack, conversation: Conversation, host: str, port: int, link: Path) -> None:
        """Serve one more conversation until `stack` is left.

        Raises:
            OSError: the port is taken.
        """
        for device in conversation.devices:
            self.board.update({signal.name: Shown(signal.value) for signal in device.signals})
        server = _build(conversation, self.board, "127.0.0.1" if conversation.serial else host, port)
        self._servers[conversation.key] = server
        self._of_device |= dict.fromkeys((device.name for device in conversation.devices), server)
        stack.push_async_callback(server.stop)
        await server.start()
        self.places[conversation.key] = server.port
        if conversation.serial:
            terminal = Terminal("127.0.0.1", server.port, link if port else None)
            stack.push_async_callback(terminal.stop)
            await terminal.start()
            self.places[conversation.key] = terminal.path


def _build(conversation: Conversation, board: Mapping[str, Shown], host: str, port: int) -> Server:
    """Make a server; their libraries are large, and loaded only when somebody asks for them."""
    devices = conversation.devices
    match conversation.way:
        case "modbus" | "modbus_rtu":
            from simulator.standin.modbus import ModbusStandin  # noqa: PLC0415

            return ModbusStandin(devices, board, host=host, port=port, rtu=conversation.way == "modbus_rtu")
        case "dnp3":
            from simulator.standin.dnp3 import Dnp3Standin  # noqa: PLC0415

            return Dnp3Standin(devices, board, host=host, port=port, serial=conversation.serial)
        case "iec61850":
            from simulator.standin.iec61850 import Iec61850Standin  # noqa: PLC0415

            return Iec61850Standin(devices, board, host=host, port=port)
        case "opcua":
            from simulator.standin.opcua import OpcuaStandin  # noqa: PLC0415

            return OpcuaStandin(devices, board, host=host, port=port)
    raise ValueError(f"nobody stands in for {conversation.way}")


@asynccontextmanager
async def serve(
    conversations: Sequence[Conversation], *, host: str = "127.0.0.1", base_port: int = 0
) -> AsyncIterator[Copy]:
    """Serve `conversations` while the context lasts: at ports from `base_port` on, or at free ones if it is 0.

    Raises:
        OSError: a port is taken.
    """
    from simulator.speakers import terminal  # noqa: PLC0415 - it is the place of all terminals

    copy = Copy()
    async with AsyncExitStack() as stack:
        for number, conversation in enumerate(conversations):
            port = base_port and base_port + number
            await copy.start(stack, conversation, host, port, terminal(port))
        yield copy
