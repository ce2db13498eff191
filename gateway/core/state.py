"""What the checks have learned, as bytes that survive a restart: refused as a whole when anything about them is wrong.

    "GSS2" | sha256 of the points | length of the list u32 | list, JSON | arrays | sha256 of all before

The list names each array: whose it is, its name, type and shape. Where the points are others now, what was learned of
those that are still the same is of use: `whose` is one number for each entry of the arrays, which says what it is of.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.kept import WHOSE, Kept, Marks, State
from protocols.points import Points

MAGIC = b"GSS2"
HASH_BYTES = 32
LENGTH = struct.Struct("<I")


class BadState(Exception):
    """The state is not what was written; says what. The checks learn anew."""


def marks(points: Points) -> Marks:
    """Return uint64[points]: what must be the same of each for what was learned of it to mean anything."""
    told = (
        repr((points.label(row), config.unit, config.kind, config.scale, config.offset, config.role))
        for row, config in enumerate(points.configs)
    )
    return np.fromiter((_number(each.encode()) for each in told), np.uint64, len(points))


def entries(kept: Kept, of_points: Marks) -> Marks | None:
    """Return uint64[entries]: of what each entry of the arrays of `kept` is, by the marks of all points."""
    of = kept.whose
    if of is None or isinstance(of, np.ndarray):
        return None if of is None else of_points.take(of)
    return np.fromiter((_number(of_points.take(rows).tobytes()) for rows in of), np.uint64, len(of))


def pack(of_points: Marks, states: Mapping[str, State]) -> bytearray:
    """Return the states, by whose they are, as bytes that `seal` must complete: at 10,000 points 25 MB, copied once."""
    named = [(owner, name, array) for owner, state in states.items() for name, array in state.items()]
    listed = json.dumps([(owner, name, array.dtype.str, array.shape) for owner, name, array in named]).encode()
    head = MAGIC + _fingerprint(of_points) + LENGTH.pack(len(listed)) + listed
    at, content = len(head), bytearray(len(head) + sum(array.nbytes for *_, array in named) + HASH_BYTES)
    content[:at] = head
    for *_, array in named:
        np.frombuffer(content, array.dtype, array.size, at).reshape(array.shape)[...] = array
        at += array.nbytes
    return content


def seal(packed: bytearray) -> bytearray:
    """Return what `pack` returned, with the checksum in its place; it takes a while, and a thread may do it."""
    packed[-HASH_BYTES:] = hashlib.sha256(memoryview(packed)[:-HASH_BYTES]).digest()
    return packed


def unpack(of_points: Marks, packed: bytes) -> tuple[Mapping[str, State], bool]:
    """Return the states that `pack` was given, and whether they are of the same points in the same order.

    Raises:
        BadState: it was cut, changed, or written by another version.
    """
    content, told = memoryview(packed)[:-HASH_BYTES], packed[-HASH_BYTES:]
    if content[: len(MAGIC)] != MAGIC:
        raise BadState("not a state of this version")
    if hashlib.sha256(content).digest() != told:
        raise BadState("its checksum is wrong")
    start = len(MAGIC) + HASH_BYTES
    same = content[len(MAGIC) : start] == _fingerprint(of_points)
    (length,) = LENGTH.unpack_from(content, start)
    start += LENGTH.size
    states: dict[str, dict[str, NDArray[np.generic]]] = {}
    for owner, name, array in _arrays(content, json.loads(bytes(content[start : start + length])), start + length):
        states.setdefault(owner, {})[name] = array
    return states, same


def of_now(kept: Kept, state: State, of_points: Marks) -> State:
    """Return `state`, which is of other points, as it is of those of now: what is new is as `kept` has it at first.

    Raises:
        ValueError: it belongs to other points, and cannot be told apart by point.
    """
    here, there = entries(kept, of_points), state.get(WHOSE)
    if not kept.OF_POINTS:
        return state
    if here is not None and there is not None:
        return kept.moved(state, there, here)
    if any(array.ndim and array.size for array in state.values()):
        raise ValueError("it belongs to other points")
    return kept.state()  # it is of nothing


def _number(told: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest())


def _fingerprint(of_points: Marks) -> bytes:
    return hashlib.sha256(of_points.tobytes()).digest()


def _arrays(
    content: memoryview, listed: list[tuple[str, str, str, list[int]]], at: int
) -> Iterator[tuple[str, str, NDArray[np.generic]]]:
    for owner, name, dtype, shape in listed:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(content, dtype, count, at).reshape(shape)
        yield owner, name, array
        at += array.nbytes
