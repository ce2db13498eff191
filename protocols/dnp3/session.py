"""The application layer with one outstation: one request at a time, and no answer is taken for another (clause 4).

A response must have the sequence number of its request, begin with FIR, go on in order and end with FIN; whatever else
comes is late, is counted and dropped, and is never confirmed, so that its events come again.

A fragment with events is confirmed when it is on disk, and an answer stops there until then. So an answer may outlive
the read that asked for it: `unfinished` is whether there is one to `go_on` with. Unsolicited responses come at any
time; one that is repeated because our confirm was late or lost is confirmed again and not taken again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import TypeAlias

from protocols.dnp3.answer import Answer
from protocols.dnp3.custody import Custody
from protocols.dnp3.decode import (
    AUTHENTICATION,
    CON,
    FIN,
    FIR,
    HEADER_OCTETS,
    UNS,
    UNSOLICITED_RESPONSE,
    Header,
    Violation,
)
from protocols.dnp3.link import Link
from protocols.dnp3.requests import SEQUENCE, Request, confirm
from protocols.driver import LinkLost


class Taken(Enum):
    """What became of a fragment."""

    WHOLE = "nothing of it needs to be kept"
    HELD = "its events are on their way to the disk"
    REFUSED = "there is no room for its events"


Take: TypeAlias = Callable[[Header, bytes], Taken]
"""Takes a fragment."""


class Session:
    """The requests to one outstation; `custody` is what it must not forget yet, over all its sessions.

    `iin` are the newest indications, `raised` all that were up since it was cleared, `news` whether the newest came
    unsolicited and nothing was asked since. `late` counts what came too late or unasked, `repeated` unsolicited
    responses that came twice, `refused_room` fragments that found no room, `unasked` unsolicited responses with data
    while they were `silenced`: the outstation has agreed to send none.
    """

    def __init__(self, link: Link, outstation: int, master: int, take: Take, custody: Custody) -> None:
        self.iin = 0
        self.raised = 0
        self.late = 0
        self.repeated = 0
        self.refused_room = 0
        self.authentication = False
        self.silenced = False
        self.unasked = 0
        self.news = False
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._link, self._outstation, self._take, self._custody = link, outstation, take, custody
        self._station = link.station(outstation, master, self)
        self._sequence = 0
        self._answer: Answer | None = None
        self._unsolicited: Header | None = None
        self._status: asyncio.Future[bool] | None = None
        self._answering = False

    @property
    def alive(self) -> bool:
        """Whether the outstation answered when it was asked last."""
        return self._answering

    @property
    def silent_s(self) -> float:
        """How long nothing came from the outstation, in seconds."""
        return self._loop.time() - self._heard_s

    @property
    def free(self) -> bool:
        """Whether something may be asked: nothing is on its way to the disk."""
        return self._custody.held is None

    @property
    def unfinished(self) -> bool:
        """Whether there is an answer to go on with."""
        return self._answer is not None

    async def request(self, request: Request, timeout_s: float) -> int:
        """Ask, and return the indications where the answer ends or stops; its fragments went to `take`.

        Raises:
            TimeoutError: no answer, or not the whole of it: `timeout_s` without a segment.
            LinkLost: the link is over.
        """
        self._sequence = (self._sequence + 1) & SEQUENCE
        self._answer = answer = Answer(request, self._sequence)
        return await self._exchange(answer, request.fragment(self._sequence), timeout_s)

    async def go_on(self, timeout_s: float) -> int:
        """Confirm the fragment at which the answer stands, and return the indications where it ends or stops next.

        Raises:
            TimeoutError, LinkLost: as `request`.
        """
        answer = self._answer
        assert answer is not None
        header, answer.unconfirmed = answer.unconfirmed, None
        if header is None:
            return await self._exchange(answer, b"", timeout_s)
        if header.control & FIN:
            answer.end(header.iin)
        return await self._exchange(answer, confirm(header.sequence, unsolicited=False), timeout_s)

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

    def settled(self, kept: bool) -> None:  # noqa: FBT001  as Receipt calls it
        """Take note that what was on its way is on disk, or may be lost: then it is not confirmed and comes again."""
        header, self._unsolicited = self._unsolicited, None
        if header is not None and kept:
            with suppress(LinkLost):
                self._confirm(header)
        if not kept and self._answer is not None and self._answer.unconfirmed is not None:
            self._answer = None

    # what the station hands on

    def segment(self, function: int | None) -> None:
        """Wait longer for an answer that is on its way."""
        self._heard_s = self._loop.time()
        if self._answer is not None and function != UNSOLICITED_RESPONSE:
            self._answer.segment()

    def fragment(self, fragment: bytes) -> None:
        """Take a response.

        Raises:
            Violation: it is none.
        """
        header = Header.parse(fragment)
        if header.function == AUTHENTICATION:
            self.authentication = True
        elif header.function == UNSOLICITED_RESPONSE:
            self._take_unsolicited(header, fragment)
        else:
            self._take_solicited(header, fragment)

    def link_status(self) -> None:
        """The link is alive."""
        self._heard_s = self._loop.time()
        self._settle_status(True)

    def down(self, reason: str) -> None:
        """Fail who waits at once."""
        self._answering = False
        if self._answer is not None:
            self._answer.end(LinkLost(reason))
        if self._status is not None and not self._status.done():
            self._status.set_exception(LinkLost(reason))

    def _take_unsolicited(self, header: Header, fragment: bytes) -> None:
        if header.control & (FIR | FIN | UNS) != FIR | FIN | UNS:
            raise Violation("unsolicited response in several fragments")
        if self.silenced and len(fragment) > HEADER_OCTETS:
            self.unasked += 1
        if fragment == self._custody.held:
            self.repeated += 1
            self._unsolicited = header
            return
        if fragment == self._custody.last:
            self.repeated += 1
        else:
            self._unsolicited = None  # the one before was given up there: its number may be this one's
            taken = self._take(header, fragment)
            if taken is Taken.REFUSED:
                self.refused_room += 1
                return
            self._custody.last = fragment
            if taken is Taken.HELD:
                self._unsolicited = header
        self._indicate(header.iin, news=True)
        if self._unsolicited is None:
            self._confirm(header)
        elif self._answer is not None:  # which the outstation may hold back until it has its confirm
            self._answer.stop(header.iin)

    def _take_solicited(self, header: Header, fragment: bytes) -> None:
        answer = self._answer
        if answer is None or not answer.expects(header):
            self.late += 1
            return
        answer.count(header)
        self._sequence = answer.sequence
        self._indicate(header.iin, news=False)
        self._answering = True
        taken = self._take(header, fragment)
        if taken is Taken.REFUSED:
            self.refused_room += 1
            answer.end(TimeoutError(f"no room for the answer to {answer.request.text}"))
        elif taken is Taken.HELD:
            answer.stand(header)
        else:
            self._confirm(header)
            if header.control & FIN:
                answer.end(header.iin)

    def _indicate(self, iin: int, *, news: bool) -> None:
        """The last fragment of an answer may no longer say what the first one did: its events are confirmed by then."""
        self.iin, self.news = iin, news
        self.raised |= iin

    def _confirm(self, header: Header) -> None:
        if header.control & CON:
            self._station.send(confirm(header.sequence, unsolicited=bool(header.control & UNS)))

    async def _exchange(self, answer: Answer, octets: bytes, timeout_s: float) -> int:
        """Send `octets`, if any, and wait until `answer` ends or stops."""
        try:
            if octets:
                self._station.send(octets)
            return await answer.reach(timeout_s)
        except TimeoutError as error:
            self._answering = False
            self._link.forget_half()
            raise TimeoutError(f"outstation {self._outstation}: {error}") from None
        except BaseException:
            answer.ended = True
            raise
        finally:
            if answer.ended and self._answer is answer:
                self._answer = None

    def _settle_status(self, answered: bool) -> None:  # noqa: FBT001  a timer hands it on
        if self._status is not None and not self._status.done():
            self._status.set_result(answered)
