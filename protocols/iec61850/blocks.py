"""A report control block at work: taken, configured and enabled; its reports put into the image; released.

The only writes of this protocol are here, all of them to the block itself. In the order of IEC 61850-7-2 clause 17.2:
reserve, configure, EntryID, enable, general interrogation.
"""

from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from open61850.data import BitStringData, BoolData, IECData, IntData, OctetStringData, UIntData
from open61850.mms.pdu import ObjectName
from open61850.mms.report import bitstring_of

from protocols.iec61850 import report
from protocols.iec61850.codec import Refusal, Span, access_error
from protocols.iec61850.config import OBJECT, ReportConfig
from protocols.iec61850.layout import Image, Member, Path, Tree, Wanted, members
from protocols.iec61850.questions import Questions
from protocols.iec61850.report import LONGEST_ENTRY_ID, Taken
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import INTEGER, number

MOST_INSTANCES: Final = 16
"""Instances of a block that are looked for; servers offer one for each of their clients, which are fewer."""
MOST_KNOWN: Final = 1024
"""Entries known as taken, while a device replays from the beginning; 40 bytes each."""
NO_ENTRY: Final = bytes(LONGEST_ENTRY_ID)
BY_CONFIGURATION: Final = -1
"""ResvTms of a block that the device keeps for a client named in its configuration."""
OPTIONS: Final = frozenset({1, 2, 3, 4, 6, 7, 8})
"""Sequence number, time, reason, data set, overflow, EntryID, ConfRev; no references, which only take room."""
TRIGGERS: Final = {"data_change": 1, "quality_change": 2, "data_update": 3}
_INTEGRITY, _GI = 4, 5
_CHANGED: Final = 0x38
"""Reasons data change, quality change, data update."""


class Busy(Exception):
    """Another client has the block, or the device refuses it to us; says why."""


class Outdated(Exception):
    """What was learned of the device does not hold any more: it must be learned anew."""


@dataclass(slots=True)
class Outcome:
    """What a report brings: the points whose readings are new, and what is to be said of it."""

    places: list[int] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    bookmark: bytes | None = None


