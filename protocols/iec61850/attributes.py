"""What a report control block says of itself, and should say: its attributes (IEC 61850-7-2 tables 24 and 25)."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from open61850.data import BitStringData, IECData, UIntData
from open61850.mms.pdu import ObjectName
from open61850.mms.report import bitstring_of

from protocols.iec61850.codec import Span
from protocols.iec61850.config import ReportConfig
from protocols.iec61850.questions import Questions
from protocols.iec61850.values import INTEGER, number

COMMON: Final = ("RptEna", "RptID", "DatSet", "ConfRev", "OptFlds", "TrgOps", "IntgPd", "BufTm")
BUFFERED: Final = (*COMMON, "ResvTms")
UNBUFFERED: Final = (*COMMON, "Resv")
OPTIONS: Final = frozenset({1, 2, 3, 4, 6, 7, 8})
"""Sequence number, time, reason, data set, overflow, EntryID, ConfRev; no references, which only take room."""
TRIGGERS: Final = {"data_change": 1, "quality_change": 2, "data_update": 3}
_INTEGRITY, _GI = 4, 5


class Attributes:
    """The attributes of one block; each may be missing, or of another type than it should be."""

    def __init__(self, found: dict[str, tuple[bytes, Span] | None]) -> None:
        self._found = found

    @classmethod
    async def read(cls, questions: Questions, device: str, item: str, names: Sequence[str]) -> "Attributes":
        """Read those `names` of the block `item`, such as LLN0$BR$brcbMeas01.

        Raises:
            TimeoutError, LinkLost: as the session does.
        """
        found = await questions.values([ObjectName(f"{item}${name}", device) for name in names])
        return cls(dict(zip(names, found, strict=True)))

    def integer(self, name: str) -> int | None:
        """Return a number, None where there is none."""
        one = self._found.get(name)
        if one is None:
            return None
        data, span = one
        return int.from_bytes(data[span.body : span.end], "big", signed=span.tag == INTEGER)

    def flag(self, name: str) -> bool:
        """Return whether it is there and set."""
        one = self._found.get(name)
        return one is not None and number(one[0], one[1].tag, one[1].body, one[1].end) == 1.0

    def text(self, name: str) -> str:
        """Return a text, empty where there is none."""
        return self.octets(name).decode("ascii", "replace")

    def octets(self, name: str) -> bytes:
        """Return the contents as they are."""
        one = self._found.get(name)
        return b"" if one is None else one[0][one[1].body : one[1].end]

    def bits(self, name: str) -> AbstractSet[int]:
        """Return which bits of a bit string are set, its first being 0."""
        octets = self.octets(name)[1:]
        return {index for index in range(8 * len(octets)) if octets[index // 8] & (0x80 >> index % 8)}

    def unlike(self, config: ReportConfig) -> list[tuple[str, IECData]]:
        """Return those settings which are not as `config` wants them, with what they should be."""
        triggers = {TRIGGERS[word] for word in config.triggers} | {_GI}
        numbers = {"IntgPd": round(config.integrity_s * 1000), "BufTm": config.buffer_ms}
        if config.integrity_s:
            triggers.add(_INTEGRITY)
        found: list[tuple[str, IECData]] = []
        if self.bits("TrgOps") != triggers:
            found.append(("TrgOps", bit_string(triggers, 6)))
        wanted = ((name, value) for name, value in numbers.items() if value is not None)
        return [*found, *((name, UIntData(value)) for name, value in wanted if self.integer(name) != value)]


def bit_string(set_bits: AbstractSet[int], size: int) -> BitStringData:
    """Return a bit string of `size` with these bits set, its first being 0."""
    return bitstring_of([index in set_bits for index in range(size)])
