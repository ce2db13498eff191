"""One outstation as the link layer and the transport function see it (IEEE 1815-2012, clauses 8 and 9).

User data come in segments, which make fragments; frames that the outstation wants confirmed are acknowledged, and one
that it repeats because our acknowledgement was lost is not taken twice (frame count bit, FCB).
"""

from collections.abc import Callable
from typing import Final, Protocol

from dnp3.core.enums import LinkFunctionCode
from dnp3.datalink.builder import (
    build_ack,
    build_link_status,
    build_not_supported,
    build_request_link_status,
    build_unconfirmed_user_data,
)
from dnp3.datalink.frame import DataLinkFrame
from dnp3.transport.reassembler import Reassembler, ReassemblyError
from dnp3.transport.segment import TransportSegment
from dnp3.transport.segmenter import Segmenter

from protocols.dnp3.decode import Violation

LARGEST_FRAGMENT: Final = 16_384
"""Longest response put together: 2048 octets is what every master must take (4.1.1), some outstations send more."""

SEGMENT_OCTETS: Final = 250

_RESETS: Final = (LinkFunctionCode.PRI_RESET_LINK_STATE, LinkFunctionCode.PRI_TEST_LINK_STATE)
_USER_DATA: Final = (LinkFunctionCode.PRI_CONFIRMED_USER_DATA, LinkFunctionCode.PRI_UNCONFIRMED_USER_DATA)


class Listener(Protocol):
    """Who takes what an outstation says."""

    def segment(self, function: int | None) -> None:
        """A segment came; with the function code of its fragment where it is the first."""

    def fragment(self, fragment: bytes) -> None:
        """A whole fragment came.

        Raises:
            Violation: it is illegal; the link ends.
        """

    def link_status(self) -> None:
        """The link layer of the outstation answered."""

    def down(self, reason: str) -> None:
        """The link is over."""


class Station:
    """The ends of one conversation: `outstation` there, `master` here. `lost_segments` counts fragments given up."""

    def __init__(self, outstation: int, master: int, listener: Listener, write: Callable[[bytes], None]) -> None:
        self.listener = listener
        self.lost_segments = 0
        self._to, self._from = outstation, master
        self._write = write
        self._segmenter = Segmenter()
        self._reassembler = Reassembler(LARGEST_FRAGMENT)
        self._fcb: bool | None = None

    def send(self, fragment: bytes) -> None:
        """Send a fragment."""
        for segment in self._segmenter.segment(fragment):
            frame = build_unconfirmed_user_data(self._to, self._from, True, segment.to_bytes())
            self._write(frame.to_bytes())

    def ask_status(self) -> None:
        """Ask whether the link is alive."""
        self._write(build_request_link_status(self._to, self._from, True).to_bytes())

    def take(self, frame: DataLinkFrame) -> None:
        """Take a frame of the outstation.

        Raises:
            Violation: what it completes is illegal.
        """
        control = frame.header.control
        if not control.prm:  # link status, or that this is not supported: it lives
            self.listener.link_status()
        elif control.function_code == LinkFunctionCode.PRI_REQUEST_LINK_STATUS:
            self._write(build_link_status(self._to, self._from, True).to_bytes())
        elif control.function_code in _RESETS:
            self._fcb = None
            self._write(build_ack(self._to, self._from, True).to_bytes())
        elif control.function_code in _USER_DATA:
            self._user_data(frame)
        else:
            self._write(build_not_supported(self._to, self._from, True).to_bytes())

    def _user_data(self, frame: DataLinkFrame) -> None:
        control = frame.header.control
        if control.function_code == LinkFunctionCode.PRI_CONFIRMED_USER_DATA:
            self._write(build_ack(self._to, self._from, True).to_bytes())
            repeated, self._fcb = control.fcb == self._fcb, control.fcb
            if repeated:
                return
        data = frame.user_data
        if not data or len(data) > SEGMENT_OCTETS:
            raise Violation(f"segment of {len(data)} octets; 1 to {SEGMENT_OCTETS} are allowed")
        self._segment(TransportSegment.from_bytes(data))

    def _segment(self, segment: TransportSegment) -> None:
        first = segment.is_first and len(segment.payload) > 1
        self.listener.segment(segment.payload[1] if first else None)
        held = self._reassembler.bytes_buffered
        try:
            found = self._reassembler.add(segment)
        except ReassemblyError:
            if held + len(segment.payload) > LARGEST_FRAGMENT:
                raise Violation(f"fragment of over {LARGEST_FRAGMENT} octets") from None
            self.lost_segments += 1
            return
        if found is not None:
            self.listener.fragment(found.data)
