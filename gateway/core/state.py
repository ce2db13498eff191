"""What the checks have learned, as bytes that survive a restart: refused as a whole when anything about them is wrong.

    "GSS3" | sha256 of the points | a part of each whose state it is | sha256 of all before
    part     length of the list u32 | list, JSON: whose it is, name, type and shape of each array | arrays

Each part is written as it is at that moment, so that there need not be room for all of them at once, nor for a second
one of any when they are read. Where the points are others now, what was learned of those that are still the same is of
use: `whose` is one number for each entry of the arrays, which says what it is of.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from detectors.kept import WHOSE, Kept, Marks, State
from protocols.points import Points

MAGIC = b"GSS3"
HASH_BYTES = 32
LENGTH = struct.Struct("<I")
READ_BYTES = 1 << 20
"""So much is hashed at once."""


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


def pack(of_points: Marks, states: Iterable[tuple[str, State]]) -> Iterator[bytes]:
    """Yield `states`, each with whose it is, in pieces of bytes: one of each, of the moment it is asked for."""
    seal = hashlib.sha256()
    for piece in _pieces(of_points, states):
        seal.update(piece)
        yield piece
    yield seal.digest()


def unpack(of_points: Marks, packed: BinaryIO) -> tuple[Iterator[tuple[str, State]], bool]:
    """Return the states that `pack` was given, read as they are asked for; and whether they are of the same points.

    Raises:
        BadState: it was cut, changed, or written by another version.
        OSError: the disk refuses; also from the states.
    """
    end = packed.seek(0, 2) - HASH_BYTES
    packed.seek(0)
    if end < len(MAGIC) + HASH_BYTES or packed.read(len(MAGIC)) != MAGIC:
        raise BadState("not a state of this version")
    if _seal(packed, end) != packed.read(HASH_BYTES):
        raise BadState("its checksum is wrong")
    packed.seek(len(MAGIC))
    same = packed.read(HASH_BYTES) == _fingerprint(of_points)
    return _states(packed, end), same


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


def _pieces(of_points: Marks, states: Iterable[tuple[str, State]]) -> Iterator[bytes]:
    yield MAGIC + _fingerprint(of_points)
    for owner, state in states:
        listed = json.dumps([owner, [(name, each.dtype.str, each.shape) for name, each in state.items()]]).encode()
        arrays = (np.ascontiguousarray(each).reshape(-1).view(np.uint8).data for each in state.values())
        yield b"".join((LENGTH.pack(len(listed)), listed, *arrays))


def _seal(packed: BinaryIO, end: int) -> bytes:
    """Return the hash of all before `end`."""
    packed.seek(0)
    seal = hashlib.sha256()
    while content := packed.read(min(READ_BYTES, end - packed.tell())):
        seal.update(content)
    return seal.digest()


def _states(packed: BinaryIO, end: int) -> Iterator[tuple[str, State]]:
    while packed.tell() < end:
        (length,) = LENGTH.unpack(_exactly(packed, LENGTH.size))
        owner, listed = json.loads(_exactly(packed, length))
        yield owner, {name: _array(packed, dtype, shape) for name, dtype, shape in listed}


def _array(packed: BinaryIO, dtype: str, shape: Sequence[int]) -> NDArray[np.generic]:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return np.frombuffer(_exactly(packed, size), dtype).reshape(shape)


def _exactly(packed: BinaryIO, size: int) -> bytes:
    if len(content := packed.read(size)) != size:
        raise BadState("it was cut")
    return content
