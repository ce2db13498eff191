"""What a listener cannot know: which of two versions of the same bytes a host took. So both are read.

Who forges segments that the tap believes and the host does not (to another hardware address, with a wrong checksum)
could otherwise say something harmless first, and then something else in its place. What comes again is compared with
the `tail` of what was read. Where it differs, or cannot be compared, a second reader takes it, with what was before it
and what follows; the first reader goes on as if nothing had been.
"""

from typing import Final

from protocols.model import EventKind
from protocols.tap.network.flows import Second, Way

TAIL: Final = 1460
"""The last bytes of each direction that are kept to compare with: one segment, as Ethernet carries it."""
MOST_SECOND: Final = 4096
"""Bytes that a second reader takes before it goes: more than any command has."""
OTHER: Final = "TCP bytes twice, and not the same"
URGENT: Final = "TCP urgent data"
"""Hosts take an urgent byte out of the stream or leave it in (RFC 6093); no protocol that is read here has any."""
_ROUND: Final = 0xFFFF_FFFF


def again(way: Way, number: int, behind: int, data: memoryview, time_ns: int) -> None:
    """Take a segment that begins `behind` bytes before what comes next: those were read, these or others."""
    tail = way.tail
    start = len(tail) - behind
    if start < 0:
        if len(data) > 1:  # one byte is a keep-alive (RFC 9293 clause 3.8.4)
            second(way, number + len(data), data, time_ns)
    elif tail[start : start + len(data)] != data[:behind] and bytes(data) != b"\0":
        _tell(way, OTHER, data, time_ns)
        second(way, number + len(data), data, time_ns, before=tail[:start])


def urgent(way: Way, number: int, data: memoryview, pointer: int, time_ns: int) -> None:
    """Take a segment with urgent data: the stream had it with the urgent byte, the second reader has it without."""
    _tell(way, URGENT, data, time_ns)
    at = min(max(pointer, 1), len(data)) - 1
    without = bytes(data[:at]) + bytes(data[at + 1 :])
    before = way.tail[: -len(data)] if way.expected == (number + len(data)) & _ROUND else b""
    second(way, number + len(data), memoryview(without), time_ns, before=before)


def second(way: Way, end: int, data: memoryview, time_ns: int, *, before: bytes = b"") -> None:
    """Read bytes apart from the stream, behind what was `before` them, unless the second reader did so just now.

    `end` is the number of what follows them.
    """
    link, end = way.link, end & _ROUND
    if link.reader is None or (way.second is not None and way.second.expected == end):
        return
    way.second = Second(link.reader(), end, MOST_SECOND)
    if before:
        way.second.reads.data(from_client=way.asks, data=memoryview(before), time_ns=time_ns)
    way.second.reads.data(from_client=way.asks, data=data, time_ns=time_ns)


def follow(way: Way, number: int, data: memoryview, time_ns: int) -> None:
    """Show the second reader what follows what it read."""
    other = way.second
    if other is None or other.expected != number:
        return
    other.expected, other.left = (number + len(data)) & _ROUND, other.left - len(data)
    other.reads.data(from_client=way.asks, data=data, time_ns=time_ns)
    if other.left < 0:
        way.second = None


def _tell(way: Way, why: str, data: memoryview, time_ns: int) -> None:
    flow = way.link.flow
    source, target = flow.ends(from_client=way.from_client)
    flow.notes.note(
        EventKind.MALFORMED,
        time_ns,
        f"a segment that cannot be: {why}",
        source=source,
        target=target,
        port=flow.port,
        protocol="tcp",
        about=why,
        raw=data,
        why=why,
        fatal=False,
    )
