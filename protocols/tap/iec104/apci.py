"""Frames of IEC 60870-5-104 out of one side of a connection, cut anywhere, with whatever lies between them.

    68 | length | control, 4 octets | ASDU of I frames |

`length` counts what follows it, 4 to 253. There is no check sequence: after octets that are no frame, the next one is
where 68 is followed by a whole frame that makes sense down to its objects (IEC 60870-5-104 clause 5).
"""

from collections.abc import Callable
from typing import Final, TypeAlias

START: Final = 0x68
APCI: Final = 6
LARGEST_FRAME: Final = 255
"""Octets of a frame (clause 5); no more than one is ever kept."""

STARTDT_ACT, STARTDT_CON, STOPDT_ACT, STOPDT_CON, TESTFR_ACT, TESTFR_CON = 0x07, 0x0B, 0x13, 0x23, 0x43, 0x83
UNNUMBERED: Final = frozenset({STARTDT_ACT, STARTDT_CON, STOPDT_ACT, STOPDT_CON, TESTFR_ACT, TESTFR_CON})

Wrong: TypeAlias = Callable[[memoryview], str]
"""Called with an ASDU; returns what is wrong with it, empty for nothing."""
Take: TypeAlias = Callable[[memoryview, str], None]
"""Called with a frame, and with what is wrong with its ASDU."""
Bad: TypeAlias = Callable[[str, memoryview], None]
"""Called with what is wrong, and with the octets."""


class Framer:
    """One side's stream. Frames go to `take`. Of octets that are none `bad` is told at once, then every 255 octets.

    `sure` is whether the stream begins with its first octet: else it is not remarkable that a frame is cut. Both are
    handed in each time: a framer that kept them would make a ring with its owner, whose memory only comes back late.
    """

    __slots__ = ("_excused", "_lost", "_rest", "_wrong")

    def __init__(self, wrong: Wrong, *, sure: bool) -> None:
        self._wrong = wrong
        self._rest = b""
        self._lost, self._excused = not sure, 0 if sure else LARGEST_FRAME

    def restart(self) -> None:
        """Octets are missing: what comes next begins anywhere."""
        self._rest, self._lost, self._excused = b"", True, LARGEST_FRAME

    def feed(self, data: memoryview, take: Take, bad: Bad) -> None:
        """Take the frames that are complete; keep what may be the beginning of another one."""
        if self._rest:
            data, self._rest = memoryview(self._rest + data), b""
        at, end = 0, len(data)
        while end - at >= 2:
            length = data[at + 1]
            if data[at] != START or not 4 <= length <= 253:
                at = self._skip("garbage", data, at, bad)
                continue
            after = at + 2 + length
            if after > end:
                break
            frame = data[at:after]
            why = _control(frame)
            if why:
                at = self._skip(why, data, at, bad)
                continue
            why = "" if frame[2] & 1 else self._wrong(frame[APCI:])
            if why and self._lost:
                at = self._skip(why, data, at, bad)
                continue
            self._lost, self._excused = False, 0
            take(frame, why)
            at = at + self._inside(frame) if why else after
        if at < end:
            self._rest = bytes(data[at:])

    def _skip(self, why: str, data: memoryview, at: int, bad: Bad) -> int:
        """Return where the next frame may begin."""
        octets = bytes(data[at + 1 :])
        found = octets.find(START)
        skipped = 1 + (found if found >= 0 else len(octets))
        self._lost = True
        self._excused -= skipped
        while self._excused < 0:
            self._excused += LARGEST_FRAME
            bad(why, data[at : at + LARGEST_FRAME])
        return at + skipped

    def _inside(self, frame: memoryview) -> int:
        """Return where in a wrong frame a right one begins, which it has swallowed; its end if there is none."""
        octets = bytes(frame)
        at = octets.find(START, 1)
        while 0 < at <= len(octets) - APCI:
            inner = frame[at : at + 2 + octets[at + 1]]
            whole = len(inner) == 2 + octets[at + 1] >= APCI
            if whole and not _control(inner) and (inner[2] & 1 or not self._wrong(inner[APCI:])):
                return at
            at = octets.find(START, at + 1)
        return len(octets)


def _control(frame: memoryview) -> str:
    """Return what is wrong with the control field, empty for nothing."""
    first, third, octets = frame[2], frame[4], len(frame)
    if not first & 1:
        if third & 1:
            return "control field"
        return "" if octets > APCI else "I frame without ASDU"
    if octets != APCI:
        return "length of S or U frame"
    if first & 3 == 1:
        return "control field" if first != 1 or frame[3] or third & 1 else ""
    return "" if first in UNNUMBERED and not (frame[3] or third or frame[5]) else "control field"
