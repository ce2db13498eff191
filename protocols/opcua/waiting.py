"""The requests of one channel that wait for their answers, and those whose answer may still come late.

An answer that nobody asked for is a violation, and so is one of another kind than was asked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from protocols.opcua.binary import Reader, Violation
from protocols.opcua.codec import SERVICE_FAULT, Header, Service, header

Done: TypeAlias = Callable[[Header, Reader], None]

MOST_ABANDONED: Final = 256
"""Requests whose late answer is still known."""


class Waiting:
    """By the number of each request: what was asked, and who is told. `late` counts answers that came too late."""

    def __init__(self) -> None:
        self.late = 0
        self._last = 0
        self._asked: dict[int, tuple[Service, Done, asyncio.Future[Any] | None]] = {}
        self._abandoned: OrderedDict[int, None] = OrderedDict()

    def add(self, service: Service, done: Done, future: "asyncio.Future[Any] | None") -> int:
        """Number a request; `done` gets its answer, `future` is failed where there will be none."""
        self._last = self._last % 0xFFFF_FFFF + 1
        self._asked[self._last] = service, done, future
        return self._last

    def abandon(self, request: int) -> None:
        """Remember a request that was not answered, by when its caller has gone."""
        if self._asked.pop(request, None) is not None:
            self._abandoned[request] = None
            if len(self._abandoned) > MOST_ABANDONED:
                self._abandoned.popitem(last=False)

    def answered(self, request: int, reader: Reader) -> None:
        """Hand an answer to who asked.

        Raises:
            Violation: nobody did, or something else.
        """
        head = header(reader)
        asked = self._asked.get(request)
        if asked is None:
            self._late(request)
            return
        service, done, _ = asked
        if head.kind not in (service + 3, SERVICE_FAULT):
            raise Violation(f"structure {head.kind} answers {service.name.lower()}")
        done(head, reader)
        self._asked.pop(request, None)  # not before: who waits must hear of a violation

    def forget(self) -> Iterator["asyncio.Future[Any]"]:
        """Expect no answer any more; yield who waits."""
        asked, self._asked = self._asked, {}
        return (future for _, _, future in asked.values() if future is not None)

    def _late(self, request: int) -> None:
        if request not in self._abandoned:
            raise Violation(f"request {request} was not asked")
        del self._abandoned[request]
        self.late += 1


def settle(future: "asyncio.Future[Any]", result: object) -> None:
    """Let who awaits `future` go on with `result`, unless it was given up."""
    if not future.done():
        future.set_result(result)


def fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    """Let who awaits `future` see `error`; nobody need have awaited it."""
    if not future.done():
        future.set_exception(error)
        future.exception()
