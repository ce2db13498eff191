"""A bay as a Modbus TCP server: answers from the grid, refuses every write, and misbehaves as its conduct says.

pymodbus owns the protocol. Its `action` hook fills the registers when they are asked for, so nothing runs between
requests. Late answers are held back after they are complete: held back earlier, pymodbus would give them the
transaction number of the next request.
"""

from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.modbus_reply import TABLES
from simulator.registers import BITS, MAPS
from simulator.sunspec import image_of, spans_of

UNIT = 1
ANY_UNIT = 0
IDENTIFY, FUNCTION = 43, 0x7F
"""Read device identification, of which every bay says the same, but for its revision."""
MAKER, MODEL = "GridSentinel", "Simulated bay"
NOISE = 0x5A
"""Every byte of an answer is exclusive-ored with it to make garbage: neither header nor length survives."""


class ModbusBay:
    """The Modbus server of one bay. `port` is known once it serves."""

    def __init__(self, bay: str, grid: Grid, conduct: Conduct, *, host: str, port: int) -> None:
        self.bay = bay
        self.port = port
        self.conduct = conduct
        self._host = host
        self._grid = grid
        self._map = MAPS[bay]
        self._spans = spans_of(bay)
        self._server: _Server | None = None
        self._restarts = conduct.restarts

    @property
    def serving(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        server = _Server(self._device(), self.conduct, (self._host, self.port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(f"{self.bay}: cannot serve at {self._host}:{self.port}, is the port taken?") from error
        self._server = server
        self.port = server.bound_port

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    async def follow(self) -> None:
        """Open or close the port as the conduct asks."""
        closed, restarts = self.conduct.answers == "closed", self.conduct.restarts
        if self.serving and (closed or restarts != self._restarts):
            await self.stop()
        self._restarts = restarts
        if closed:
            return
        if not self.serving:
            await self.start()

    def _device(self) -> SimDevice:
        blocks = tuple([_block(table, self._spans.get(table, range(16)))] for table in TABLES.values())
        return SimDevice(ANY_UNIT, simdata=blocks, action=self._answer)  # type: ignore[arg-type]

    async def _answer(
        self, function: int, _first: int, address: int, count: int, registers: list[int], written: Any
    ) -> ExcCodes | None:
        """Fill `registers` with the present values, or return the exception of this request."""
        table = TABLES.get(function)
        if self.conduct.exception:
            return ExcCodes(self.conduct.exception)
        if written is not None or table is None:
            return ExcCodes.ILLEGAL_FUNCTION
        if table not in self._spans or self._refuses(table, range(address, address + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        words = image_of(self.bay, table, lambda name: self._grid[f"{self.bay}.{name}"])
        registers[: len(words)] = words
        return None

    def _refuses(self, table: str, asked: range) -> bool:
        refused = (register for register in self._map if f"{self.bay}.{register.name}" in self.conduct.refused)
        return any(
            register.table == table and register.offset < asked.stop and asked.start < register.offset + register.width
            for register in refused
        )


def _block(table: str, span: range) -> SimData:
    if table in BITS:
        return SimData(span.start, values=[False] * len(span), datatype=DataType.BITS)
    return SimData(span.start, count=len(span), datatype=DataType.REGISTERS)


class _Server(ModbusTcpServer):
    """pymodbus' server, with a handler that obeys a conduct."""

    def __init__(self, device: SimDevice, conduct: Conduct, address: tuple[str, int]) -> None:
        super().__init__(device, address=address)
        self.conduct = conduct

    @property
    def bound_port(self) -> int:
        """The port it listens at."""
        listener: Any = self.transport
        return int(listener.sockets[0].getsockname()[1])

    def callback_new_connection(self) -> ServerRequestHandler:
        """Handle one connection."""
        return _Handler(self)


class _Handler(ServerRequestHandler):
    """One connection."""

    def __init__(self, server: _Server) -> None:
        super().__init__(server, None, None, None)  # type: ignore[no-untyped-call]
        self._conduct = server.conduct

    def server_send(self, pdu: ModbusPDU, addr: Any) -> None:  # noqa: ARG002  # the signature of pymodbus
        """Send an answer, as late and as wrong as asked for."""
        if pdu.function_code & FUNCTION == IDENTIFY:
            who = {0: MAKER, 1: MODEL, 2: self._conduct.revision}
            pdu = ReadDeviceInformationResponse(1, who, pdu.dev_id, pdu.transaction_id)
        pdu.dev_id = (pdu.dev_id + self._conduct.unit_off) % 256
        frame = self.framer.buildFrame(pdu)
        if self._conduct.delay_s:
            self.loop.call_later(self._conduct.delay_s, self._deliver, frame)
        else:
            self._deliver(frame)

    def _deliver(self, frame: bytes) -> None:
        if not self.transport:  # the other side hung up meanwhile
            return
        match self._conduct.answers:
            case "well":
                self.send(frame)
            case "garbage":
                self.send(bytes(byte ^ NOISE for byte in frame))
            case "cut":
                self.send(frame[: len(frame) // 2])
                self.close()
            case "silent" | "closed":
                pass
