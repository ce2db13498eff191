"""What the checks have learned, as bytes that survive a restart: refused as a whole when anything about them is wrong.

    "GSS1" | sha256 of the points | length of the list u32 | list, JSON | arrays | sha256 of all before

The list names each array: whose it is, its name, type and shape.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping

import numpy as np

from detectors.kept import State
from protocols.points import Points

MAGIC = b"GSS1"
HASH_BYTES = 32
LENGTH = struct.Struct("<I")


class BadState(Exception):
    """The state is not what was written, or of other points; says what. The checks learn anew."""


def fingerprint(points: Points) -> bytes:
    """Return what must be the same of the points for their learned states to mean anything."""
    told = (
        repr((points.label(row), config.unit, config.kind, config.scale, config.offset, config.role))
        for row, config in enumerate(points.configs)
    )
    return hashlib.sha256("\n".join(told).encode()).digest()


def pack(points: Points, states: Mapping[str, State]) -> bytes:
    """Return the states, by whose they are, as bytes."""
    named = [(owner, name, array) for owner, state in states.items() for name, array in state.items()]
    listed = json.dumps([(owner, name, array.dtype.str, array.shape) for owner, name, array in named]).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for *_, array in named)
    content = MAGIC + fingerprint(points) + LENGTH.pack(len(listed)) + listed + body
    return content + hashlib.sha256(content).digest()


def unpack(points: Points, packed: bytes) -> Mapping[str, State]:
    """Return the states that `pack` was given.

    Raises:
        BadState: it was cut, changed, written by another version, or is of other points.
    """
    content, told = packed[:-HASH_BYTES], packed[-HASH_BYTES:]
    if content[: len(MAGIC)] != MAGIC:
        raise BadState("not a state of this version")
    if hashlib.sha256(content).digest() != told:
        raise BadState("its checksum is wrong")
    start = len(MAGIC) + HASH_BYTES
    if content[len(MAGIC) : start] != fingerprint(points):
        raise BadState("it belongs to other points")
    (length,) = LENGTH.unpack_from(content, start)
    start += LENGTH.size
    states: dict[str, dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]] = {}
    for owner, name, array in _arrays(content, json.loads(content[start : start + length]), start + length):
        states.setdefault(owner, {})[name] = array
    return states


def _arrays(
    content: bytes, listed: list[tuple[str, str, str, list[int]]], at: int
) -> Iterator[tuple[str, str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]]:
    for owner, name, dtype, shape in listed:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(content, dtype, count, at).reshape(shape)
        yield owner, name, array
        at += array.nbytes
