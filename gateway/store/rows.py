"""A row of a message table as columns and back, every type looked at: the page it stands on may be damaged."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from gateway.store import numbers
from gateway.store.limits import cost
from gateway.store.numbers import Numbers
from gateway.store.record import Damaged, Record, Row, Stream
from gateway.store.seal import BadRecord, seal, unseal
from gateway.store.words import content, encode, whole, word

Columns: TypeAlias = tuple[int, str, int, int, int, bytes | None, bytes]
"""seq, device, start_ns, end_ns, level, numbers, body."""


def columns_of(row: Row, level: int = 0) -> Columns:
    """Return `row` as it is inserted."""
    record = row.record
    return row.seq, record.device, record.start_ns, record.end_ns, level, _sealed(row.merged), record.body


def row_of(stream: Stream, columns: Sequence[Any]) -> Row:
    """Return the row that was read.

    Raises:
        Damaged: it is none.
    """
    seq, device, start_ns, end_ns, _, listed, body = columns
    try:
        record = Record(stream, word(device), whole(start_ns), whole(end_ns), content(body))
        return Row(whole(seq), record, merged_in(listed, seq))
    except (ValueError, TypeError) as error:
        raise Damaged(f"row {seq} of {stream} cannot be read: {error}") from error


def merged_in(listed: Any, seq: int) -> Numbers:
    """Return the numbers that a merged row stands for, none for any other.

    Raises:
        Damaged: they cannot be read, so nobody can say what the row holds.
    """
    if listed is None:
        return ()
    try:
        found = numbers.of_words(json.loads(unseal(listed)))
    except (BadRecord, ValueError, TypeError) as error:
        raise Damaged(f"the numbers of row {seq} cannot be read: {error}") from error
    if numbers.bounds(found)[1] != seq:
        raise Damaged(f"row {seq} has the numbers of another")
    return found


def row_cost(row: Row) -> int:
    """Return the bytes that `row` is accounted with on disk."""
    return cost(len(row.record.body) + len(_sealed(row.merged) or b""))


def _sealed(merged: Numbers) -> bytes | None:
    return seal(encode(numbers.to_words(merged))) if merged else None
