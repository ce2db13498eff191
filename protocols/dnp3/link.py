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
from protocols.tcp import prepare

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


class Link(asyncio.Protocol):
    """The octets of a link, `noisy` where it is a serial line. `noise` counts octets that were no frame.

    `violation` is what ended the link, `remarks` what is to be said of it once.
    """

    def __init__(self, *, noisy: bool = False) -> None:
        self._noisy = noisy
        self.lost: str | None = "not connected"
        self.violation: str | None = None
        self.noise = 0
        self.remarks: dict[str, None] = {}
        self._stations: dict[tuple[int, int], Station] = {}
        self._parser = FrameParser()
        self._fed = self._framed = self._noise_before = 0
        self._heard_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def station(self, outstation: int, master: int, listener: Listener) -> Station:
        """Return the end of `outstation` on this link; what it says goes to `listener`."""
        station = Station(outstation, master, listener, self._write)
        self._stations[outstation, master] = station
        return station

    def forget_half(self) -> None:
        """Give up a frame that began and did not end."""
        self._parser.reset()

    async def close(self) -> None:
        """End the link now; the peer is not waited for."""
        self._end("closed")
        await asyncio.sleep(0)  # lets the transport close its socket

    def _write(self, octets: bytes) -> None:
        if self._transport is None or self.lost is not None:
            raise LinkLost(self.lost or "not connected")
        self._transport.write(octets)

    def _end(self, reason: str) -> None:
        if self.lost is None:
            self.lost = reason
        for station in self._stations.values():
            station.listener.down(self.lost)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.lost = transport, None
        prepare(transport, UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail who waits at once, whatever its time-out."""
        half = f" in mid-frame, after {self._parser.bytes_buffered} octets" if self._parser.bytes_buffered else ""
        self._end(f"connection lost{half}: {exc}" if exc else f"closed by the device{half}")

    def pause_writing(self) -> None:
        """Give up a peer that reads nothing."""
        self._end(f"the device reads nothing: over {UNSENT_BYTES} bytes unsent")

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
            self.violation = self.violation or str(violation)
            self._end(f"violation: {violation}")
        except LinkLost as lost:  # nobody takes our answers any more
            self._end(str(lost))

    def _feed(self, octets: bytes) -> None:
        self._fed += len(octets)
        for frame in self._parser.feed(octets):
            self._framed += _octets(frame)
            self._noise_before = self._fed - self._framed
            if self.lost is None:
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
            self._remark(f"station {header.source} speaks to {header.destination}; nobody asked it")
        else:
            station.take(frame)

    def _remark(self, text: str) -> None:
        if len(self.remarks) < MOST_STRANGERS:
            self.remarks.setdefault(text)


def _octets(frame: DataLinkFrame) -> int:
    data = len(frame.user_data)
    return 10 + data + 2 * -(-data // 16)
