"""The octets of a response turned into arrays: no I/O, no state, one error.

    control · function · IIN 1 · IIN 2 · objects: group · variation · qualifier · range · data ...

dnp3py frames the objects (where one ends and the next begins); the values are taken from the octets by numpy, a whole
block of them at once.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from dnp3.application.fragment import ObjectBlock, Truncation, TruncationReason
from dnp3.application.parser import frame_response_object_blocks
from numpy.typing import NDArray

from protocols.dnp3 import attributes
from protocols.dnp3.objects import GROUPS, SILENT_GROUPS, TIME_AND_DATE_CTO, TIME_DELAY, Group, wire_type
from protocols.dnp3.quality import ONLINE, QUALITY
from protocols.model import Qualities, Quality, Times, Values

HEADER_OCTETS: Final = 4
DEVICE_ATTRIBUTES: Final = 0
NS_PER_MS: Final = 1_000_000
LATEST_MS: Final = 2**63 // NS_PER_MS - 1
"""Last time that nanoseconds in 64 bits can tell, the year 2262; DNP3's 48 bits of milliseconds reach 10889."""

FIR, FIN, CON, UNS, SEQUENCE = 0x80, 0x40, 0x20, 0x10, 0x0F
RESPONSE, UNSOLICITED_RESPONSE, AUTHENTICATION = 0x81, 0x82, 0x83

_RANGE_OCTETS: Final = {0: 1, 1: 2, 2: 4, 7: 1, 8: 2, 9: 4}
_PREFIX_OCTETS: Final = {0: 0, 1: 1, 2: 2, 3: 4}
_OURS: Final = (TruncationReason.UNKNOWN_WIDTH, TruncationReason.UNSUPPORTED_RANGE)
"""Where framing stops at what is perhaps legal, but not known here."""


class Violation(Exception):
    """The octets are not DNP3, or not what may come now. Says what is wrong."""


@dataclass(frozen=True, slots=True)
class Header:
    """How a response begins: application control, function code and internal indications (IIN 1 is the low octet)."""

    control: int
    function: int
    iin: int

    @property
    def sequence(self) -> int:
        """The sequence number, 0 to 15."""
        return self.control & SEQUENCE

    @classmethod
    def parse(cls, fragment: bytes) -> "Header":
        """Read the first four octets.

        Raises:
            Violation: it is no response.
        """
        if len(fragment) < HEADER_OCTETS:
            raise Violation(f"response of {len(fragment)} octets; {HEADER_OCTETS} is the least")
        control, function, low, high = fragment[:HEADER_OCTETS]
        if function not in (RESPONSE, UNSOLICITED_RESPONSE, AUTHENTICATION):
            raise Violation(f"function code {function} where a response was due")
        if bool(control & UNS) != (function == UNSOLICITED_RESPONSE):
            raise Violation(f"function code {function} with UNS bit {(control & UNS) >> 4}")
        return cls(control, function, low | high << 8)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The points of one object block.

    `index` int64[n], `values` float64[n], `quality` uint16[n], `time_ns` int64[n] (0 = none); `octets` the strings
    where the values are only their CRC-32.
    """

    group: Group
    index: NDArray[np.int64]
    values: Values
    quality: Qualities
    time_ns: Times
    octets: Sequence[bytes] = ()


@dataclass(slots=True)
class Content:
    """What a fragment holds. `refused` and `violations` name what could not be read, for people."""

    readings: list[Readings] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    delay_ms: int | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def decode(fragment: bytes, *, untrusted: bool = False) -> Content:
    """Return what stands after the header of `fragment`; `untrusted` is whether its device has a wrong clock."""
    blocks, truncation = frame_response_object_blocks(fragment[HEADER_OCTETS:])
    content = Content()
    base: tuple[int, bool] | None = None
    for block in blocks:
        group, variation = block.header.group, block.header.variation
        if group == TIME_AND_DATE_CTO:
            base = _after_count(block, 6), variation == 1
        elif group == TIME_DELAY:
            content.delay_ms = _after_count(block, 2) * (1000 if variation == 1 else 1)
        elif group == DEVICE_ATTRIBUTES:
            content.attributes |= attributes.text(variation, block.data)
        elif group in GROUPS:
            _points(block, GROUPS[group], content, base=base, untrusted=untrusted)
        elif group not in SILENT_GROUPS:
            content.refused.append(f"object g{group}v{variation} is not known")
    if truncation is not None:
        _tell(truncation, content)
    return content


def _tell(truncation: Truncation, content: Content) -> None:
    named = "" if truncation.group is None else f" at g{truncation.group}v{truncation.variation}"
    told = content.refused if truncation.reason in _OURS else content.violations
    reason = truncation.reason.value.replace("_", " ")
    told.append(f"objects unreadable{named}, octet {truncation.offset + HEADER_OCTETS}: {reason}; the rest is lost")


def _after_count(block: ObjectBlock, octets: int) -> int:
    """Return the number in the first object of a block that has a count and no index."""
    start = _RANGE_OCTETS.get(block.header.qualifier & 0x0F, 0)
    return int.from_bytes(block.data[start : start + octets], "little")


def _points(
    block: ObjectBlock, group: Group, content: Content, *, base: tuple[int, bool] | None, untrusted: bool
) -> None:
    header, data = block.header, block.data
    prefix, code = _PREFIX_OCTETS.get(header.qualifier >> 4), header.qualifier & 0x0F
    if prefix is None or code not in _RANGE_OCTETS or (code > 2 and not prefix):
        content.violations.append(f"g{header.group}v{header.variation}: qualifier {header.qualifier:#04x} has no index")
        return
    octets = _RANGE_OCTETS[code]
    first = int.from_bytes(data[:octets], "little")
    if code > 2:
        start, count, offset = 0, first, octets
    else:
        start, count, offset = first, int.from_bytes(data[octets : 2 * octets], "little") - first + 1, 2 * octets
    wire = wire_type(header.group, header.variation, prefix)
    if wire is None:
        content.readings.append(_packed(group, data[offset:], start, count))
        return
    raw = np.frombuffer(data, wire, count, offset)
    index = raw["index"].astype(np.int64) if prefix else np.arange(start, start + count)
    values, octet_strings = _values(raw, wire, group)
    quality, time_ns = _quality(raw, wire, group), np.zeros(count, np.int64)
    if "low" in wire.names or "after" in wire.names:  # type: ignore[operator]
        time_ns, trusted = _times(raw, wire, base)
        quality[~trusted | (untrusted & (time_ns != 0))] |= np.uint16(Quality.TIME_UNTRUSTED)
    content.readings.append(Readings(group, index, values, quality, time_ns, octet_strings))


def _packed(group: Group, data: bytes, start: int, count: int) -> Readings:
    """Return one bit a point, or two: points without flags are online (A.2.1, A.4.1)."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if group.kind == "double":
        bits = bits[0::2] + 2 * bits[1::2]
    flags = bits[:count] * np.uint8(64 if group.kind == "double" else 128) | np.uint8(ONLINE)
    index = np.arange(start, start + count)
    return Readings(
        group, index, bits[:count].astype(np.float64), QUALITY[group.kind][flags], np.zeros(count, np.int64)
    )


