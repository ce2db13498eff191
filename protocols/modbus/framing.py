"""What a conversation needs of a framing: frames for requests, and for each byte that comes whose answer it is."""

from collections import Counter
from typing import ClassVar, Protocol

from protocols.modbus.codec import Answer, Request


class Framing(Protocol):
    """One request at a time: `ask`, then `take` until it gives an answer, or `give_up`. No I/O, no clock.

    `numbered` is whether every answer carries the number of its request. `late` counts dropped late answers by unit;
    `noise` has the first bytes that were skipped since the last `ask`.
    """

    numbered: ClassVar[bool]

    late: Counter[int]
    noise: bytearray

    def in_step(self, unit: int, request: Request, now: float) -> Request | None:
        """Return what must be answered first, because a late answer could be taken for that to `request`."""

    def ask(self, unit: int, request: Request, *, lenient: bool) -> bytes:
        """Return the bytes to send; with `lenient` the answer may name another unit."""

    def give_up(self, now: float) -> None:
        """Expect the answer no more; when it comes after all, it is late. Nothing happens without a request."""

    def take(self, data: memoryview) -> tuple[int, Answer | None]:
        """Return how many bytes at the start of `data` are done with (0: more is needed), and the answer, if any.

        Raises:
            Violation: the peer broke the protocol; nothing it sends can be trusted any more.
        """

    def room(self, request: Request) -> int:
        """Return how many bytes the answer to `request` takes at most, frame and all."""
