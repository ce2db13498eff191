"""What the flags of a DNP3 point mean: the mapping to `Quality`, after IEEE 1815.1-2015 and IEC 61850-7-3.

Bits 0 to 4 are the same for every kind; 5 and 6 differ; the states of binaries stand above them.

    bit 0  ONLINE          not set: invalid
    bit 1  RESTART         restart
    bit 2  COMM_LOST       comm_lost, old
    bit 3  REMOTE_FORCED   substituted
    bit 4  LOCAL_FORCED    substituted
    bit 5  binary CHATTER_FILTER: oscillatory · counter ROLLOVER: overflow · analog OVER_RANGE: overflow, questionable
    bit 6  counter DISCONTINUITY: inconsistent · analog REFERENCE_ERR: bad_reference
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from protocols.model import Qualities, Quality

_COMMON: Final = (
    (0x02, Quality.RESTART),
    (0x04, Quality.COMM_LOST | Quality.OLD),
    (0x08, Quality.SUBSTITUTED),
    (0x10, Quality.SUBSTITUTED),
)
ONLINE: Final = 0x01
INDETERMINATE: Final = 0xC0
"""Both state bits of a double-bit input: contacts that contradict each other."""

_BINARY: Final = ((0x20, Quality.OSCILLATORY),)
_COUNTER: Final = ((0x20, Quality.OVERFLOW), (0x40, Quality.INCONSISTENT))
_ANALOG: Final = ((0x20, Quality.OVERFLOW | Quality.QUESTIONABLE), (0x40, Quality.BAD_REFERENCE))

_OWN: Final[Mapping[str, tuple[tuple[int, Quality], ...]]] = {
    "binary": _BINARY,
    "double": _BINARY,
    "binary_output": (),
    "counter": _COUNTER,
    "frozen": _COUNTER,
    "analog": _ANALOG,
    "frozen_analog": _ANALOG,
    "analog_output": _ANALOG,
    "octets": (),
}


def _quality(kind: str, flags: int) -> Quality:
    found = Quality.GOOD if flags & ONLINE else Quality.INVALID
    for bit, meaning in (*_COMMON, *_OWN[kind]):
        if flags & bit:
            found |= meaning
    if kind == "double" and flags & INDETERMINATE == INDETERMINATE:
        found |= Quality.QUESTIONABLE | Quality.INCONSISTENT
    return found


QUALITY: Final[Mapping[str, Qualities]] = {
    kind: np.array([_quality(kind, flags) for flags in range(256)], np.uint16) for kind in _OWN
}
"""For each kind, uint16[256]: the quality of each flag octet."""
