"""Link frames of DNP3 out of one side of a conversation, cut anywhere, with whatever lies between them.

    05 64 | length | control | destination | source | CRC | up to 16 octets, CRC | up to 16 octets, CRC | ...

`length` counts what follows it without check sequences: 5 and the user data (IEEE 1815-2012 clause 9.2.4). After octets
that are no frame, the next one begins at the next 05 64 whose header passes its check.

All blocks of what a master sends are checked. Of what an outstation sends, which may be long and is not read further
than its beginning, the first and the last are: a frame that lacks octets or has too many fails there.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, TypeAlias

from protocols.tap.dnp3.crc import BLOCK, WORDS, good, whole

HEADER: Final = 10
LARGEST_FRAME: Final = 292
"""Octets of a frame with 250 of user data and all its checks; no more than one is ever kept."""
OVERHEAD: Final = 5
"""What `length` counts beside user data: control and both addresses."""
HEADERS_KNOWN: Final = 64
"""Headers of one side that are not checked again: a pair of stations has some, with different lengths."""
FROM_MASTER: Final = 0x80
GOOD_CHECK: Final = 0xFFFF
"""A check sequence is sent inverted."""

_unpack: Final = Struct("<5H").unpack
_START: Final = 0x6405
_AFTER_START: Final = WORDS[_START]
_STEP: Final = BLOCK + 2

Header: TypeAlias = tuple[int, int, int, int, int]
"""Control, destination, source, octets of user data, octets of the frame."""
Take: TypeAlias = Callable[[int, int, int, bytes], None]
"""Called with control, destination, source and user data of a frame."""
Bad: TypeAlias = Callable[[str, bytes], None]
"""Called with what is wrong, and with the octets."""


class Framer:
    """One side's stream. Frames go to `take`. Of octets that are none `bad` is told at once, then every 292 octets.

    `sure` is whether the stream begins with its first octet: else it is not remarkable that a frame is cut. Both are
    handed in each time: a framer that kept them would make a ring with its owner, whose memory only comes back late.
    """

    __slots__ = ("_excused", "_headers", "_rest")

    def __init__(self, *, sure: bool) -> None:
        self._rest = b""
        self._headers: dict[bytes, Header] = {}
        self._excused = 0 if sure else LARGEST_FRAME

    def restart(self) -> None:
        """Octets are missing: what comes next begins anywhere."""
        self._rest, self._excused = b"", LARGEST_FRAME

    def feed(self, octets: bytes | memoryview, take: Take, bad: Bad) -> None:
        """Take the frames that are complete; keep what may be the beginning of another one."""
        data = self._rest + octets if self._rest else bytes(octets)  # slices of a memoryview cost twice as much
        at, end = 0, len(data)
        while end - at >= HEADER:
            head = data[at : at + HEADER]
            header = self._headers.get(head)
            if header is None:
                found = self._header(head)
                if isinstance(found, str):
                    at = self._skip(found, data, at, bad)
                    continue
                header = found
            control, destination, source, user, size = header
            if at + size > end:
                break
            body = at + HEADER
            if user <= BLOCK:
                taken = data[body : body + user] if not user or good(data, body, user) else None
            else:
                taken = _blocks(data, body, user, every=control & FROM_MASTER)
            if taken is None:
                at = self._skip("checksum", data, at, bad)
                continue
            self._excused = 0
            take(control, destination, source, taken)
            at += size
        self._rest = data[at:]

    def end(self, bad: Bad) -> None:
        """Give up a frame that began and did not end: the next one does not continue it."""
        if self._rest:
            bad("frame cut", self._rest)
            self._rest = b""

    def _header(self, head: bytes) -> Header | str:
        """Return what a header says, or what is wrong with it. Those of a conversation are few and come again."""
        start, word, destination, source, check = _unpack(head)
        if start != _START:
            return "garbage"
        if WORDS[WORDS[WORDS[_AFTER_START ^ word] ^ destination] ^ source] ^ check != GOOD_CHECK:
            return "header"
        user = (word & 0xFF) - OVERHEAD
        if user < 0:
            return "length"
        size = HEADER + user + -(-user // BLOCK) * 2
        if len(self._headers) >= HEADERS_KNOWN:
            self._headers.clear()
        self._headers[head] = header = word >> 8, destination, source, user, size
        return header

    def _skip(self, why: str, data: bytes, at: int, bad: Bad) -> int:
        """Return where the next frame may begin; at most one octet before the end is one that nobody looked at."""
        found = data.find(b"\x05\x64", at + 1)
        if found < 0:
            found = max(len(data) - data.endswith(b"\x05"), at + 1)
        self._excused -= found - at
        while self._excused < 0:
            self._excused += LARGEST_FRAME
            bad(why, data[at : at + LARGEST_FRAME])
        return found


def _blocks(data: bytes, at: int, octets: int, *, every: int) -> bytes | None:
    """Return the user data of several blocks without their check sequences, None if one is wrong."""
    last, parts = at + (octets - 1) // BLOCK * _STEP, []
    for place in range(at, last, _STEP):
        if (every or place == at) and not whole(data, place):
            return None
        parts.append(data[place : place + BLOCK])
    octets = (octets - 1) % BLOCK + 1
    if not good(data, last, octets):
        return None
    parts.append(data[last : last + octets])
    return b"".join(parts)
