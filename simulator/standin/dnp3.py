"""Stand-ins for DNP3 outstations behind one port: every point in class 2, told as it changes."""

import time
from collections.abc import Collection, Sequence

from simulator.dnp3_objects import ONLINE
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server
from simulator.standin.words import Board, Device, Signal

EVENTS_A_POINT = 4
"""How many changes of each point wait at most: none is lost while all points change at once."""
OFFLINE = 0


class Dnp3Standin:
    """Some outstations behind one port, by their link addresses."""

    def __init__(self, devices: Sequence[Device], board: Board, *, host: str, port: int, serial: bool) -> None:
        self.port, self._serial = port, serial
        self._host, self._board = host, board
        self._signals = {signal.name: (device.station, signal) for device in devices for signal in device.signals}
        self._stations = {device.name: device.station for device in devices}
        self._all = {station: self._outstation(station) for station in self._stations.values()}
        self._server = Server(dict(self._all))

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

    async def show(self, names: Collection[str]) -> None:
        """Tell as events what the board says anew."""
        for station, signal in (self._signals[name] for name in names if name in self._signals):
            kind, index = _place(signal)
            shown = self._board[signal.name]
            self._all[station].change(kind, index, _value(signal, shown.value), flags=ONLINE if shown.good else OFFLINE)

    async def hush(self, device: str, *, silent: bool) -> None:
        """Let an outstation be silent, or answer again; one that is alone on a network hangs up."""
        station = self._stations[device]
        if not silent:
            self._server.outstations[station] = self._all[station]
            return
        self._server.outstations.pop(station, None)
        if not self._server.outstations and not self._serial:
            for master in list(self._server.masters):
                master.hang_up()

    def _outstation(self, station: int) -> Outstation:
        made = Outstation(lambda: time.time_ns() // 1_000_000)
        signals = [signal for of, signal in self._signals.values() if of == station]
        made.most_events = max(made.most_events, EVENTS_A_POINT * len(signals))
        for signal in signals:
            made.add(*_place(signal), _value(signal, self._board[signal.name].value))
        return made


def _place(signal: Signal) -> tuple[str, int]:
    kind, _, index = signal.address.partition(":")
    return kind, int(index)


def _value(signal: Signal, value: float) -> float | bytes:
    return b"" if signal.kind == "octets" else signal.raw(value)
