"""What an outstation has told and must not forget yet: the one fragment of events between its buffer and our disk.

    fragment ──► inbox ──► Receipt ──► store ──► settled ──► confirm ──► the outstation deletes its events

While one is on its way no other events are taken and nothing is asked: so a disk that refuses holds up one fragment of
each outstation, and the rest stays where it is safe.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from protocols.dnp3.decode import HEADER_OCTETS
from protocols.model import Receipt

STORED_WITHIN_S: Final = 5.0
"""Said when it takes longer: outstations wait 5 to 10 s for a confirm, then they send their events again."""


class Custody:
    """Which fragment is on its way, over all connections; `settled` is told when it no longer is.

    `held` is that fragment, `last` the last unsolicited response that was taken, `stored` the objects of the fragment
    that came to the disk last: any of them is repeated where our confirm is late or lost.
    """

    def __init__(self, settled: Callable[[bool], None]) -> None:
        self.held: bytes | None = None
        self.last = b""
        self.stored = b""
        self._settled = settled
        self._since_s = 0.0
        self._said = False

    def hold(self, fragment: bytes, *, urgent: bool) -> Receipt:
        """Take `fragment`, and return what is to follow its events; `urgent` if the outstation has more."""
        assert self.held is None
        self.held, self._since_s = fragment, _now()
        return Receipt(self._settle, urgent)

    def news(self) -> str | None:
        """Return what is to be said: that the disk is late, and that it has caught up."""
        late_s = _now() - self._since_s
        if self._said == (self.held is not None and late_s > STORED_WITHIN_S):
            return None
        self._said = not self._said
        if self._said:
            return f"its events are not on disk after {STORED_WITHIN_S:g} s; not confirmed, so it keeps them"
        return "its events are on disk again"

    def _settle(self, kept: bool) -> None:  # noqa: FBT001  as Receipt calls it
        held, self.held = self.held or b"", None
        if kept:
            self.stored = held[HEADER_OCTETS:]
        elif held == self.last:
            self.last = b""
        self._settled(kept)


def _now() -> float:
    return asyncio.get_running_loop().time()
