"""Known-bad stretches: times, by the calendar, from which nothing is learned."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from protocols.settings import Fault

Stretch = tuple[str, str]
"""Begin and end, as ISO 8601 has them; UTC where no offset is given."""


class Stretches:
    """Tells whether a time lies in one of the stretches; the end does not belong to it."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._bounds = tuple((_ns(begin), _ns(end)) for begin, end in stretches)

    def cover(self, utc_ns: int) -> bool:
        """Return whether `utc_ns` is to be left out."""
        return any(begin <= utc_ns < end for begin, end in self._bounds)


def faults(stretches: Sequence[Stretch]) -> Iterator[Fault]:
    """Yield what is wrong with configured stretches: no time, or an end that is not after its begin."""
    for index, (begin, end) in enumerate(stretches):
        try:
            ordered = _ns(begin) < _ns(end)
        except ValueError:
            yield ("exclude", index), f"{begin} to {end} are not two times such as 2026-03-01T12:00"
        else:
            if not ordered:
                yield ("exclude", index), f"{end} is not after {begin}"


def _ns(text: str) -> int:
    told = datetime.fromisoformat(text)
    return int(told.replace(tzinfo=told.tzinfo or UTC).timestamp()) * 1_000_000_000
