"""The publishers of GOOSE that a tap follows, of fixed number: who speaks is not pushed out by strangers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from protocols.tap.goose.pdu import Pdu
from protocols.tap.mms.data import text

PUBLISHERS_MAX: Final = 512
"""Publishers that are followed: a large substation has some 200 control blocks."""
SPARED: Final = 8
"""How many of the oldest may stay, because they were heard again and still speak, before one goes in any case."""
TOLERATED: Final = 2
"""A subscriber waits timeAllowedToLive; twice that is no late frame any more."""


@dataclass(slots=True, eq=False)
class Publisher:
    """A control block from one address, as its last frame was. `place` is its key in `Publishers.last`.

    `before` is that frame up to the value of sqNum, which stands from `sq_at` to `sq_end`; empty when it is not known.
    """

    source: str
    target: str
    name: str
    pdu: Pdu
    t: bytes
    st: int
    sq: int
    time_ns: int
    place: bytes = b""
    frames: int = 0
    expired: bool = False
    before: bytes = b""
    sq_at: int = 0
    sq_end: int = 0

    def speaks(self, time_ns: int) -> bool:
        """Return whether its last frame may still be believed, with tolerance."""
        return time_ns - self.time_ns <= TOLERATED * self.pdu.live_ms * 1_000_000


class Publishers:
    """The publishers by address and control block.

    `last` finds the one that was heard last by its addresses and APPID, `owners` who speaks for a control block.
    `forgotten` counts who had to go.
    """

    def __init__(self) -> None:
        self.forgotten = 0
        self.last: dict[bytes, Publisher] = {}
        self.owners: dict[bytes, Publisher] = {}
        self._all: dict[tuple[bytes, bytes], Publisher] = {}

    def __iter__(self) -> Iterator[Publisher]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, source: bytes, ref: bytes) -> Publisher | None:
        """Return the publisher, None when it is new."""
        return self._all.get((source, ref))

    def meet(self, pdu: Pdu, source: bytes, target: bytes, time_ns: int) -> Publisher:
        """Take up a new publisher; at `PUBLISHERS_MAX` the oldest goes that is silent or was heard once only."""
        for turn in range(SPARED if len(self._all) >= PUBLISHERS_MAX else 0):
            key, oldest = next(iter(self._all.items()))
            del self._all[key]
            if turn == SPARED - 1 or oldest.frames < 2 or not oldest.speaks(time_ns):
                self._forget(oldest)
                break
            self._all[key] = oldest
        one = Publisher(mac(source), mac(target), text(pdu.ref), pdu, pdu.t, pdu.st, pdu.sq, time_ns)
        self._all[source, pdu.ref] = one
        return one

    def place(self, one: Publisher, source: bytes, target: bytes, app_id: bytes) -> None:
        """Let `last` find it."""
        place = source + target + app_id
        if place != one.place:
            self._unplace(one)
            one.place = place
        self.last[place] = one

    def _unplace(self, one: Publisher) -> None:
        if self.last.get(one.place) is one:
            del self.last[one.place]

    def _forget(self, one: Publisher) -> None:
        self.forgotten += 1
        self._unplace(one)
        if self.owners.get(one.pdu.ref) is one:
            del self.owners[one.pdu.ref]


def mac(address: bytes) -> str:
    """Return a hardware address as people write it."""
    return address.hex(":")
