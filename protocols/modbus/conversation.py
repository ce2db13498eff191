"""One Modbus conversation: one request at a time, and no answer is ever taken for another.

The framing knows whose answer is whose; here are turns, time-outs and silences. On a network an illegal byte is a
violation and ends the conversation at once. On a line noise is everyday: what is garbled fails alone and is asked again
as often as the device's `retries` say; after it, as after a time-out, the line must be heard silent before the next
request. Only a line with nothing but noise ends.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.driver import LinkLost
from protocols.modbus import mbap, rtu
from protocols.modbus.codec import Answer, Refusal, Request, Violation
from protocols.modbus.framing import Framing
from protocols.modbus.mbap import Mbap
from protocols.modbus.pace import NETWORK, Pace
from protocols.wire import Wire

__all__ = ["Answer", "Conversation", "Garbled", "Manners"]

RECEIVE_BYTES: Final = 2 * max(mbap.LARGEST_FRAME, rtu.LARGEST_FRAME)
"""A frame in the making, and a late one before it; TCP holds back the rest."""
UNSENT_BYTES: Final = 1024
"""Requests the peer has not even taken in: beyond about 85 of them it reads nothing and the link is lost."""
BABBLE_S: Final = 2.0
"""A line that is not silent for so long carries no answers: 260 bytes take 2 s at 1200 baud."""
GARBLED_TO_LOST: Final = 8
"""Garbled answers in a row, of all units: the line is set wrongly, or two masters are on it."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How one device must be treated: `pause_s` before each request, the unit in its answers, repeated questions."""

    pause_s: float = 0.0
    lenient: bool = False
    retries: int = 0


PLAIN: Final = Manners()


class Garbled(TimeoutError):
    """Something answered, but not in this protocol: noise, a wrong rate or parity, or two at once."""


