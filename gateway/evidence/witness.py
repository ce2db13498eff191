"""The witness: remembers the last seconds, and when an alarm comes that is worth it, keeps them and what follows.

    alarm ─► its name, told with it ─► what was remembered ─► after_s later: what came since ─► thread ─► shelf ─► audit

The name is known before the file is there: a kill between the two leaves an alarm that names what was never written,
and no entry in the audit log, which has one for each exhibit. Alarms that come while an exhibit is open share it; one
that comes when too many were made lately has none, which is counted.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import structlog

from detectors.model import Severity
from gateway.config.model import EvidenceBudget
from gateway.core.alarms import Alarms
from gateway.core.messages import Alarm, AlarmState, Message, Unsaid
from gateway.evidence.exhibit import Exhibit, digest
from gateway.evidence.flight import Flight
from gateway.evidence.names import EXHIBIT, LAST_NS, exhibit_of
from gateway.evidence.shelf import Shelf
from gateway.evidence.wire import Memory, parties
from protocols.model import GATEWAY, Batch
from protocols.points import Points

log = structlog.get_logger()

NS: Final = 1_000_000_000
BURST: Final = 8
"""Exhibits in a row; an attack of several steps has one each."""
EACH_S: Final = 60.0
"""Beyond that one a minute: a flood of a day then is 1,440, and the oldest go."""
NAMED_MAX: Final = 1024
"""Active alarms whose exhibit is known, so that its name stays when the alarm gets worse."""
CLOSE_S: Final = 0.3
"""How long a stop waits for the disk."""
FILES: Final = "files"
"""The key in the evidence of an alarm under which its exhibit is named."""
CYBER: Final = "cyber"
"""The detector whose alarms are evidence sooner than others."""
SILENT: Final = (AlarmState.SHELVED, AlarmState.SUPPRESSED)

Told = TypeVar("Told", bound=Message | Unsaid)


class Audit(Protocol):
    """What is needed of the audit log."""

    def note(self, what: str, who: str, **detail: Any) -> None:
        """Enter that `who` did `what`, now."""


class Witness:
    """The evidence of one plant. `clock` is UTC in nanoseconds.

    `kept` exhibits are on disk, `lost` were refused by it or waited too long, `skipped` alarms came too fast for one.
    """

    def __init__(
        self,
        directory: Path,
        points: Points,
        budget: EvidenceBudget,
        *,
        alarms: Alarms,
        audit: Audit,
        clock: Callable[[], int],
    ) -> None:
        self.kept = self.lost = self.skipped = 0
        self.shelf = Shelf(directory, budget.max_bytes)
        self.taps: list[Memory] = []
        self._points, self._budget = points, budget
        self._hosts = dict(zip(points.devices, points.hosts, strict=False))
        self._alarms, self._audit, self._clock = alarms, audit, clock
        self._flight = Flight(points, budget.before_s + budget.after_s)
        self._cyber, self._others = Severity(budget.cyber).rank, Severity(budget.others).rank
        self._named: dict[str, str] = {}
        self._open: Exhibit | None = None
        self._opened = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()
        self._left, self._filled_s = float(BURST), 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evidence")
        self._fault = ""

    def observe(self, batch: Batch) -> None:
        """Remember readings."""
        self._flight.observe(batch)

    def told(self, messages: Sequence[Told]) -> Sequence[Told]:
        """Return `messages` with the names of their evidence in the alarms that have any."""
        return [self._marked(each) if isinstance(each, Alarm) else each for each in messages]

    async def run(self) -> None:
        """Write what was opened when its time has come, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._opened.wait()
            self._opened.clear()
            if exhibit := self._open:
                await loop.run_in_executor(self._thread, exhibit.thin, self._budget.max_bytes)
                await asyncio.sleep(exhibit.due_s - loop.time())
                self._open = None
                await asyncio.shield(self._begin_writing(exhibit))

    async def close(self) -> None:
        """Write what is open, as far as it has come, and enter what is being written, if the disk is quick enough."""
        exhibit, self._open = self._open, None
        if exhibit is not None:
            self._begin_writing(exhibit)
        if self._writing:
            await asyncio.wait(self._writing, timeout=CLOSE_S)
        for task in self._writing:
            task.cancel()
        self._thread.shutdown(wait=False)

    def _begin_writing(self, exhibit: Exhibit) -> asyncio.Task[None]:
        """Write in a task of its own: an end of `run` leaves no file without its entry."""
        task = asyncio.create_task(self._write(exhibit), name="evidence:write")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return task

    def _marked(self, alarm: Any) -> Any:
        """Name the evidence of an alarm that is active; forget it when it is not."""
        if not alarm.active:
            self._named.pop(alarm.id, None)
            return alarm
        before = str(alarm.evidence.get(FILES, ""))
        name = self._named.get(alarm.id) or (before if EXHIBIT.fullmatch(before) else self._wanted(alarm))
        if not name:
            return alarm
        self._named[alarm.id] = name
        if len(self._named) > NAMED_MAX:
            del self._named[next(iter(self._named))]
        if alarm.evidence.get(FILES) == name:
            return alarm
        known = self._alarms.get(alarm.id)
        if known is not None:
            self._alarms.mark(known, evidence={**known.evidence, FILES: name})
        return replace(alarm, evidence={**alarm.evidence, FILES: name})

    def _wanted(self, alarm: Alarm) -> str:
        """Return the name of the exhibit for an alarm that came, empty when it has none."""
        least = self._cyber if alarm.detector == CYBER else self._others
        ours = alarm.device == GATEWAY  # what happened to the gateway itself shows on no wire
        if ours or alarm.state in SILENT or alarm.severity.rank < least:
            return ""
        exhibit = self._open if self._open and self._clock() < self._open.until_ns else self._begun(alarm)
        if exhibit is None:
            return ""
        exhibit.add(alarm, parties({"device": self._hosts.get(alarm.device, ""), **alarm.evidence}))
        return exhibit.id

    def _begun(self, alarm: Alarm) -> Exhibit | None:
        """Open an exhibit, with what is remembered of the time before."""
        if self._open is not None:
            self._lose("the disk does not keep up")
            return None
        now_s = asyncio.get_running_loop().time()
        self._left = min(float(BURST), self._left + (now_s - self._filled_s) / EACH_S)
        self._filled_s = now_s
        if self._left < 1:
            self.skipped += 1
            return None
        self._left -= 1
        now_ns, after_ns = self._clock(), int(self._budget.after_s * NS)
        from_ns = min(alarm.last_ns, now_ns) - int(self._budget.before_s * NS)
        exhibit = Exhibit(
            id=exhibit_of(alarm),
            alarm_ns=alarm.last_ns,
            from_ns=from_ns,
            until_ns=now_ns + after_ns,
            cuts_ns=[],
            due_s=now_s + self._budget.after_s,
        )
        self._remember(exhibit)
        self._open = exhibit
        self._opened.set()
        return exhibit

    def _remember(self, exhibit: Exhibit) -> None:
        """Take what is remembered and was not taken yet: also what was late on its way."""
        exhibit.readings.append(self._flight.since(exhibit.number, exhibit.from_ns))
        exhibit.number = self._flight.total
        exhibit.cuts_ns += [exhibit.from_ns] * (len(self.taps) - len(exhibit.cuts_ns))
        for index, tap in enumerate(self.taps):
            found = list(tap.between(exhibit.cuts_ns[index], LAST_NS))
            exhibit.frames += found
            exhibit.cuts_ns[index] = max([exhibit.cuts_ns[index], *(time_ns + 1 for time_ns, *_ in found[-1:])])

    async def _write(self, exhibit: Exhibit) -> None:
        self._remember(exhibit)
        loop = asyncio.get_running_loop()
        try:
            hashes = await loop.run_in_executor(self._thread, self._shelved, exhibit)
        except OSError as error:
            self._lose(str(error))
            return
        self.kept += 1
        if self._fault:
            log.info("evidence_recovered", after=self._fault, lost=self.lost)
            self._fault = ""
        self._audit.note("evidence", "gateway", id=exhibit.id, alarm=exhibit.alarms[0]["id"], **hashes)

    def _shelved(self, exhibit: Exhibit) -> Mapping[str, str]:
        """Make the files and write them; return their hashes by suffix. In the thread."""
        files = exhibit.files(self._points, self._budget.max_bytes)
        self.shelf.keep(files)
        return {name.rpartition(".")[2]: digest(content) for name, content in files.items()}

    def _lose(self, reason: str) -> None:
        self.lost += 1
        if not self._fault:
            log.error("evidence_fault", reason=reason)
        self._fault = reason
