"""The form of the audit log, pure: one entry a line, each bound to the one before by its hash.

    {"n":17,"time":TIME,"what":"command","who":"anna","detail":{…},"before":HASH,"hash":HASH}

`n` counts from 1. `hash` is the SHA-256, in hex, of the line without its `hash`: the JSON of the other keys, in this
order, without spaces. `before` is the hash of the entry before, 64 zeros for the first one. So no entry can be changed,
left out or put in without a break that `verified` finds; that the newest were cut off shows only beside a hash that was
kept elsewhere, which is why the status message carries the newest.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

ENTRY_BYTES = 4096
"""Longest line; what was said is cut to fit long before."""
TEXT_CHARACTERS = 256
"""Longest text in an entry: the longest that a command may carry."""
START = "0" * 64
"""What the first entry has before it."""
HASH_BYTES = len(f',"hash":"{START}"}}')
_KEYS = ("n", "time", "what", "who", "detail", "before")


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be entered: `what` in one word, `who` as far as it is known."""

    time_ns: int
    what: str
    who: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: the number of its newest entry, the hash of that, and the word that says what it was."""

    n: int = 0
    hash: str = START
    what: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verified` found: `whole` entries from `first` to `last`, and what is wrong with the next one, if it is."""

    whole: int = 0
    first: Mapping[str, Any] | None = None
    last: Mapping[str, Any] | None = None
    broken: str | None = None


def bound(note: Note, end: Link) -> tuple[bytes, Link]:
    """Return the line of `note` behind `end`, and the new end."""
    entry = {
        "n": end.n + 1,
        "time": _time(note.time_ns),
        "what": note.what,
        "who": note.who[:TEXT_CHARACTERS],
        "detail": {key: _short(value) for key, value in note.detail.items()},
        "before": end.hash,
    }
    if len(_bytes(entry)) > ENTRY_BYTES - HASH_BYTES:
        entry["detail"] = {"left_out": "the entry was too long"}
    digest = sha256(_bytes(entry)).hexdigest()
    return _bytes({**entry, "hash": digest}) + b"\n", Link(end.n + 1, digest, note.what)


def opened(line: bytes) -> Mapping[str, Any] | None:
    """Return the entry of a line that is whole and has its own hash, or None."""
    try:
        entry = json.loads(line)
        said = entry.pop("hash")
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None
    if tuple(entry) != _KEYS or not isinstance(entry["n"], int) or sha256(_bytes(entry)).hexdigest() != said:
        return None
    return {**entry, "hash": said}


def verified(lines: Iterable[bytes]) -> Verdict:
    """Return how far the chain holds. It may begin anywhere: what is older was let go of."""
    whole, first, last = 0, None, None
    for place, line in enumerate(lines, 1):
        entry = opened(line)
        broken = _break(place, entry, last)
        if broken:
            return Verdict(whole, first, last, broken)
        whole, first, last = whole + 1, first or entry, entry
    return Verdict(whole, first, last)


def _break(place: int, entry: Mapping[str, Any] | None, last: Mapping[str, Any] | None) -> str | None:
    if entry is None:
        after = f"after entry {last['n']} of {last['time']}" if last else "the first line"
        return f"line {place}, {after}, is no entry or was changed"
    if last is not None and (entry["n"], entry["before"]) != (last["n"] + 1, last["hash"]):
        return (
            f"line {place}, entry {entry['n']} of {entry['time']}, does not follow entry {last['n']} of {last['time']}"
        )
    return None


def _time(time_ns: int) -> str:
    instant = datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(value: Any) -> Any:
    return value[:TEXT_CHARACTERS] if isinstance(value, str) else value


def _bytes(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":"), default=str).encode()