class Block:
    """One report control block of the configuration. `covered` are the points it brings, while it is `live`."""

    def __init__(self, config: ReportConfig, reserve_s: int) -> None:
        match = OBJECT.fullmatch(config.block)
        assert match is not None
        self.config, self._reserve_s = config, reserve_s
        self.device, self.node, self.name = match.groups()
        self.live = False
        self.buffered = False
        self.instance = ""
        self.covered: frozenset[int] = frozenset()
        self.remarks: list[str] = []
        self.interrogate = False
        self.freshest_ns: int | None = None
        self._members: list[Member] = []
        self._data_set, self._report_name = "", ""
        self._revision: int | None = None
        self._sequence: int | None = None
        self._segment: int | None = None
        self._known: deque[tuple[bytes | None, int | None, int]] = deque(maxlen=MOST_KNOWN)
        self._replaying = False
        self._anew = False
        """Whether all that the device has is replayed: what fell out of its buffer before is known, or old news."""

    @property
    def key(self) -> str:
        """The name of its bookmark: instances have different entries."""
        return f"{self.device}/{self.node}.{self.instance}"

    def lost(self) -> None:
        """The conversation is over."""
        self.live, self.covered, self.interrogate = False, frozenset(), False

    # taking and releasing it

    async def instances(self, questions: Questions) -> list[str]:
        """Return what can be taken, such as `BR$brcbMeas01`; nothing where there is none."""
        exact = [f"{fc}${self.name}" for fc in ("BR", "RP")]
        numbered = [f"{fc}${self.name}{number:02}" for fc in ("BR", "RP") for number in range(1, MOST_INSTANCES + 1)]
        asked = exact + numbered
        found = await questions.values([self._attribute(each, "RptEna") for each in asked])
        return [each for each, value in zip(asked, found, strict=True) if value is not None]

    async def take(
        self, questions: Questions, instances: Sequence[str], wanted: Sequence[Wanted], entries: dict[str, bytes]
    ) -> None:
        """Take the first of `instances` that is free, for the `wanted` points, from the entry after the last one taken.

        Raises:
            Busy: none is.
        """
        why = Busy("there is no such block")
        for instance in instances:
            try:
                await self._take(questions, instance, wanted, entries)
            except Busy as busy:
                why = busy
            else:
                return
        raise why

    async def release(self, questions: Questions) -> None:
        """Give it back, so that others can have it at once."""
        self.live = False
        await questions.write(self._attribute(self.instance_name, "RptEna"), BoolData(value=False))
        free: IECData = IntData(0) if self.buffered else BoolData(value=False)
        await questions.write(self._attribute(self.instance_name, "ResvTms" if self.buffered else "Resv"), free)

    async def ask_all(self, questions: Questions) -> None:
        """Ask for a general interrogation."""
        self.interrogate = False
        await questions.write(self._attribute(self.instance_name, "GI"), BoolData(value=True))

    @property
    def instance_name(self) -> str:
        """The instance with its constraint."""
        return f"{'BR' if self.buffered else 'RP'}${self.instance}"

    async def _take(
        self, questions: Questions, instance: str, wanted: Sequence[Wanted], entries: dict[str, bytes]
    ) -> None:
        self.buffered, self.instance = instance.startswith("BR"), instance[3:]
        has = await self._attributes(questions)
        if has.flag("RptEna"):
            raise Busy(f"{self.key}: another client has it")
        await self._understand(questions, has, wanted)
        await self._reserve(questions, has)
        await self._configure(questions, has)
        if self.buffered:
            await self._resume(questions, entries)
        self._sequence = self._segment = self.freshest_ns = None
        self.live = True  # reports come before the answer
        code = await self._write(questions, "RptEna", BoolData(value=True))
        if code is not None:
            await self.release(questions)
            raise Busy(f"{self.key}: not enabled, {access_error(code)}")
        await self.ask_all(questions)

    async def _attributes(self, questions: Questions) -> "_Attributes":
        names = ["RptEna", "RptID", "DatSet", "ConfRev", "OptFlds", "TrgOps", "IntgPd", "BufTm"]
        names.append("ResvTms" if self.buffered else "Resv")
        found = await questions.values([self._attribute(self.instance_name, name) for name in names])
        return _Attributes(dict(zip(names, found, strict=True)))

    async def _understand(self, questions: Questions, has: "_Attributes", wanted: Sequence[Wanted]) -> None:
        """Learn what its reports will bring, before the first one comes."""
        self._data_set, self._report_name = has.text("DatSet"), has.text("RptID")
        self._revision = has.integer("ConfRev")
        domain, _, item = self._data_set.partition("/")
        if not item:
            raise Busy(f"{self.key}: it has no data set")
        found = await data_set(questions, ObjectName(item, domain), wanted)
        if isinstance(found, Refusal):
            raise Busy(f"{self.key}: its data set {self._data_set} cannot be read, {found}")
        self._members = found
        self.covered = frozenset(place for one in found for place in one.valued)
        if not self.covered:
            raise Busy(f"{self.key}: no point is in its data set {self._data_set}")

    async def _reserve(self, questions: Questions, has: "_Attributes") -> None:
        if self.buffered:
            seconds = has.integer("ResvTms")
            if seconds is None or seconds == BY_CONFIGURATION:
                return  # edition 1 has none
            code = await self._write(questions, "ResvTms", IntData(max(self._reserve_s, 1)))
        else:
            code = await self._write(questions, "Resv", BoolData(value=True))
        if code is not None:
            raise Busy(f"{self.key}: not to be had, {access_error(code)}")

    async def _configure(self, questions: Questions, has: "_Attributes") -> None:
        triggers = {TRIGGERS[word] for word in self.config.triggers} | {_GI}
        if self.config.integrity_s:
            triggers.add(_INTEGRITY)
        period = UIntData(round(self.config.integrity_s * 1000))
        wishes: list[tuple[str, IECData, bool]] = [
            ("OptFlds", bit_string(OPTIONS, 10), has.bits("OptFlds") == OPTIONS),
            ("TrgOps", bit_string(triggers, 6), has.bits("TrgOps") == triggers),
            ("IntgPd", period, has.integer("IntgPd") == period.value),
        ]
        if self.config.buffer_ms is not None:
            gather = UIntData(self.config.buffer_ms)
            wishes.append(("BufTm", gather, has.integer("BufTm") == gather.value))
        for name, value, already in wishes:
            code = None if already else await self._write(questions, name, value)
            if code is not None:
                self.remarks.append(f"{self.key}: {name} stays as the device has it, {access_error(code)}")

    async def _resume(self, questions: Questions, entries: dict[str, bytes]) -> None:
        last = entries.get(self.key, NO_ENTRY)
        code = await self._write(questions, "EntryID", OctetStringData(last))
        self._replaying, self._anew = False, last == NO_ENTRY or code is not None
        if code is None or last == NO_ENTRY:
            return
        self.remarks.append(
            f"{self.key}: the device has no entry {last.hex()} any more, {access_error(code)}: "
            "reports between it and the oldest one that is left are lost"
        )
        self._replaying = True
        entries.pop(self.key)
        await self._write(questions, "EntryID", OctetStringData(NO_ENTRY))

    async def _write(self, questions: Questions, name: str, value: IECData) -> int | None:
        return await questions.write(self._attribute(self.instance_name, name), value)

    def _attribute(self, instance: str, name: str) -> ObjectName:
        return ObjectName(f"{self.node}${instance}${name}", self.device)

    # its reports

    def is_of(self, seen: Taken) -> bool:
        """Return whether `seen` comes from here."""
        return self.live and seen.name == self._report_name and seen.data_set in (None, self._data_set)

    def receive(self, seen: Taken, image: Image, arrival_ns: int) -> Outcome:
        """Put a report into `image`.

        Raises:
            Outdated: its data set is not what it was.
            Violation: it does not fit its data set.
        """
        outcome = Outcome()
        if seen.revision is not None and self._revision is not None and seen.revision != self._revision:
            raise Outdated(f"{self.key}: ConfRev {seen.revision}, was {self._revision}: its data set has changed")
        if seen.size != len(self._members):
            raise Violation(f"{self.key}: a report of {seen.size} members, its data set has {len(self._members)}")
        self._follow(seen, outcome)
        if seen.overflow and not self._anew:
            outcome.remarks.append(f"{self.key}: the device's buffer was full, its oldest reports are lost")
        if seen.reasons & report.GI and not seen.more:
            self._anew = False
        if self._is_known(seen):
            return outcome
        self._fill(seen, image, outcome)
        if self.buffered and seen.entry_id and not seen.more:
            outcome.bookmark = seen.entry_id
        if seen.time_ns and seen.reasons & (report.INTEGRITY | report.GI):
            off_ns = arrival_ns - seen.time_ns
            self.freshest_ns = off_ns if self.freshest_ns is None else min(self.freshest_ns, off_ns)
        return outcome

    def _fill(self, seen: Taken, image: Image, outcome: Outcome) -> None:
        touched: set[int] = set()
        changed = seen.reasons & _CHANGED and not seen.reasons & (report.INTEGRITY | report.GI)
        for index, span in zip(seen.members, seen.values, strict=True):
            member = self._members[index]
            if not member.places:
                continue
            member.take(seen.data, span, image)
            touched.update(member.places)
            for place in member.untimed:
                image.time_ns[place] = seen.time_ns if changed else 0
        outcome.places = sorted(touched)

    def _follow(self, seen: Taken, outcome: Outcome) -> None:
        """Note a gap in the sequence numbers, or in the segments of one."""
        before, self._sequence = self._sequence, seen.sequence
        segment, self._segment = self._segment, (seen.segment if seen.more else None)
        if seen.sequence is None or before is None:
            return
        follows = seen.sequence == before and segment is not None and seen.segment == segment + 1
        wrapped = seen.sequence == 0 and before in (0xFF, 0xFFFF)
        follows = follows or (segment is None and (seen.sequence == before + 1 or wrapped) and not seen.segment)
        if not follows:
            outcome.remarks.append(f"{self.key}: after report {before} came {seen.sequence}, reports are lost")
            self.interrogate = True

    def _is_known(self, seen: Taken) -> bool:
        if not self.buffered:
            return False
        name = (seen.entry_id, seen.segment, seen.time_ns)
        known = self._replaying and name in self._known
        if not known:
            self._known.append(name)
        return known


