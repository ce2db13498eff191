"""Device attributes, group 0: what an outstation says of itself (IEEE 1815-2012, clause A.1), such as its firmware.

0 · variation · qualifier 0x00 · first set · last set · type · length · value ...        one after the other
"""

from collections.abc import Mapping
from typing import Final

from protocols.dnp3.requests import Request, attribute

NAMES: Final[Mapping[int, str]] = {252: "vendor", 250: "model", 248: "serial", 243: "hardware", 242: "firmware"}
"""The variations that are asked, and what they tell."""
REQUESTS: Final[tuple[Request, ...]] = tuple(map(attribute, NAMES))
"""Each for itself: many outstations answer nothing at all to a request with one that they do not have."""
MOST_CHARACTERS: Final = 64
"""Of a text; a longer one is cut."""

_VISIBLE_STRING: Final = 1
_HEAD_OCTETS: Final = 4


def text(variation: int, data: bytes) -> Mapping[str, str]:
    """Return the text of an attribute under its name; nothing where it is no text, or not one of these.

    `data` is what follows the qualifier: first and last set, type, length, value.
    """
    if variation not in NAMES or len(data) < _HEAD_OCTETS or data[2] != _VISIBLE_STRING:
        return {}
    value = data[_HEAD_OCTETS : _HEAD_OCTETS + data[3]].decode("latin-1")
    said = "".join(c for c in value if c.isprintable()).strip()[:MOST_CHARACTERS]
    return {NAMES[variation]: said} if said else {}
