"""Turns what is stored into messages that the broker can take; what cannot be sent leaves a gap."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from gateway.store.packing import BadRecord
from gateway.store.record import Gap, GapReason
from gateway.uplink.format import Format
from gateway.uplink.message import Outgoing
from gateway.uplink.schedule import Due

ENVELOPE_BYTES = 512
"""Room for the topic and the header of a packet, when the broker limits its size."""


class Writer:
    """Writes in one format. `unreadable` rows and `oversized` messages are counted, and the first of each is said.

    What leaves a gap is told to `lost`, so that it stays known.
    """

    def __init__(self, form: Format, lost: Callable[[Gap], None]) -> None:
        self.unreadable = 0
        self.oversized = 0
        self._format = form
        self._lost = lost
        self._log = structlog.get_logger("uplink")

    def row(self, due: Due, max_bytes: int) -> Sequence[Outgoing]:
        """Return the messages of a row, the last of which carries it; of one that cannot be sent, the gap it leaves."""
        try:
            messages = self._format.row(due)
        except BadRecord as bad:
            self.unreadable += 1
            if self.unreadable == 1:
                stream = due.row.record.stream.value
                self._log.error("row_unreadable", stream=stream, seq=due.row.seq, reason=str(bad))
            return self._instead(due.row.gap(GapReason.CORRUPT), max_bytes)
        if all(self.fits(message, max_bytes) for message in messages):
            return messages
        return self._instead(due.row.gap(GapReason.SIZE), max_bytes)

    def hole(self, hole: Gap, max_bytes: int) -> Outgoing:
        """Return the message of a hole, of bounds and count only where the broker would not take its numbers."""
        message = self._format.gap(hole)
        if not hole.numbers or self.fits(message, max_bytes):
            return message
        return self._format.gap(replace(hole, numbers=()))

    def fits(self, message: Outgoing, max_bytes: int) -> bool:
        """Return whether the broker would take a message of this size."""
        size = len(message.payload)
        if size <= max_bytes - ENVELOPE_BYTES:
            return True
        self.oversized += 1
        if self.oversized == 1:
            self._log.error("message_oversized", topic=message.topic, bytes=size, max_bytes=max_bytes)
        return False

    def _instead(self, hole: Gap, max_bytes: int) -> Sequence[Outgoing]:
        self._lost(hole)
        return (self.hole(hole, max_bytes),)
