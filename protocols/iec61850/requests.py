"""The MMS requests there are, and what answers each (ISO 9506-2; IEC 61850-8-1). Pure.

Four of them read. The fifth writes, and only to attributes of a report control block: nothing else can be named in it.
"""

import re
from collections.abc import Sequence
from typing import Final

from open61850 import ber
from open61850.data import IECData
from open61850.mms import pdu
from open61850.mms.pdu import ObjectName
from open61850.mms.types import MmsType, get_variable_access_attributes_response

from protocols.iec61850.codec import WRONG, Answer
from protocols.iec61850.layout import Path
from protocols.iec61850.transport import Violation

IDENTIFY: Final = ber.encode_tlv(0x82)
"""It has no contents: ISO 9506-2 clause 10.4."""
REPORT_ATTRIBUTE: Final = re.compile(
    r"[A-Za-z0-9_]+\$(?:BR|RP)\$[A-Za-z0-9_]+\$"
    r"(?:RptEna|ResvTms|Resv|OptFlds|TrgOps|IntgPd|BufTm|EntryID|PurgeBuf|GI)"
)
"""All that is ever written: how and when an IED reports to us (IEC 61850-7-2 clause 17.2)."""


def variable(path: Path) -> ObjectName:
    """Return the MMS name of what stands at `path`: logical device, logical node, constraint, names."""
    return ObjectName("$".join(path[1:]), path[0])


def path_of(name: ObjectName) -> Path:
    """Return where `name` stands."""
    return (name.domain or "", *name.item.split("$"))


def read(names: Sequence[ObjectName]) -> bytes:
    """Return the request for several variables."""
    return pdu.read_request(list(names))


def read_data_set(name: ObjectName) -> bytes:
    """Return the request for a whole data set."""
    by_name = ber.encode_tlv(0xA1, pdu.encode_object_name(name))
    return ber.encode_tlv(0xA4, ber.encode_tlv(0xA1, by_name))


def read_type(name: ObjectName) -> bytes:
    """Return the request for the type of a variable."""
    return pdu.get_variable_access_attributes_request(name)


def read_directory(name: ObjectName) -> bytes:
    """Return the request for the members of a data set."""
    return pdu.get_named_variable_list_attributes_request(name)


def write(name: ObjectName, value: IECData) -> bytes:
    """Return the request that sets an attribute of a report control block.

    Raises:
        ValueError: it is something else.
    """
    if REPORT_ATTRIBUTE.fullmatch(name.item) is None:
        raise ValueError(f"{name} is no attribute of a report control block: nothing else is ever written")
    return pdu.write_request([name], [value])


def type_of(answer: Answer) -> MmsType:
    """Return the type in `answer`.

    Raises:
        Violation: there is none.
    """
    try:
        return get_variable_access_attributes_response(answer.content)
    except WRONG as error:
        raise Violation(f"no type: {error}"[:200]) from None


def directory_of(answer: Answer) -> list[Path]:
    """Return the members in `answer`.

    Raises:
        Violation: there are none.
    """
    try:
        return [path_of(name) for name in pdu.get_named_variable_list_attributes_response(answer.content)]
    except WRONG as error:
        raise Violation(f"no members of a data set: {error}"[:200]) from None


def written(answer: Answer) -> int | None:
    """Return the DataAccessError that refuses the write, or None.

    Raises:
        Violation: it does not say.
    """
    try:
        [error] = pdu.write_response(answer.content)
    except WRONG as error:
        raise Violation(f"no answer to a write: {error}"[:200]) from None
    return None if error is None else error.code


def identity_of(answer: Answer) -> str:
    """Return vendor, model and revision.

    Raises:
        Violation: it is no identity.
    """
    try:
        parts = [part.value.decode("utf-8", "replace").strip() for part in ber.iter_tlvs(answer.content)]
    except WRONG as error:
        raise Violation(f"no identity: {error}"[:200]) from None
    return " ".join(part for part in parts[:3] if part)[:200]
