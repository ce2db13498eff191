"""A stand-in for an IED: a server of its addresses, with their qualities and times, in threads of its own."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from open61850.data import BitStringData, BoolData, FloatData, IECData, IntData, TimestampData
from open61850.server.model import IedModel
from open61850.server.server import MmsServer

from simulator.standin.cid import Place, cid
from simulator.standin.words import Board, Device, Signal

GOOD, BAD = BitStringData(b"\x00\x00", 3), BitStringData(b"\x40\x00", 3)
"""Validity good, and invalid."""
ACCURACY: Final = 0x0A
"""Ten significant bits of a second: the clock is not said to be out of order."""
DBPOS: Final = tuple(BitStringData(bytes((state << 6,)), 6) for state in range(4))


class Iec61850Standin:
    """The server of one IED."""

    def __init__(self, devices: Sequence[Device], board: Board, *, host: str, port: int) -> None:
        [self._device] = devices
        self.port = port
        self._host, self._board = host, board
        self._signals = {signal.name: (signal, Place.parse(signal.address)) for signal in self._device.signals}
        self._server: MmsServer | None = None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.to_thread(self._begin)
        self.port = self._server.port

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.stop)

    async def show(self, names: Collection[str]) -> None:
        """Take what the board says; what changes at once is one report."""
        if self._server is not None:
            await asyncio.to_thread(self._renew, self._server, names & self._signals.keys())

    async def hush(self, device: str, *, silent: bool) -> None:  # noqa: ARG002 - it is the only one here
        """Hang up and be away, or be there again."""
        await (self.stop() if silent else self.start())

    def _begin(self) -> MmsServer:
        """Build a new model: one that has served keeps its reports."""
        source: Any = BytesIO(cid(self._device).encode())
        server = MmsServer(
            IedModel.from_scl(source), host=self._host, port=self.port, vendor="GridSentinel", model_name="stand-in",
            revision="1",
        )  # fmt: skip
        self._renew(server, self._signals.keys())
        server.start()
        return server

    def _renew(self, server: MmsServer, names: Collection[str]) -> None:
        now = TimestampData(datetime.now(UTC), ACCURACY)
        model = server.model
        with model.batch():
            for name in names:
                signal, place = self._signals[name]
                shown = self._board[name]
                if place.constraint in ("ST", "MX"):
                    model.set(place.beside("t"), now)
                    model.set(place.beside("q"), GOOD if shown.good else BAD)
                model.set(signal.address, _data(signal, shown.value))


def _data(signal: Signal, value: float) -> IECData:
    raw = signal.raw(value)
    match signal.kind:
        case "float32" | "float64":
            return FloatData(raw, double=signal.kind == "float64")
        case "bool":
            return BoolData(bool(round(raw)))
        case "switch":
            return DBPOS[2 if round(raw) else 1]
        case "dbpos":
            return DBPOS[round(raw) & 3]
        case _:
            return IntData(round(raw))
