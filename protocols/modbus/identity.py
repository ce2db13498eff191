"""Who a device says it is: read device identification, Modbus Application Protocol V1.1b3, clause 6.21.

    category:1  conformity:1  more:1  next:1  count:1  then for each object  id:1  length:1  text

Conformity tells the categories: 1 basic (vendor, product, revision), 2 regular (also names of product and model), 3
extended; from 128 on the objects can be asked one by one, too, which nobody needs here. What a device says of itself is
text of a stranger: it is bounded, and everything that does not print is taken out.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from protocols.modbus.codec import Answer, Request, Violation

Ask: TypeAlias = Callable[[Request], Awaitable[Answer]]

BASIC: Final = 1
REGULAR: Final = 2
VENDOR, PRODUCT, REVISION, PRODUCT_NAME, MODEL_NAME = 0, 1, 2, 4, 5
MOST_REQUESTS: Final = 8
"""For each category: eight answers hold all texts of the standard, and a device that has always more never ends."""
MOST_TEXT: Final = 64
"""Characters of each text: what engineers recognise a device by, not its life story."""

_HEADER: Final = 5
_MORE: Final = 0xFF


NAMES: Final[Mapping[int, str]] = {
    VENDOR: "vendor",
    PRODUCT: "product",
    REVISION: "revision",
    PRODUCT_NAME: "product_name",
    MODEL_NAME: "model_name",
}


async def identify(ask: Ask) -> dict[str, str]:
    """Return what the device says of itself by the words of `NAMES`; nothing if it does not say.

    Raises:
        Violation: the answer is none; and whatever `ask` raises.
    """
    objects, conformity = await _objects(ask, BASIC, VENDOR)
    if objects and conformity & 0x7F >= REGULAR:
        more, _ = await _objects(ask, REGULAR, REVISION + 1)
        objects = more | objects
    return {NAMES[number]: text for number in NAMES if (text := _plain(objects.get(number, b"")))}


def described(fields: Mapping[str, str]) -> str:
    """Return "vendor product revision (name, model)" as far as there is."""
    said = " ".join(fields[name] for name in ("vendor", "product", "revision") if name in fields)
    also = ", ".join(fields[name] for name in ("product_name", "model_name") if name in fields)
    return f"{said} ({also})" if also else said


async def _objects(ask: Ask, category: int, first: int) -> tuple[dict[int, bytes], int]:
    """Return the objects of one category from `first` on, and the conformity; nothing where the device refuses."""
    found: dict[int, bytes] = {}
    conformity = 0
    for _ in range(MOST_REQUESTS):
        answer = await ask(Request.identify(category, first))
        if not isinstance(answer, bytes):
            break
        objects, conformity, more, following = parse(answer)
        found |= objects
        if not more or following <= first:
            break
        first = following
    return found, conformity


def parse(data: bytes) -> tuple[dict[int, bytes], int, bool, int]:
    """Return objects by number, the conformity, whether there are more, and the number of the next one.

    Raises:
        Violation: the objects do not fill the answer.
    """
    if len(data) < _HEADER:
        raise Violation(f"identification of {len(data)} bytes, at least {_HEADER} are needed")
    found: dict[int, bytes] = {}
    at = _HEADER
    for _ in range(data[4]):
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise Violation(f"identification ends within object {len(found) + 1} of {data[4]}")
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    if at != len(data):
        raise Violation(f"{len(data) - at} bytes behind the {data[4]} objects of an identification")
    return found, data[1], data[2] == _MORE, data[3]


def _plain(text: bytes) -> str:
    """Return what prints of `text`, in one line."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text.decode("utf-8", "replace"))
    return " ".join(shown.replace("\ufffd", " ").split())[:MOST_TEXT].strip()
