"""Which messages of QoS 0 the broker must have: it reads in order, so what went before a ping that it answers."""

from collections import deque
from itertools import islice


class Proof:
    """The messages that nobody acknowledges, and the pings behind them. Bounded by the publisher's window."""

    def __init__(self) -> None:
        self._mids: dict[int, None] = {}
        self._behind: deque[int] = deque()
        self._gone = self._proved = 0

    def __len__(self) -> int:
        return len(self._mids)

    def __contains__(self, mid: int) -> bool:
        return mid in self._mids

    @property
    def asked(self) -> bool:
        """Whether a ping waits for its answer."""
        return bool(self._behind)

    def sent(self, mid: int) -> None:
        """A message went."""
        self._mids[mid] = None
        self._gone += 1

    def ask(self) -> None:
        """A ping went."""
        self._behind.append(self._gone)

    def answer(self) -> list[int]:
        """An answer came to the oldest ping: return the messages that went before it."""
        if not self._behind:  # an answer to no question proves nothing
            return []
        proved = self._behind.popleft() - self._proved
        self._proved += proved
        mids = list(islice(self._mids, proved))
        for mid in mids:
            del self._mids[mid]
        return mids
