"""What the columns of a table mean: a time and one column a point (wide), or time, point, value, quality (long)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.recording.source import BadRecording, remark
from protocols.model import Quality
from protocols.points import Points

TIMES = ("time", "timestamp", "datetime", "date", "ts", "time_utc", "utc")
NAMES, VALUES, QUALITIES = ("point", "tag", "name", "series"), ("value", "val"), ("quality", "q", "status")
SHOWN = 5


class Names:
    """Finds points by what files call them: DEVICE.POINT, or the point alone where only one device has such a one."""

    def __init__(self, points: Points) -> None:
        self._rows: dict[str, int | None] = {}
        for row in range(len(points)):
            name = points.names[row].casefold()
            self._rows[name] = None if name in self._rows else row
        for row in range(len(points)):
            self._rows[points.label(row).casefold()] = row

    def row(self, name: str) -> int | None:
        """Return the row of the point, or None."""
        return self._rows.get(name.strip().casefold())

    def some(self) -> str:
        """Return a few of the names, for a message."""
        labels = [name for name, row in self._rows.items() if row is not None and "." in name][:SHOWN]
        return ", ".join(labels) or "none"


@dataclass(frozen=True, slots=True)
class Wide:
    """`columns` and `rows`: which column is which point; ascending by row."""

    time: int
    columns: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Long:
    """Where time, name of the point, value and quality (None where there is none) stand."""

    time: int
    point: int
    value: int
    quality: int | None


def meaning(header: Sequence[str], names: Names, notes: list[str]) -> Wide | Long:
    """Return what the columns of `header` are; remarks in `notes` which of them are no point.

    Raises:
        BadRecording: no column is a time, or none is a point.
    """
    words = [word.strip().casefold() for word in header]
    time = _first(words, TIMES)
    if time is None:
        time = 0 if words and names.row(words[0]) is None else None
    if time is None:
        raise BadRecording(f"no column is called {', '.join(TIMES[:4])}: one must give the time")
    point, value = _first(words, NAMES), _first(words, VALUES)
    if point is not None and value is not None and names.row(words[point]) is None:
        return Long(time, point, value, _first(words, QUALITIES))
    return _wide(header, time, names, notes)


def quality_of(word: str) -> int | None:
    """Return the flags that `word` names: a number, good, or names of `Quality` joined by |; None if it is none."""
    word = word.strip()
    if word.isdigit():
        return int(word) if int(word) < 1 << 16 else None
    flags = 0
    for part in re.split(r"[|+\s]+", word.upper()):
        if part and part not in Quality.__members__:
            return None
        flags |= Quality[part] if part else 0
    return int(flags)


def _wide(header: Sequence[str], time: int, names: Names, notes: list[str]) -> Wide:
    found: dict[int, int] = {}
    for column, name in enumerate(header):
        row = None if column == time else names.row(name)
        if row is None:
            if column != time:
                remark(notes, f"column {name.strip()!r} is no point of the configuration and was left out")
        elif row in found:
            raise BadRecording(f"columns {header[found[row]]!r} and {name!r} are the same point")
        else:
            found[row] = column
    if not found:
        listed = ", ".join(repr(name) for name in header[: SHOWN + 1])
        raise BadRecording(f"no column is a point of the configuration: there are {listed}; points are {names.some()}")
    rows = sorted(found)
    return Wide(time, tuple(found[row] for row in rows), tuple(rows))


def _first(words: Sequence[str], allowed: Sequence[str]) -> int | None:
    return next((words.index(word) for word in allowed if word in words), None)
