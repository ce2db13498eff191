"""A report control block at work: taken, configured, enabled and released.

The only writes of this protocol are here, all of them to the block itself. In the order of IEC 61850-7-2 clause 17.2:
reserve, configure, EntryID, enable, general interrogation.

Setting triggers, periods or the buffer time empties the buffer of a block. So a buffered one whose settings are not
ours is enabled as it is; when all that it has buffered has come, it is disabled, set, and enabled again.
"""

from collections.abc import Sequence
from typing import Final

from open61850.data import BoolData, IECData, IntData, OctetStringData
from open61850.mms.pdu import ObjectName

from protocols.iec61850.attributes import BUFFERED, OPTIONS, UNBUFFERED, Attributes, bit_string
from protocols.iec61850.codec import Refusal, access_error
from protocols.iec61850.config import OBJECT, ReportConfig
from protocols.iec61850.feed import Feed
from protocols.iec61850.layout import Wanted
from protocols.iec61850.questions import Questions
from protocols.iec61850.report import LONGEST_ENTRY_ID, Taken

MOST_INSTANCES: Final = 16
"""Instances of a block that are looked for; servers offer one for each of their clients, which are fewer."""
NO_ENTRY: Final = bytes(LONGEST_ENTRY_ID)
BY_CONFIGURATION: Final = -1
"""ResvTms of a block that the device keeps for a client named in its configuration."""
EMPTIED_S: Final = 10.0
"""What a block has buffered has come after this at the latest, where no general interrogation tells its end."""
MOST_EMPTYINGS: Final = 3
"""A buffer that is never empty is emptied by us after so many attempts to see it so."""


