"""What a message of MMS is about (ISO 9506-2): which service it is, what is written, what failed."""

from collections.abc import Sequence
from typing import Any, Final

from protocols.tap.ber import Malformed, tlv
from protocols.tap.mms import pdu as mmspdu
from protocols.tap.mms.data import values
from protocols.tap.mms.service import READ, SERVICES, WEIGHT, WRITE, asked, service, written

VALUES_MAX: Final = 4
"""Written values that are shown."""


def service_number(tag: int) -> int:
    """Return the number of the service that a tag stands for.

    Raises:
        Malformed: it stands for none.
    """
    first = tag if tag < 0x100 else tag >> 8
    number = tag & 0x1F if tag < 0x100 else tag & 0x7F
    if first & 0xC0 != 0x80 or number >= len(SERVICES):
        raise Malformed("service that is not in the standard")
    return number


def meaning(tag: int, number: int, message: bytes, at: int, end: int) -> tuple[str, str, dict[str, Any]]:
    """Return action, what it is about, and more facts of a request."""
    if number == WRITE:
        items, stop = mmspdu.variables(message, at, end)
        _, start, stop = tlv(message, stop, end, cut=True)
        told = values(message, start, stop, VALUES_MAX)
        return *_weightiest(items, [written(item) for item in items]), {"variables": len(items), "values": tuple(told)}
    if number == READ:
        first, start, stop = tlv(message, at, end, cut=True)
        if first == 0x80:  # specificationWithResult
            _, start, stop = tlv(message, stop, end, cut=True)
        items, _ = mmspdu.variables(message, start, stop)
        return *_weightiest(items, [asked(item) for item in items]), {"variables": len(items)}
    inside = mmspdu.CONSTRUCTED & (tag if tag < 0x100 else tag >> 8)
    return service(number).action, mmspdu.words(message, at, end) if inside else mmspdu.word(message[at:end]), {}


def _weightiest(items: Sequence[str], actions: Sequence[str]) -> tuple[str, str]:
    if not items:
        raise Malformed("request about nothing")
    _, index = max((WEIGHT[action], -index) for index, action in enumerate(actions))
    return actions[-index], items[-index]


def results(number: int, message: bytes, at: int, end: int) -> Sequence[int]:
    """Return the errors in the results of reading or writing."""
    while number == READ and at < end:
        tag, inner, at = tlv(message, at, end)
        if tag == 0xA1:
            return mmspdu.failures(message, inner, at)
    return mmspdu.failures(message, at, end)


def error_code(message: bytes, at: int, end: int) -> str:
    """Return class and code of an error that answers a whole request.

    Raises:
        Malformed: it cannot be read.
    """
    code = "/".join(str(byte) for byte in message[end - 1 : end])
    while at < end:
        tag, start, at = tlv(message, at, end)
        if tag == 0xA2:  # serviceError: errorClass, in it one of the classes with its code
            _, inner, _ = tlv(message, start, at)
            kind, inner, last = tlv(message, inner, at)
            code = f"{kind & 0x1F}/{int.from_bytes(message[inner : min(last, inner + 4)], 'big')}"
    return code
