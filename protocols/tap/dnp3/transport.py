"""Fragments of DNP3 out of the segments of its transport function: FIN, FIR, and a sequence of 6 bits (clause 8).

Bounded: `PAIRS` stations that send at once, `FRAGMENT` octets of each.
"""

from typing import Final, NoReturn

FRAGMENT: Final = 4096
"""Most octets of a fragment: 2048 is the most that a device must take (clause 4.4), some take more."""
PAIRS: Final = 32
"""Stations of one side that are in the middle of a fragment; of more, the oldest is given up."""
FIN: Final = 0x80
FIR: Final = 0x40
SEQUENCE: Final = 0x3F
_NONE, _BROKEN = -1, -2
"""In place of a sequence: nothing was begun; what was begun is wrong, which is told once."""


class Broken(Exception):
    """Segments that make no fragment."""


class Assembly:
    """One side's unfinished fragments. `forgotten` counts those that were given up for others."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._parts: dict[int, tuple[int, bytes]] = {}

    def restart(self) -> None:
        """Octets are missing: what was begun does not end."""
        self._parts.clear()

    def add(self, pair: int, segment: bytes) -> bytes | None:
        """Return the fragment that `segment` ends, None when there is more to come.

        Raises:
            Broken: it does not follow the one before, or the fragment is too long.
        """
        head = segment[0]
        if head & FIR:
            if self._parts:
                self._parts.pop(pair, None)
            if head & FIN:
                return segment[1:]
            fragment = segment[1:]
        else:
            last, before = self._parts.get(pair, (_NONE, b""))
            if last == _BROKEN:
                return None
            if last == head & SEQUENCE and not head & FIN:  # sent twice: the second is dropped (clause 8.2.2)
                return None
            if last == _NONE:
                self._break(pair, "segment without its beginning")
            if head & SEQUENCE != (last + 1) & SEQUENCE:
                self._break(pair, "segment out of sequence")
            fragment = before + segment[1:]
            if len(fragment) > FRAGMENT:
                self._break(pair, f"fragment over {FRAGMENT} octets")
            if head & FIN:
                del self._parts[pair]
                return fragment
        self._keep(pair, head & SEQUENCE, fragment)
        return None

    def _break(self, pair: int, why: str) -> NoReturn:
        self._keep(pair, _BROKEN, b"")
        raise Broken(why)

    def _keep(self, pair: int, sequence: int, fragment: bytes) -> None:
        self._parts.pop(pair, None)
        if len(self._parts) >= PAIRS:
            del self._parts[next(iter(self._parts))]
            self.forgotten += 1
        self._parts[pair] = sequence, fragment
