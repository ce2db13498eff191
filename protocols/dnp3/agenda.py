"""What is to be asked of one outstation over one session: procedure by procedure, request by request.

A procedure yields requests and is sent the indications of each answer. An answer with events stops at each fragment
until that is on disk; then the next read goes on with it, and with the procedure, where they stopped.
"""

from collections.abc import Callable, Generator
from typing import TypeAlias

from protocols.dnp3.requests import Request
from protocols.dnp3.session import Session

Procedure: TypeAlias = Generator[Request, int, None]
"""Yields what to ask, and is sent the internal indications of the answer."""


class Agenda:
    """The procedures that are due over `session`: each of them once, in the order in which they became due."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._due: dict[Callable[[], Procedure], None] = {}
        self._doing: Procedure | None = None
        self._iin: int | None = None
        self._stopped = False
        self._timeout_s = 0.0

    async def work(self, what: Callable[[], Procedure], timeout_s: float) -> None:
        """Carry out what is due and `what`, as far as the disk follows. What fails is not tried again here.

        What was begun keeps the time-out that it was begun with, where that is longer.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        self._due.setdefault(what)
        self._timeout_s = max(timeout_s, self._timeout_s if self._doing is not None else 0.0)
        try:
            while self._due and self._session.free:
                await self._step()
        except BaseException:
            self._break_off()
            raise

    async def _step(self) -> None:
        """Ask one thing, or go on with an answer that has stopped."""
        if self._doing is None:
            self._doing = next(iter(self._due))()
        if not self._stopped:
            await self._ask(self._doing)
        elif self._session.unfinished:
            self._iin = await self._session.go_on(self._timeout_s)
            self._stopped = self._session.unfinished
        else:  # the answer was given up, as what it brought is not on disk
            self._break_off()

    async def _ask(self, doing: Procedure) -> None:
        try:
            request = doing.send(self._iin)  # type: ignore[arg-type]  # None begins it
        except StopIteration:
            del self._due[next(iter(self._due))]
            self._doing = self._iin = None
        else:
            self._iin = await self._session.request(request, self._timeout_s)
            self._stopped = self._session.unfinished

    def _break_off(self) -> None:
        if self._doing is not None:
            self._doing.close()
        self._due.clear()
        self._doing = self._iin = None
        self._stopped = False
