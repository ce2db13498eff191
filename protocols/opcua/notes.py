"""What the driver has to say until it is asked: who answers, what is refused, what was missed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from protocols.driver import Clock
from protocols.model import EventKind
from protocols.notes import Newest
from protocols.opcua.config import OpcuaPoint
from protocols.opcua.connection import Server
from protocols.opcua.partner import Impostor
from protocols.points import Points

CLOCK_S: Final = 2.0
"""A server whose clock is off by more is said: its source times are as far off. Some renew theirs once a second."""
NS: Final = 1_000_000_000
TOLD_EVERY_NS: Final = NS
"""How often the offset of its clock is told at most."""


class Notes(Newest):
    """What concerns the devices behind one server.

    `refused` are the points that are refused at present, and why; `first` is the device that its clock is told of.
    """

    def __init__(self, points: Points, clock: Clock, *, first: str = "", host: str = "") -> None:
        super().__init__(clock)
        self._first, self._host, self._timed_ns = first, host, 0
        self.refused: dict[int, str] = {}
        self._points = points
        self._started_ns = 0
        self._clock_off = False

    def introduce(
        self, devices: Sequence[tuple[str, str | None]], server: Server, security: Mapping[str, str] | None = None
    ) -> None:
        """Keep who answers for each device, and what else there is to say of it; whether it was started anew.

        `security` is how safe the session is.
        """
        for device, more in devices:
            if said := "; ".join(each for each in (server.identity, more) if each):
                self.note(device, EventKind.IDENTITY, said)
            if server.started_ns != self._started_ns and self._started_ns:
                self.note(device, EventKind.RESTART, "the server was started anew")
                self._seen(device, EventKind.RESTART, "start time", bit="start time", edge=True)
            for what, value in server.build.items():
                self._seen(device, EventKind.IDENTITY, what, value=value)
            for what, value in (security or {}).items():
                self._seen(device, EventKind.SECURITY, what, value=value)
        self._started_ns = server.started_ns
        self._compare_clocks(devices[0][0], server.now_ns)

    def impostor(self, device: str, found: Impostor) -> None:
        """Keep that somebody answers who is not the server that we know."""
        value, was = found.shown or "none", found.known
        self._seen(device, EventKind.SECURITY, "certificate", value=value, was=was, refused=True)

    def timed(self, newest_ns: int, arrival_ns: int) -> None:
        """Keep how far the newest source time of what came is ahead of its arrival; not too often."""
        if newest_ns and not 0 <= arrival_ns - self._timed_ns < TOLD_EVERY_NS:
            self._timed_ns = arrival_ns
            self._seen(self._first, EventKind.CLOCK, "source time", offset_s=(newest_ns - arrival_ns) / NS)

    def _seen(self, device: str, kind: EventKind, function: str, **facts: Any) -> None:
        said = str(facts.get("value", function))
        self.sight(device, kind, said, source=self._host, protocol="opcua", function=function, **facts)

    def overflowed(self, row: int) -> None:
        """Keep that the server had no room for all values of a point."""
        detail = f"{self._label(row)}: values lost in the server, its queue was full"
        self.note(self._points.device(row), EventKind.OVERFLOW, detail, (row,))

    def refusals(self, refused: Mapping[int, str]) -> None:
        """Keep which points are refused, if that is news."""
        for row, why in refused.items():
            if self.refused.get(row) != why:
                self.refused[row] = why
                self.note(self._points.device(row), EventKind.REFUSED, f"{self._label(row)}: {why}", (row,))

    def changes(self, rows: Sequence[int], refused: Mapping[int, str]) -> None:
        """Keep which of `rows`, which have just been read, are refused and were not, or were and are not."""
        self.refusals(refused)
        for row in self.refused.keys() & (set(rows) - refused.keys()):
            del self.refused[row]
            self.note(self._points.device(row), EventKind.ACCEPTED, f"{self._label(row)}: answers again", (row,))

    def _compare_clocks(self, device: str, now_ns: int) -> None:
        """Keep that the server's clock is off ours, or no longer, if that is news."""
        off_s = (now_ns - self._clock()) / NS if now_ns else 0.0
        if (abs(off_s) > CLOCK_S) is not self._clock_off:
            self._clock_off = not self._clock_off
            detail = (
                f"the server's clock is {off_s:+.1f} s off ours" if self._clock_off else "the server's clock is right"
            )
            self.note(device, EventKind.CLOCK, detail)

    def _label(self, row: int) -> str:
        """Return `ns=2;s=T1.OilTemp (point oil)`."""
        point = self._points.configs[row]
        assert isinstance(point, OpcuaPoint)
        return f"{point.address} (point {point.name})"