class _Attributes:
    """What a block says of itself."""

    def __init__(self, found: dict[str, tuple[bytes, Span] | None]) -> None:
        self._found = found

    def integer(self, name: str) -> int | None:
        one = self._found.get(name)
        if one is None:
            return None
        data, span = one
        signed = span.tag == INTEGER
        return int.from_bytes(data[span.body : span.end], "big", signed=signed)

    def flag(self, name: str) -> bool:
        one = self._found.get(name)
        return one is not None and number(one[0], one[1].tag, one[1].body, one[1].end) == 1.0

    def text(self, name: str) -> str:
        one = self._found.get(name)
        return "" if one is None else one[0][one[1].body : one[1].end].decode("ascii", "replace")

    def bits(self, name: str) -> AbstractSet[int]:
        one = self._found.get(name)
        if one is None or one[1].end - one[1].body < 2:
            return frozenset()
        octets = one[0][one[1].body + 1 : one[1].end]
        return {index for index in range(8 * len(octets)) if octets[index // 8] & (0x80 >> index % 8)}


def bit_string(set_bits: AbstractSet[int], size: int) -> BitStringData:
    """Return a bit string of `size` with these bits set, its first being 0."""
    return bitstring_of([index in set_bits for index in range(size)])


async def data_set(questions: Questions, name: ObjectName, wanted: Sequence[Wanted]) -> list[Member] | Refusal:
    """Return where the `wanted` points stand in a data set."""
    paths = await questions.directory(name)
    if isinstance(paths, Refusal):
        return paths
    await questions.learn(paths)
    return members([questions.tree(path) or unknown(path) for path in paths], wanted)


def unknown(path: Path) -> Tree:
    """Return a member whose type the device does not tell: one value of any kind, which is nobody's."""
    return Tree(path, ())
