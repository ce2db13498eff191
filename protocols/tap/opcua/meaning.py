"""What a message of OPC UA is about (OPC 10000-4): which service it is, what is written, who logs in, what failed."""

from struct import Struct
from typing import Any, Final

from protocols.tap.opcua.data import BAD, blob, extension, node, text, thumbprint, u32, variant
from protocols.tap.opcua.service import ACTIVATE, CALL, READ, WRITE

TOKENS: Final = {321: "anonymous", 324: "user", 327: "certificate", 940: "issued token"}

_TYPE: Final = Struct("<BBH")
_CODE: Final = Struct("<I")


def service(chunk: bytes, at: int) -> int:
    """Return the number of the service at `at`, 0 when there is none."""
    if at + 4 > len(chunk):
        return 0
    kind, space, number = _TYPE.unpack_from(chunk, at)
    return int(number) if kind == 1 and space == 0 else 0


def meaning(number: int, chunk: bytes, at: int) -> tuple[str, dict[str, Any]]:
    """Return what a request is about, and more facts of it.

    Raises:
        Malformed: it cannot be read.
    """
    if number in (READ, WRITE, CALL):
        count, at = u32(chunk, at + (12 if number == READ else 0))
        if not 0 < count < BAD:
            return "", {"nodes": 0}
        what, at = node(chunk, at)
        if number == CALL:
            method, _ = node(chunk, at)
            return f"{what}/{method}", {"nodes": count}
        return what, {"nodes": count, **({"values": _written(chunk, at)} if number == WRITE else {})}
    if number == ACTIVATE:
        return _user(chunk, at), {}
    return "", {}


def _written(chunk: bytes, at: int) -> tuple[Any, ...]:
    """Return the value that is written: after attribute and range a data value, of which the mask says what it has."""
    _, at = blob(chunk, at + 4)
    value = variant(chunk, at + 1) if at < len(chunk) and chunk[at] & 1 else None
    return () if value is None else (value,)


def _user(chunk: bytes, at: int) -> str:
    """Return who logs in: after two signatures' worth of client, certificates and languages stands the token."""
    _, at = blob(chunk, at)
    _, at = blob(chunk, at)
    for parts in (2, 1):
        count, at = u32(chunk, at)
        for _ in range(parts * count if count < BAD else 0):
            _, at = blob(chunk, at)
    kind, body, _ = extension(chunk, at)
    who = TOKENS.get(kind, "anonymous" if not body else "unknown token")
    if kind == 324:
        _, at = blob(body, 0)
        return f"user {text(blob(body, at)[0])}"
    if kind == 327:
        _, at = blob(body, 0)
        return f"certificate {thumbprint(blob(body, at)[0])}"
    return who


def worst(chunk: bytes, at: int) -> int:
    """Return the first error among the results of writing; 0 when there is none.

    Raises:
        Malformed: they cannot be read.
    """
    diagnostics = chunk[at] if at < len(chunk) else 0xFF
    if diagnostics:
        return 0
    strings, at = u32(chunk, at + 1)
    for _ in range(strings if strings < BAD else 0):
        _, at = blob(chunk, at)
    at = extension(chunk, at)[2]
    count, at = u32(chunk, at)
    if count < BAD and at + 4 * count <= len(chunk):
        return next((code for (code,) in _CODE.iter_unpack(chunk[at : at + 4 * count]) if code >= BAD), 0)
    return 0
