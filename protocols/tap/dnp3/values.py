"""What objects of DNP3 command (IEEE 1815-2012 annex A): control blocks, set points, times, names of files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, TypeAlias

MOST_VALUES: Final = 8
"""Values told of one header; evidence, not a record."""
MOST_NAME: Final = 64
"""Characters told of the name of a file."""

Value: TypeAlias = int | float | str

_OPERATIONS: Final = ("nul", "pulse_on", "pulse_off", "latch_on", "latch_off")
_TRIP_CLOSE: Final = ("", " close", " trip", " trip_close")
_SET_POINTS: Final = {1: Struct("<i"), 2: Struct("<h"), 3: Struct("<f"), 4: Struct("<d")}
_SIZE_AT_2: Final = Struct("<HH")
_NAMES_AT: Final = {3: 26, 7: 20}
"""Variations of group 70 with a name, and where it begins when they do not say (A.28.3, A.28.7)."""


@dataclass(slots=True)
class Header:
    """Objects of one kind: `items` first and last index, None for all or for unknown ones; `count` of them.

    `values` are what a command gives, the first `MOST_VALUES`; `status` is the first control status that is no success.
    """

    group: int
    variation: int
    items: tuple[int, int] | None = None
    count: int = 0
    values: list[Value] = field(default_factory=list)
    status: int = 0

    @property
    def name(self) -> str:
        """Return how people write it: g12v1."""
        return f"g{self.group}v{self.variation}"


def _control(header: Header, octets: bytes) -> None:
    if header.variation <= 2:
        code = octets[0] & 0x0F
        name = _OPERATIONS[code] if code < len(_OPERATIONS) else f"operation_{code}"
        _tell(header, name + _TRIP_CLOSE[octets[0] >> 6] + (" clear" if octets[0] & 0x20 else ""))
        header.status = header.status or octets[10] & 0x7F


def _set_point(header: Header, octets: bytes) -> None:
    layout = _SET_POINTS.get(header.variation)
    if layout is not None:
        _tell(header, layout.unpack_from(octets, 0)[0])
        header.status = header.status or octets[-1] & 0x7F


def _number(header: Header, octets: bytes) -> None:
    _tell(header, int.from_bytes(octets, "little"))


def _time(header: Header, octets: bytes) -> None:
    _tell(header, int.from_bytes(octets[:6], "little"))


def file(header: Header, octets: bytes) -> None:
    """Read the name of a file."""
    begins = _NAMES_AT.get(header.variation)
    if begins is None or len(octets) < begins:
        return
    offset, size = _SIZE_AT_2.unpack_from(octets, 0)
    name = octets[offset or begins :][: min(size, MOST_NAME)]
    _tell(header, "".join(chr(each) if 32 <= each < 127 else "?" for each in name))


def _tell(header: Header, value: Value) -> None:
    if len(header.values) < MOST_VALUES:
        header.values.append(value)


READERS: Final[dict[int, Callable[[Header, bytes], None]]] = {
    12: _control,
    34: _number,
    41: _set_point,
    50: _time,
}
"""By group: what reads an object."""
