"""One direction of a TCP connection in its order, whatever the order in which its segments were captured.

Numbers go round at 2^32. What came already is cut off; what came too early waits, within bounds; what never comes is
said to be lost, and the stream goes on behind it. Of bytes that come twice the first are taken; `doubt` sees to others.
"""

from typing import Final

from protocols.tap.network import doubt
from protocols.tap.network.doubt import TAIL
from protocols.tap.network.flows import Waiting, Way

ROUND: Final = 0xFFFF_FFFF
HALF: Final = 0x8000_0000
WINDOW: Final = 1 << 20
"""A segment that is farther off than any receive window here belongs to another stream, or is forged."""
MOST_WAITING: Final = 16
"""Segments that wait for what is missing before it counts as lost."""
MOST_BYTES: Final = 65_536
"""Bytes that wait likewise: one window without scaling, RFC 9293 clause 3.1."""
LONGEST_NS: Final = 1_000_000_000
"""How long they wait: a retransmission takes 200 ms to start with, and twice that the second time."""
STRAYS: Final = 3
"""Segments that are far off, and nothing else, before they are believed: the capture was interrupted for long."""


def segment(way: Way, number: int, data: memoryview, time_ns: int) -> None:
    """Take the payload of a segment, and hand on what is in order now."""
    if way.second is not None:
        doubt.follow(way, number, data, time_ns)
    if way.expected < 0:
        way.expected = number if way.first < 0 or _far(number - way.first) else way.first
    ahead = (number - way.expected) & ROUND
    if ahead == 0:
        _next(way, data, time_ns)
    elif _far(ahead):
        if _believed(way):
            skip(way, number)
            _next(way, data, time_ns)
        else:
            doubt.second(way, number + len(data), data, time_ns)
    elif ahead >= HALF:
        behind = ROUND + 1 - ahead
        doubt.again(way, number, behind, data, time_ns)
        if behind >= len(data):
            return
        _next(way, data[behind:], time_ns)
    else:
        _wait(way, number, data, time_ns)
    if way.waiting is not None:
        _drain(way, time_ns)


def skip(way: Way, number: int) -> None:
    """Go on at `number`: what is before it was not captured."""
    way.expected, way.waiting, way.tail = number & ROUND, None, b""
    _lost(way)


def acknowledged(way: Way, number: int, time_ns: int) -> None:
    """Give up what is missing and yet acknowledged, which is before `number`: the other side has it, and we never will.

    So one frame that was not captured hides no more than itself, however seldom the conversation goes on.
    """
    while way.waiting is not None and (number - _nearest(way, way.waiting)) & ROUND <= WINDOW:
        _give_up(way, time_ns)


def overdue(way: Way, now_ns: int) -> None:
    """Give up what is missing for too long."""
    while way.waiting is not None and now_ns - way.waiting.since_ns > LONGEST_NS:
        _give_up(way, now_ns)


def _next(way: Way, data: memoryview, time_ns: int) -> None:
    way.expected = (way.expected + len(data)) & ROUND
    way.tail = (way.tail + data)[-TAIL:]
    way.deliver(from_client=way.asks, data=data, time_ns=time_ns)


def _far(distance: int) -> bool:
    """Return whether two numbers that are `distance` apart belong to different streams."""
    return WINDOW < distance & ROUND < ROUND + 1 - WINDOW


def _believed(way: Way) -> bool:
    """Count a segment from far off; return whether they are all that comes."""
    count, expected = way.strays
    count = count + 1 if expected == way.expected else 1
    way.strays = count, way.expected
    return count >= STRAYS


def _wait(way: Way, number: int, data: memoryview, time_ns: int) -> None:
    waiting = way.waiting
    if waiting is None:
        waiting = way.waiting = Waiting(time_ns)
    for at, (known_number, known) in enumerate(waiting.segments):
        if known_number == number and known[: len(data)] == data[: len(known)]:
            waiting.segments[at] = number, known + data[len(known) :]
            waiting.octets += max(len(data) - len(known), 0)
            return
    waiting.segments.append((number, bytes(data)))
    waiting.octets += len(data)


def _drain(way: Way, time_ns: int) -> None:
    """Hand on what waited for what just came; give up what is missing when too much waits."""
    while (waiting := way.waiting) is not None:
        if not _follow(way, waiting, time_ns):
            full = len(waiting.segments) > MOST_WAITING or waiting.octets > MOST_BYTES
            if not full and time_ns - waiting.since_ns <= LONGEST_NS:
                return
            _give_up(way, time_ns)


def _follow(way: Way, waiting: Waiting, time_ns: int) -> bool:
    """Hand on one waiting segment that follows or overlaps what was handed on; return whether there was one."""
    for at, (number, data) in enumerate(waiting.segments):
        behind = (way.expected - number) & ROUND
        if behind < HALF:
            del waiting.segments[at]
            waiting.octets -= len(data)
            waiting.since_ns = time_ns
            if not waiting.segments:
                way.waiting = None
            if behind:
                doubt.again(way, number, behind, memoryview(data), time_ns)
            if behind < len(data):
                _next(way, memoryview(data)[behind:], time_ns)
            return True
    return False


def _give_up(way: Way, time_ns: int) -> None:
    waiting = way.waiting
    assert waiting is not None
    _lost(way)
    way.tail = b""
    way.expected = _nearest(way, waiting)
    _follow(way, waiting, time_ns)
    while way.waiting is not None and _follow(way, way.waiting, time_ns):
        pass


def _nearest(way: Way, waiting: Waiting) -> int:
    """Return where the first begins of what waits."""
    return min((number for number, _ in waiting.segments), key=lambda number: (number - way.expected) & ROUND)


def _lost(way: Way) -> None:
    conversation = way.link.conversation
    if conversation is not None:
        conversation.lost(from_client=way.asks)
