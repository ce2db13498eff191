"""Every request that this master can make: it reads, confirms, and does the duties that a master has.

Nothing here operates, sets, freezes, restarts or configures anything. The duties: say whether unsolicited responses are
wanted (function codes 20, 21), acknowledge a restart by writing 0 to IIN 1.7 (2, g80v1), and where the configuration
allows it set the clock (24 and 2, g50v3 on a LAN; 23 and 2, g50v1 elsewhere). IEEE 1815-2012, clauses 4.4 and 5.
"""

import struct
from typing import Final, NamedTuple

CONFIRM: Final = 0
READ: Final = 1
WRITE: Final = 2
ENABLE: Final = 20
DISABLE: Final = 21
DELAY_MEASURE: Final = 23
RECORD_TIME: Final = 24

FIR_FIN: Final = 0xC0
UNSOLICITED: Final = 0x10
SEQUENCE: Final = 0x0F

_ALL: Final = 0x06
_EVENT_CLASSES: Final = bytes([60, 2, _ALL, 60, 3, _ALL, 60, 4, _ALL])
_CLASS_0: Final = bytes([60, 1, _ALL])


class Request(NamedTuple):
    """A function code and its objects; `text` tells people what was asked."""

    text: str
    function: int
    objects: bytes = b""

    def fragment(self, sequence: int) -> bytes:
        """Return the octets of the request with this sequence number."""
        return bytes([FIR_FIN | sequence, self.function]) + self.objects


INTEGRITY: Final = Request("integrity poll", READ, _EVENT_CLASSES + _CLASS_0)
EVENTS: Final = Request("events of classes 1, 2, 3", READ, _EVENT_CLASSES)
DISABLE_UNSOLICITED: Final = Request("disable unsolicited responses", DISABLE, _EVENT_CLASSES)
ENABLE_UNSOLICITED: Final = Request("enable unsolicited responses", ENABLE, _EVENT_CLASSES)
CLEAR_RESTART: Final = Request("clear the restart indication", WRITE, bytes([80, 1, 0, 7, 7, 0]))
MEASURE_DELAY: Final = Request("measure the delay", DELAY_MEASURE)
RECORD_CURRENT_TIME: Final = Request("record the current time", RECORD_TIME)


def read_all(group: int) -> Request:
    """Return what asks every point of a group, in the variation that the outstation prefers."""
    return Request(f"all of group {group}", READ, bytes([group, 0, _ALL]))


def attribute(variation: int) -> Request:
    """Return what asks one attribute of the device, of the set of the standard."""
    return Request(f"attribute {variation}", READ, bytes([0, variation, 0, 0, 0]))


def write_time(variation: int, time_ms: int) -> Request:
    """Return what sets the clock: g50v3 is when the last request was sent, g50v1 when this one arrives; ms of UTC."""
    stamp = struct.pack("<Q", time_ms)[:6]
    return Request("set the clock", WRITE, bytes([50, variation, 0x07, 1]) + stamp)


def confirm(sequence: int, *, unsolicited: bool) -> bytes:
    """Return the fragment that confirms a response."""
    return bytes([FIR_FIN | (UNSOLICITED if unsolicited else 0) | sequence, CONFIRM])
