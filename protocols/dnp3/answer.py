"""An answer as it comes, fragment by fragment: which one may come next, and how far it has come.

It stops where a fragment waits for the disk, and where an unsolicited response does; it ends with FIN, or in failure.
"""

import asyncio
from typing import Final

from protocols.dnp3.decode import FIN, FIR, Header, Violation
from protocols.dnp3.requests import SEQUENCE, Request

MOST_FRAGMENTS: Final = 4096
"""Fragments of one response: 8 MB, more than 9 kinds of 65,536 points take."""
SEGMENTS_BETWEEN: Final = 80
"""Segments of a response that lengthen the wait for its next fragment: 16 KiB take 66 of them."""


class Answer:
    """The answer to `request`. `sequence` is that of its next fragment, `unconfirmed` the fragment it stands at.

    `ended` is whether nothing more comes.
    """

    def __init__(self, request: Request, sequence: int) -> None:
        self.request, self.sequence = request, sequence
        self.fragments = 0
        self.ended = False
        self.unconfirmed: Header | None = None
        self.timeout_s = 0.0
        self._segments = 0
        self._loop = asyncio.get_running_loop()
        self._stop: asyncio.Future[int | Exception] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def reach(self, timeout_s: float) -> int:
        """Wait until it ends or stops, and return the indications there.

        Raises:
            TimeoutError: nothing of it came for `timeout_s`.
            LinkLost: the link is over.
        """
        self.timeout_s = timeout_s
        self._wait()
        try:
            outcome = await self._stop
        finally:
            self._cancel()
            if not self.ended:
                self._stop = self._loop.create_future()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def stop(self, outcome: int | Exception) -> None:
        """Let who waits know how far it has come; who does not wait yet will know."""
        if not self._stop.done():
            self._stop.set_result(outcome)

    def end(self, outcome: int | Exception) -> None:
        """Stop for good."""
        self.ended = True
        self.stop(outcome)

    def stand(self, header: Header) -> None:
        """Stop at a fragment that is not to be confirmed yet."""
        self.unconfirmed = header
        self.stop(header.iin)

    def segment(self) -> None:
        """Wait longer: it is on its way."""
        if self._timer is not None and self._segments < SEGMENTS_BETWEEN:
            self._segments += 1
            self._cancel()
            self._wait()

    def expects(self, header: Header) -> bool:
        """Return whether a fragment is the next one."""
        first = self.fragments == 0
        in_turn = header.sequence == self.sequence and bool(header.control & FIR) == first
        return in_turn and not self.ended and self.unconfirmed is None

    def count(self, header: Header) -> None:
        """Take note of a fragment.

        Raises:
            Violation: there are too many.
        """
        if self.fragments >= MOST_FRAGMENTS:
            raise Violation(f"response of over {MOST_FRAGMENTS} fragments")
        self.fragments, self._segments = self.fragments + 1, 0
        if not header.control & FIN:
            self.sequence = (self.sequence + 1) & SEQUENCE

    def _wait(self) -> None:
        self._timer = self._loop.call_later(self.timeout_s, self._expire)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        after = f", after {self.fragments} fragments" if self.fragments else ""
        self.end(TimeoutError(f"no answer to {self.request.text} in {self.timeout_s:g} s{after}"))
