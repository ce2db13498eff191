"""MMS bytes that come from a device (ISO 9506-2; ISO 8825-1): answers, reports, and the values in them. Pure.

    answer:  A1 L  02 L invoke-id  service...       error:  A2 L ...    reject:  A4 L ...
    report:  A3 L  A0 L  A1 L 80 L "RPT"  A0 L value value ...         value:   tag L contents

Values stay where they are in the message, as spans of it, until somebody wants them: a report of a thousand values has
perhaps ten that are points. The peer can cause one error only, `Violation`.
"""

from typing import Final, NamedTuple, TypeAlias

from open61850 import ber
from open61850.mms import pdu
from open61850.mms.errors import DATA_ACCESS_ERRORS, ERROR_CLASSES, MmsError

from protocols.iec61850.transport import Disconnected, Violation

ACCESS_ERROR: Final = 0x80
"""Tag of a DataAccessError where a value could stand."""
PASSING: Final = frozenset({0, 1, 2})
"""Codes of it that are about now: object invalidated, hardware fault, temporarily unavailable (ISO 9506-2)."""
RESOURCE: Final = 3
"""Error class of a server that cannot answer so much at once."""
MOST_VALUES: Final = 65_536
"""Values in one message: none has more than one in two bytes of `LARGEST_MESSAGE`."""
MOST_SPANS: Final = 32_768
"""Values side by side in one message, 150 bytes each: a data set of 8,192 members, with references and reasons."""
WRONG: Final = (MmsError, ValueError, KeyError, IndexError, OverflowError, RecursionError)
"""What the library raises on bytes that mean nothing."""

GOODBYES: Final = {0x09: "finished", 0x0A: "disconnected", 0x19: "aborted"}
"""Session SPDUs that end an association (ISO 8327-1 clause 8)."""

_UNCONFIRMED, _VARIABLES, _LIST, _CONCLUDE = 0xA3, 0xA0, 0xA1, 0x8B
_RPT: Final = b"\x80\x03RPT"


class Span(NamedTuple):
    """A value in a message: its tag, where it begins (with its tag), where its contents begin, and where it ends."""

    tag: int
    start: int
    body: int
    end: int


class Refusal(NamedTuple):
    """The device understood a request and says no: which service error, reject, and in words."""

    error_class: int
    code: int

    @property
    def too_much(self) -> bool:
        """Whether less at once may help."""
        return self.error_class == RESOURCE

    def __str__(self) -> str:
        if self.error_class < 0:
            return f"request rejected, code {self.code}"
        return f"service error {ERROR_CLASSES.get(self.error_class, self.error_class)}, code {self.code}"


class Answer(NamedTuple):
    """A confirmed response: the number of its service, and its contents."""

    service: int
    content: bytes


class Report(NamedTuple):
    """An information report on RPT: its values stand in `data` from `start` to `end`, and are not looked at yet."""

    data: bytes
    start: int
    end: int


Incoming: TypeAlias = tuple[int, Answer | Refusal] | Report | None
"""An answer with its invoke id, a report, or None for what concerns nobody."""


def access_error(code: int) -> str:
    """Return a DataAccessError in words."""
    return f"data access error {code}, {DATA_ACCESS_ERRORS.get(code, 'not in the standard')}"


def incoming(message: bytes) -> Incoming:
    """Return what a message of the association says.

    Raises:
        Violation: nothing.
        Disconnected: that the association is over.
    """
    if message[:1] and message[0] in GOODBYES:
        raise Disconnected(f"association {GOODBYES[message[0]]} by the device")
    try:
        data = pdu.unwrap(message)
        if data[:1] == bytes((_CONCLUDE,)):
            raise Disconnected("association concluded by the device")
        if data[:1] == bytes((_UNCONFIRMED,)):
            return _report(data)
        found = pdu.decode_pdu(data)
    except WRONG as error:
        raise Violation(f"no MMS message: {error}"[:200]) from None
    match found:
        case pdu.ConfirmedResponse():
            return found.invoke_id, Answer(found.service, found.content)
        case pdu.ConfirmedError():
            return found.invoke_id, Refusal(found.error_class, found.code)
        case pdu.Reject(invoke_id=int(invoke_id)):
            return invoke_id, Refusal(-1, found.code)
        case _:
            return None


def _report(data: bytes) -> Report | None:
    """Return the report; None for an information report of another kind, such as the end of a control of others."""
    outer = header(data, 0, len(data))
    service = header(data, outer.body, outer.end)
    if service.tag != _VARIABLES:
        raise Violation(f"unconfirmed service {service.tag:#04x}, not an information report")
    name = header(data, service.body, service.end)
    values = header(data, name.end, service.end)
    if name.tag != _LIST or data[name.body : name.end] != _RPT:
        return None
    if values.tag != _VARIABLES:
        raise Violation(f"a report with {values.tag:#04x} where its values belong")
    return Report(data, values.body, values.end)


def results(content: bytes) -> list[Span]:
    """Return the values of a read response.

    Raises:
        Violation: it has none.
    """
    at = 0
    while at < len(content):
        found = header(content, at, len(content))
        if found.tag == _LIST:
            return spans(content, found.body, found.end)
        at = found.end
    raise Violation("a read response without values")


def spans(data: bytes, start: int, end: int) -> list[Span]:
    """Return the values that stand one after the other from `start` to `end`.

    Raises:
        Violation: they do not end there, or never do.
    """
    found = []
    while start < end:
        one = header(data, start, end)
        found.append(one)
        start = one.end
        if len(found) > MOST_SPANS:
            raise Violation(f"more than {MOST_SPANS} values in one message")
    return found


def header(data: bytes, start: int, limit: int) -> Span:
    """Return the value at `start`, which must end at `limit` at the latest.

    Raises:
        Violation: it does not, or its length is none.
    """
    if start + 2 > limit:
        raise Violation(f"a value at byte {start} is cut off")
    tag, length, body = data[start], data[start + 1], start + 2
    if length >= 0x80:
        width = length & 0x7F
        if not 1 <= width <= 4:
            raise Violation(f"a length of {width} bytes at byte {start}; 1 to 4 are allowed")
        body += width
        length = int.from_bytes(data[start + 2 : body], "big")
    if tag & 0x1F == 0x1F:
        raise Violation(f"a tag of several bytes at byte {start}; MMS data has none")
    if body + length > limit:
        raise Violation(f"{length} bytes at byte {start}, where {max(limit - body, 0)} are left")
    return Span(tag, start, body, body + length)


def error_code(data: bytes, span: Span) -> int:
    """Return the code of the DataAccessError at `span`."""
    return ber.decode_integer(data[span.body : span.end]) if span.end > span.body else -1