_STATE: Final[dict[str, Callable[[Any], Any]]] = {
    "binary": lambda f: f >> 7,
    "binary_output": lambda f: f >> 7,
    "double": lambda f: f >> 6,
}


def _values(raw: NDArray[Any], wire: np.dtype[Any], group: Group) -> tuple[Values, Sequence[bytes]]:
    if group.kind in _STATE:
        return _STATE[group.kind](raw["flags"]).astype(np.float64), ()
    if wire["value"].kind == "V":
        strings = [bytes(each) for each in raw["value"]]
        return np.array([zlib.crc32(each) for each in strings], np.float64), strings
    with np.errstate(invalid="ignore"):  # a signalling NaN of single precision
        return raw["value"].astype(np.float64), ()


def _quality(raw: NDArray[Any], wire: np.dtype[Any], group: Group) -> Qualities:
    if "flags" not in wire.names:  # type: ignore[operator]
        return np.zeros(len(raw), np.uint16)
    quality: Qualities = QUALITY[group.kind][raw["flags"]]
    return quality


def _times(raw: NDArray[Any], wire: np.dtype[Any], base: tuple[int, bool] | None) -> tuple[Times, NDArray[np.bool_]]:
    """Return int64[n] in nanoseconds and bool[n], whether they can be trusted.

    Relative times count from the common time of occurrence (g51) before them in the same fragment.
    """
    if "low" in wire.names:  # type: ignore[operator]
        time_ms = raw["low"].astype(np.int64) | raw["high"].astype(np.int64) << 32
        trusted = np.ones(len(raw), np.bool_)
    else:
        common_ms, synchronised = base or (0, False)
        time_ms = raw["after"].astype(np.int64) + common_ms if base else np.zeros(len(raw), np.int64)
        trusted = np.full(len(raw), synchronised)
    told = time_ms <= LATEST_MS
    return np.where(told, time_ms, 0) * NS_PER_MS, trusted & told
