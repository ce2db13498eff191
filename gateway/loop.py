"""The event loop of the daemon, whose name look-ups neither wait for each other nor hold up the end of the process.

asyncio resolves in a pool of a few threads and waits for them at the end: six devices behind a dead resolver would
stop every look-up, and a stop would take as long as the resolver does, 15 s and more.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

Question: TypeAlias = tuple[Any, ...]
"""What is asked of `socket.getaddrinfo`."""


class Loop(asyncio.SelectorEventLoop):
    """Asks each question once at a time, in a daemon thread of its own: so the configuration bounds their number."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[Question, asyncio.Future[Any]] = {}

    async def getaddrinfo(self, host: Any, port: Any, **how: int) -> list[Any]:
        """Resolve, as `socket.getaddrinfo` does.

        Raises:
            OSError: the name is not known, or nobody who knows it answers.
        """
        question = (host, port, *how.items())
        if question not in self._asked:
            self._asked[question] = self.create_future()
            ask = partial(socket.getaddrinfo, host, port, **how)
            threading.Thread(target=self._ask, args=(question, ask), name="resolve", daemon=True).start()
        found = await asyncio.shield(self._asked[question])
        if isinstance(found, OSError):
            raise found
        return found  # type: ignore[no-any-return]

    def _ask(self, question: Question, ask: Callable[[], Any]) -> None:
        found: Any
        try:
            found = ask()
        except OSError as error:
            found = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self.call_soon_threadsafe(self._answer, question, found)

    def _answer(self, question: Question, found: Any) -> None:
        self._asked.pop(question).set_result(found)
