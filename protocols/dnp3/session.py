"""The application layer with one outstation: one request at a time, and no answer is taken for another (clause 4).

A response must have the sequence number of its request, begin with FIR, go on in order and end with FIN; whatever else
comes is late, is counted and dropped, and is never confirmed, so that its events come again. Unsolicited responses come
at any time; one that is repeated because our confirm was lost is confirmed again and not taken again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocols.dnp3.decode import AUTHENTICATION, CON, FIN, FIR, UNS, UNSOLICITED_RESPONSE, Header, Violation
from protocols.dnp3.link import Link
from protocols.dnp3.requests import SEQUENCE, Request, confirm
from protocols.driver import LinkLost

Take: TypeAlias = Callable[[Header, bytes], bool]
"""Takes a fragment; False where there is no room for it, so that it must not be confirmed."""

MOST_FRAGMENTS: Final = 4096
"""Fragments of one response: 8 MB, more than 9 kinds of 65,536 points take."""
SEGMENTS_BETWEEN: Final = 80
"""Segments of a response that lengthen the wait for its next fragment: 16 KiB take 66 of them."""


@dataclass(slots=True)
class _Waiting:
    request: Request
    sequence: int
    future: asyncio.Future[int | Exception]
    timeout_s: float
    timer: asyncio.TimerHandle
    fragments: int = 0
    segments: int = 0


class Session:
    """The requests to one outstation.

    `iin` are the newest indications, `raised` all that were up since it was cleared, `news` whether the newest came
    unsolicited and nothing was asked since. `late` counts what came too late or unasked, `repeated` unsolicited
    responses that came twice, `refused_room` those that found no room. `last` is the last unsolicited response of the
    session before: it is repeated if our confirm was lost.
    """

    def __init__(self, link: Link, outstation: int, master: int, take: Take, *, last: bytes = b"") -> None:
        self.iin = 0
        self.raised = 0
        self.late = 0
        self.repeated = 0
        self.refused_room = 0
        self.authentication = False
        self.news = False
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._link, self._outstation, self._take = link, outstation, take
        self._station = link.station(outstation, master, self)
        self._sequence = 0
        self._waiting: _Waiting | None = None
        self._status: asyncio.Future[bool] | None = None
        self.last_unsolicited = last
        self._answering = False

    @property
    def alive(self) -> bool:
        """Whether the outstation answered when it was asked last."""
        return self._answering

    @property
    def silent_s(self) -> float:
        """How long nothing came from the outstation, in seconds."""
        return self._loop.time() - self._heard_s

    async def request(self, request: Request, timeout_s: float) -> int:
        """Ask, and return the indications at the end of the answer; its fragments went to `take`.

        Raises:
            TimeoutError: no answer, or not the whole of it: `timeout_s` without a segment.
            LinkLost: the link is over.
        """
        self._sequence = (self._sequence + 1) & SEQUENCE
        future: asyncio.Future[int | Exception] = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._expire)
        self._waiting = _Waiting(request, self._sequence, future, timeout_s, timer)
        try:
            self._station.send(request.fragment(self._sequence))
            answer = await future
        finally:
            if self._waiting is not None:
                self._waiting.timer.cancel()
            self._waiting = None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def keep_alive(self, timeout_s: float) -> None:
        """Ask for the status of the link.

        Raises:
            TimeoutError: no answer.
            LinkLost: the link is over.
        """
        self._status = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._settle_status, False)
        try:
            self._station.ask_status()
            answered = await self._status
        finally:
            timer.cancel()
            self._status = None
        if not answered:
            self._answering = False
            raise TimeoutError(f"outstation {self._outstation} did not tell its link status in {timeout_s:g} s")

    # what the station hands on

    def segment(self, function: int | None) -> None:
        """Wait longer for an answer that is on its way."""
        self._heard_s = self._loop.time()
        waiting = self._waiting
        if waiting is None or function == UNSOLICITED_RESPONSE or waiting.segments >= SEGMENTS_BETWEEN:
            return
        waiting.segments += 1
        waiting.timer.cancel()
        waiting.timer = self._loop.call_later(waiting.timeout_s, self._expire)

    def fragment(self, fragment: bytes) -> None:
        """Take a response.

        Raises:
            Violation: it is none.
        """
        header = Header.parse(fragment)
        if header.function == AUTHENTICATION:
            self.authentication = True
        elif header.function == UNSOLICITED_RESPONSE:
            self._unsolicited(header, fragment)
        else:
            self._solicited(header, fragment)

    def link_status(self) -> None:
        """The link is alive."""
        self._heard_s = self._loop.time()
        self._settle_status(True)

    def down(self, reason: str) -> None:
        """Fail who waits at once."""
        self._answering = False
        self._settle(LinkLost(reason))
        if self._status is not None and not self._status.done():
            self._status.set_exception(LinkLost(reason))

    def _unsolicited(self, header: Header, fragment: bytes) -> None:
        if header.control & (FIR | FIN | UNS) != FIR | FIN | UNS:
            raise Violation("unsolicited response in several fragments")
        if fragment == self.last_unsolicited:
            self.repeated += 1
        elif not self._take(header, fragment):
            self.refused_room += 1
            return
        self._indicate(header.iin, news=True)
        self.last_unsolicited = fragment
        self._confirm(header)

    def _solicited(self, header: Header, fragment: bytes) -> None:
        waiting = self._waiting
        first = waiting is not None and waiting.fragments == 0
        if waiting is None or header.sequence != waiting.sequence or bool(header.control & FIR) != first:
            self.late += 1
            return
        if waiting.fragments >= MOST_FRAGMENTS:
            raise Violation(f"response of over {MOST_FRAGMENTS} fragments")
        self._indicate(header.iin, news=False)
        self._answering = True
        if not self._take(header, fragment):
            self.refused_room += 1
            self._settle(header.iin)
            return
        self._confirm(header)
        waiting.fragments, waiting.segments = waiting.fragments + 1, 0
        waiting.sequence = (waiting.sequence + 1) & SEQUENCE
        if header.control & FIN:
            self._settle(header.iin)
        else:
            self._sequence = waiting.sequence

    def _indicate(self, iin: int, *, news: bool) -> None:
        """The last fragment of an answer may no longer say what the first one did: its events are confirmed by then."""
        self.iin, self.news = iin, news
        self.raised |= iin

    def _confirm(self, header: Header) -> None:
        if header.control & CON:
            self._station.send(confirm(header.sequence, unsolicited=bool(header.control & UNS)))

    def _expire(self) -> None:
        waiting = self._waiting
        if waiting is not None:
            self._answering = False
            self._link.forget_half()
            text = f"outstation {self._outstation}: no answer to {waiting.request.text} in {waiting.timeout_s:g} s"
            self._settle(TimeoutError(f"{text}, after {waiting.fragments} fragments" if waiting.fragments else text))

    def _settle(self, answer: int | Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.timer.cancel()
            if not waiting.future.done():
                waiting.future.set_result(answer)

    def _settle_status(self, answered: bool) -> None:  # noqa: FBT001  a timer hands it on
        if self._status is not None and not self._status.done():
            self._status.set_result(answered)
