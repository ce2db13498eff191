"""A link to one or more outstations: octets in, frames to the station that they come from.

A TCP connection, a TLS one, or a serial line. Octets that are no frame are noise, which a serial line has. Over TCP a
little is survived, as terminal servers pass it on; more than a frame of it, or any before the first frame, is not DNP3
and ends the link.
"""

import asyncio
from typing import Final

from dnp3.datalink.frame import DataLinkFrame
from dnp3.datalink.parser import FrameParser

from protocols.dnp3.decode import Violation
from protocols.dnp3.station import Listener, Station
from protocols.driver import LinkLost
from protocols.wire import Wire

LARGEST_FRAME: Final = 292
"""Octets of a frame with all its checks (clause 9.2.4)."""
AT_ONCE: Final = 4096
"""Most octets looked at before noise is judged, so that a flood of it does not hold up the loop."""
HALF_FRAME_S: Final = 1.0
"""A frame that stops for so long is given up: its other half will not come."""
UNSENT_BYTES: Final = 4096
"""Requests and confirms the peer has not even taken in: beyond these it reads nothing and the link is lost."""
MOST_STRANGERS: Final = 16
"""Stations nobody asked about that are named once each."""


class Link(Wire, asyncio.Protocol):
    """The octets of a link, `noisy` where it is a serial line. `noise` counts octets that were no frame.

    `remarks` is what is to be said of it once, `strangers` counts frames of stations that nobody asked.
    """

    unsent_bytes = UNSENT_BYTES

    def __init__(self, *, noisy: bool = False) -> None:
        super().__init__()
        self._noisy = noisy
        self.noise = 0
        self.remarks: dict[str, None] = {}
        self.strangers = 0
        self._stations: dict[tuple[int, int], Station] = {}
        self._parser = FrameParser()
        self._fed = self._framed = self._noise_before = 0
        self._heard_s = 0.0

    def station(self, outstation: int, master: int, listener: Listener) -> Station:
        """Return the end of `outstation` on this link; what it says goes to `listener`."""
        station = Station(outstation, master, listener, self._write)
        self._stations[outstation, master] = station
        return station

    def forget_half(self) -> None:
        """Give up a frame that began and did not end."""
        self._parser.reset()

    def _write(self, octets: bytes) -> None:
        self._live().write(octets)

    def _tell(self, reason: str) -> None:
        for station in self._stations.values():
            station.listener.down(reason)

    def _half(self) -> int:
        return self._parser.bytes_buffered

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Take the frames that are complete."""
        now = self._loop.time()
        if self._parser.bytes_buffered and now - self._heard_s > HALF_FRAME_S:
            self.forget_half()
        self._heard_s = now
        try:
            for start in range(0, len(data), AT_ONCE):
                self._feed(data[start : start + AT_ONCE])
        except Violation as violation:
            self._violated(str(violation))
        except LinkLost as lost:  # nobody takes our answers any more
            self._end(str(lost))

    def _feed(self, octets: bytes) -> None:
        self._fed += len(octets)
        for frame in self._parser.feed(octets):
            self._framed += _octets(frame)
            self._noise_before = self._fed - self._framed
            if self.over is None:
                self._take(frame)
        self.noise = self._fed - self._framed - self._parser.bytes_buffered
        recent = self.noise - min(self._noise_before, self.noise)
        if recent > (LARGEST_FRAME if self._framed else 0) and not self._noisy:
            raise Violation(f"{recent} octets that are no DNP3")

    def _take(self, frame: DataLinkFrame) -> None:
        header = frame.header
        station = self._stations.get((header.source, header.destination))
        if header.control.dir_from_master:
            self._remark("frames of a master came: our own, or another one shares the address")
        elif station is None:
            self.strangers += 1
            self._remark(f"station {header.source} speaks to {header.destination}; nobody asked it")
        else:
            station.take(frame)

    def _remark(self, text: str) -> None:
        if len(self.remarks) < MOST_STRANGERS:
            self.remarks.setdefault(text)


def _octets(frame: DataLinkFrame) -> int:
    data = len(frame.user_data)
    return 10 + data + 2 * -(-data // 16)