class Busy(Exception):
    """Another client has the block, or the device refuses it to us; says why."""


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
        self.revision = ""
        self.remarks: list[tuple[str, str]] = []
        """What is to be said: an attribute that is refused with why, or nothing with what is lost."""
        self.feed = Feed()
        self._data_set, self._report_name = "", ""
        self._unset: list[tuple[str, IECData]] = []
        self._set_by = 0.0
        self._emptyings = 0
        self._disabled = False

    @property
    def key(self) -> str:
        """The name of its bookmark: instances have different entries."""
        return f"{self.device}/{self.node}.{self.instance}"

    def lost(self) -> None:
        """The conversation is over."""
        self.live, self.covered = False, frozenset()

    def is_of(self, seen: Taken) -> bool:
        """Return whether `seen` comes from here."""
        return self.live and seen.name == self._report_name and seen.data_set in (None, self._data_set)

    # taking and releasing it

    async def instances(self, questions: Questions) -> list[str]:
        """Return what can be taken, such as `BR$brcbMeas01`; nothing where there is none."""
        exact = [f"{fc}${self.name}" for fc in ("BR", "RP")]
        numbered = [f"{fc}${self.name}{number:02}" for fc in ("BR", "RP") for number in range(1, MOST_INSTANCES + 1)]
        asked = exact + numbered
        found = await questions.values([ObjectName(f"{self.node}${each}$RptEna", self.device) for each in asked])
        return [each for each, value in zip(asked, found, strict=True) if value is not None]

    async def take(
        self,
        questions: Questions,
        instances: Sequence[str],
        wanted: Sequence[Wanted],
        entries: dict[str, bytes],
        *,
        now: float,
    ) -> None:
        """Take the first of `instances` that is free, for the `wanted` points, from the entry after the last one taken.

        One of which an entry is known comes before the others: it goes on where it ended, without repeating itself.

        Raises:
            Busy: none is.
        """
        why = Busy(f"{self.device}/{self.node}.{self.name}: there is no such block")
        for instance in sorted(instances, key=lambda each: f"{self.device}/{self.node}.{each[3:]}" not in entries):
            self.buffered, self.instance = instance.startswith("BR"), instance[3:]
            self._set_by = now + EMPTIED_S
            try:
                await self._take(questions, wanted, entries)
            except Busy as busy:
                why = busy
            else:
                return
        raise why

    async def release(self, questions: Questions) -> None:
        """Give it back, so that others can have it at once."""
        self.live = False
        await self._write(questions, "RptEna", BoolData(value=False))
        free: IECData = IntData(0) if self.buffered else BoolData(value=False)
        await self._write(questions, "ResvTms" if self.buffered else "Resv", free)

    async def tend(self, questions: Questions, *, now: float, quiet: bool) -> None:
        """Do what is due: ask for all values, and set what had to wait; `quiet` is when no report waits to be taken.

        Raises:
            Busy: the device refuses to go on with it.
        """
        if self._disabled and quiet:
            await self._set_at_last(questions, now)
        elif self._unset and not self._disabled and (self.feed.caught_up or now >= self._set_by):
            await self._write(questions, "RptEna", BoolData(value=False))
            self._disabled = True
        elif self.feed.interrogate and not self._disabled:
            await self._ask_all(questions)

    async def _take(self, questions: Questions, wanted: Sequence[Wanted], entries: dict[str, bytes]) -> None:
        has = await Attributes.read(questions, self.device, self._item, BUFFERED if self.buffered else UNBUFFERED)
        if has.flag("RptEna"):
            raise Busy(f"{self.key}: another client has it")
        await self._understand(questions, has, wanted)
        await self._reserve(questions, has)
        await self._configure(questions, has)
        anew, replaying = True, False
        if self.buffered:
            anew, replaying = await self._resume(questions, entries)
        await self._enable(questions, anew=anew, replaying=replaying)

    async def _enable(self, questions: Questions, *, anew: bool, replaying: bool) -> None:
        self.feed.begin(anew=anew, replaying=replaying)
        self._disabled, self.live = False, True  # reports come before the answer
        code = await self._write(questions, "RptEna", BoolData(value=True))
        if code is not None:
            await self.release(questions)
            raise Busy(f"{self.key}: not enabled, {access_error(code)}")
        await self._ask_all(questions)

    async def _ask_all(self, questions: Questions) -> None:
        """Ask for a general interrogation; a device that has none sends changes only, and that is said."""
        code = await self._write(questions, "GI", BoolData(value=True))
        self.feed.interrogate = False
        if code is not None:
            self.remarks.append((f"{self.key}.GI", f"{self.key}: no general interrogation, {access_error(code)}"))

    async def _understand(self, questions: Questions, has: Attributes, wanted: Sequence[Wanted]) -> None:
        """Learn what its reports will bring, before the first one comes."""
        self._data_set = has.text("DatSet")
        self._report_name = has.text("RptID") or f"{self.device}/{self._item}"  # IEC 61850-8-1 clause 17.2.1
        domain, _, item = self._data_set.partition("/")
        if not item:
            raise Busy(f"{self.key}: it has no data set")
        found = await questions.members(ObjectName(item, domain), wanted)
        if isinstance(found, Refusal):
            raise Busy(f"{self.key}: its data set {self._data_set} cannot be read, {found}")
        self.covered = frozenset(place for one in found for place in one.valued)
        if not self.covered:
            raise Busy(f"{self.key}: no point is in its data set {self._data_set}")
        revision = has.integer("ConfRev")
        self.revision = "" if revision is None else str(revision)
        self.feed.learn(self.key, found, revision, buffered=self.buffered)

    async def _reserve(self, questions: Questions, has: Attributes) -> None:
        if self.buffered:
            seconds = has.integer("ResvTms")
            if seconds is None or seconds == BY_CONFIGURATION:
                return  # edition 1 has none
            code = await self._write(questions, "ResvTms", IntData(max(self._reserve_s, 1)))
        else:
            code = await self._write(questions, "Resv", BoolData(value=True))
        if code is not None:
            raise Busy(f"{self.key}: not to be had, {access_error(code)}")

    # how it reports

    async def _configure(self, questions: Questions, has: Attributes) -> None:
        if has.bits("OptFlds") != OPTIONS:
            await self._set(questions, [("OptFlds", bit_string(OPTIONS, 10))])
        self._unset = has.unlike(self.config)
        self._emptyings = 0
        if not self.buffered:
            await self._set(questions, self._unset)
            self._unset = []

    async def _set(self, questions: Questions, values: Sequence[tuple[str, IECData]]) -> None:
        for name, value in values:
            code = await self._write(questions, name, value)
            if code is not None:
                said = f"{self.key}: {name} stays as the device has it, {access_error(code)}"
                self.remarks.append((f"{self.key}.{name}", said))

    async def _set_at_last(self, questions: Questions, now: float) -> None:
        """Set and enable it, disabled as it is; but what it has buffered since it was is taken first."""
        has = await Attributes.read(questions, self.device, self._item, ["EntryID"])
        last, self._emptyings = self.feed.last or NO_ENTRY, self._emptyings + 1
        if has.octets("EntryID") == last or self._emptyings >= MOST_EMPTYINGS:
            await self._set(questions, self._unset)
            self._unset = []
        self._set_by = now + EMPTIED_S
        purged = await self._write(questions, "EntryID", OctetStringData(last)) is not None
        if purged:
            await self._write(questions, "EntryID", OctetStringData(NO_ENTRY))
        await self._enable(questions, anew=purged, replaying=False)  # what we have purged ourselves is no overflow

    async def _resume(self, questions: Questions, entries: dict[str, bytes]) -> tuple[bool, bool]:
        """Go on after the last entry; return whether all is new, and whether it may be known."""
        last = entries.get(self.key, NO_ENTRY)
        code = await self._write(questions, "EntryID", OctetStringData(last))
        if code is None or last == NO_ENTRY:
            return last == NO_ENTRY, False
        said = (
            f"{self.key}: the device has no entry {last.hex()} any more, {access_error(code)}: "
            "reports between it and the oldest one that is left are lost"
        )
        self.remarks.append(("", said))
        entries.pop(self.key)
        await self._write(questions, "EntryID", OctetStringData(NO_ENTRY))
        return True, True

    async def _write(self, questions: Questions, name: str, value: IECData) -> int | None:
        return await questions.write(ObjectName(f"{self._item}${name}", self.device), value)

    @property
    def _item(self) -> str:
        """The instance as MMS names it within its logical device."""
        return f"{self.node}${'BR' if self.buffered else 'RP'}${self.instance}"