class Conversation(Wire, asyncio.BufferedProtocol):
    """The client's end. `late` and `garbled` count answers by unit.

    `noise` shows the first bytes of the last garbled answer; `orphan` is `Violation.why` of the one that ended it.
    """

    unsent_bytes = UNSENT_BYTES

    def __init__(self, framing: Framing | None = None, pace: Pace = NETWORK) -> None:
        super().__init__()
        self.framing: Framing = Mbap() if framing is None else framing
        self.garbled: Counter[int] = Counter()
        self.noise = self.orphan = ""
        self._pace = pace
        self._turn = asyncio.Lock()
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._filled = 0
        self._unit = 0
        self._lenient, self._timeout_s = False, 0.0
        self._waiting: asyncio.Future[Sequence[Answer] | Exception] | None = None
        self._more: deque[Request] = deque()
        self._answers: list[Answer] = []
        self._next = False
        self._timer: asyncio.TimerHandle | None = None
        self._hush: asyncio.TimerHandle | None = None
        self._due = self._longest = 0.0
        self._on_line = pace.listen_s > 0
        self._heard = self._loop.time()
        self._troubled = True
        self._rested: dict[int, float] = {}
        self._garbled_in_a_row = 0

    @classmethod
    async def open(cls, host: str, port: int) -> "Conversation":
        """Connect by Modbus/TCP.

        Raises:
            OSError: nobody answers.
        """
        _, conversation = await asyncio.get_running_loop().create_connection(cls, host, port)
        return conversation

    @property
    def late(self) -> Counter[int]:
        """Late answers by unit, which were dropped."""
        return self.framing.late

    async def request(self, unit: int, request: Request, timeout_s: float, manners: Manners = PLAIN) -> Answer:
        """Send `request` to `unit` when it is its turn, and return what answers it.

        `timeout_s` is the device's own; on a line of a known rate, what the bytes take comes on top.

        Raises:
            TimeoutError: no answer within `timeout_s`, or nothing but garbled ones; the conversation goes on.
            LinkLost: the conversation is over.
        """
        async with self._turn:
            for _ in range(manners.retries):
                try:
                    return await self._ask(unit, request, timeout_s, manners)
                except Garbled:
                    continue
            return await self._ask(unit, request, timeout_s, manners)

    async def series(
        self, unit: int, requests: Iterable[Request], timeout_s: float, manners: Manners = PLAIN
    ) -> Sequence[Answer]:
        """Send `requests` to `unit`, each after the answer to the one before; end with the last or the first refusal.

        Where answers are numbered and nobody needs rest, the next request leaves in the moment of an answer, and who
        waits is woken once: half the turns of the event loop. Errors are those of `request`, whichever it was.
        """
        if self.framing.numbered and not self._on_line and not manners.pause_s:
            async with self._turn:
                return await self._exchange(unit, requests, timeout_s, manners)
        answers = []
        for request in requests:
            answers.append(await self.request(unit, request, timeout_s, manners))
            if isinstance(answers[-1], Refusal):
                break
        return answers

    async def _ask(self, unit: int, request: Request, timeout_s: float, manners: Manners) -> Answer:
        first = self.framing.in_step(unit, request, self._loop.time())
        if first is not None:
            await self._exchange(unit, (first,), timeout_s, manners)
        return (await self._exchange(unit, (request,), timeout_s, manners))[0]

    async def _exchange(
        self, unit: int, requests: Iterable[Request], timeout_s: float, manners: Manners
    ) -> Sequence[Answer]:
        if self._on_line or manners.pause_s:
            await self._silence(unit, manners.pause_s)
        self._unit, self._lenient, self._timeout_s = unit, manners.lenient, timeout_s
        self._more, self._answers = deque(requests), []
        waiting: asyncio.Future[Sequence[Answer] | Exception] = self._loop.create_future()
        self._waiting = waiting
        try:
            self._send(self._more.popleft())
            answers = await waiting
        finally:
            self._leave()
            if manners.pause_s:
                self._rested[unit] = self._loop.time() + manners.pause_s
        if isinstance(answers, Exception):
            raise answers
        return answers

    async def _silence(self, unit: int, pause_s: float) -> None:
        """Wait until the line has been silent for long enough, and the unit has rested."""
        began = self._loop.time()
        while self.over is None:
            silence_s = self._pace.listen_s if self._troubled else self._pace.silence_s
            ready = max(self._heard + silence_s, self._rested.get(unit, 0.0) if pause_s else 0.0)
            left = ready - self._loop.time()
            if left <= 0:
                return
            if self._heard - began > BABBLE_S:
                self._violated(f"the line is never silent: {BABBLE_S:g} s of noise")
            await asyncio.sleep(left)

    def _send(self, request: Request) -> None:
        if self._on_line:
            self._filled = 0  # silence has ended whatever began there
        data = self.framing.ask(self._unit, request, lenient=self._lenient)
        self._live().write(data)
        char_s = self._pace.char_s
        self._heard = self._loop.time() + len(data) * char_s
        self._due = self._heard + self._timeout_s
        self._longest = self._due + self.framing.room(request) * char_s
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._expire)

    def _expire(self) -> None:
        """Give up; but each request of a series has its own time, and an answer that has begun that of its bytes."""
        due = self._longest if self._filled else self._due
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._expire)
        elif self._on_line and self._filled + len(self.framing.noise) >= rtu.EXCEPTION_FRAME:
            self._garble()
        else:
            self._troubled = True
            self._settle(TimeoutError(f"no answer from unit {self._unit} in {self._timeout_s:g} s"))
            self._leave()

    def _garble(self) -> None:
        """Give up a request that only noise has answered."""
        heard = bytes(self.framing.noise) or bytes(self._buffer[: min(self._filled, rtu.NOISE_SHOWN)])
        self.noise = heard.hex(" ")
        self.garbled[self._unit] += 1
        self._garbled_in_a_row += 1
        self._troubled = True
        if self._garbled_in_a_row >= GARBLED_TO_LOST:
            self._violated(f"{GARBLED_TO_LOST} garbled answers in a row, the last: {self.noise}")
        self._settle(Garbled(f"garbled answer from unit {self._unit}: {self.noise}"))
        self._leave()

    def _answered(self, answer: Answer) -> None:
        """Note it: the series ends with its last answer, or the first refusal."""
        self._troubled, self._garbled_in_a_row = False, 0
        self._answers.append(answer)
        self._next = bool(self._more) and not isinstance(answer, Refusal)
        if not self._next:
            self._settle(self._answers)

    def _settle(self, end: Sequence[Answer] | Exception) -> None:
        """Wake who waits; without one nothing happens."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(end)

    def _leave(self) -> None:
        """End an exchange: an answer that has not come by now will be late."""
        self._waiting, self._next = None, False
        self._more.clear()
        for timer in (self._timer, self._hush):
            if timer is not None:
                timer.cancel()
        self._timer = self._hush = None
        self.framing.give_up(self._loop.time())

    def _tell(self, reason: str) -> None:
        self._settle(LinkLost(reason))

    def _half(self) -> int:
        return self._filled

    # asyncio.BufferedProtocol

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the interface of asyncio
        """Return the free end of the buffer, which every complete frame leaves."""
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take the frames that are complete, and keep what is left of the next."""
        filled, start = self._filled + nbytes, 0
        try:
            while start < filled:
                taken, answer = self.framing.take(self._buffer[start:filled])
                if not taken:
                    break
                start += taken
                if answer is not None:
                    self._answered(answer)
        except Violation as violation:
            self.orphan = violation.why
            self._violated(str(violation))
        self._filled = filled - start
        self._buffer[: self._filled] = self._buffer[start:filled]
        if self._next and self.over is None:  # only now: what came before it was sent is no answer to it
            self._next = False
            self._send(self._more.popleft())
        if self._on_line:
            self._listen()

    def _listen(self) -> None:
        """Note that the line was not silent; what is garbled is given up when silence follows it."""
        self._heard = self._loop.time()
        if self._hush is not None:
            self._hush.cancel()
        if self._timer is not None and not self._filled and len(self.framing.noise) >= rtu.EXCEPTION_FRAME:
            self._hush = self._loop.call_at(self._heard + self._pace.listen_s, self._garble)
