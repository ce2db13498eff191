"""Store and forward, seen from the event loop: nothing here waits for the disk but what says so.

`append` and `acknowledge` put into RAM; one task, `store:commit`, hands what has gathered to the one thread that owns
the database. So any number of messages share one fsync, and a failing disk is met in one place: what could not be
written waits and is tried again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from sqlite3 import DatabaseError
from types import MappingProxyType
from typing import TypeVar

import structlog

from gateway.config.model import StoreBudget
from gateway.store.disk import Disk, is_fault
from gateway.store.limits import PENDING_BYTES, RAM_BYTES, Limits
from gateway.store.pending import Pending
from gateway.store.receipts import Receipts, Settle
from gateway.store.record import Gap, Record, Row, Stream
from gateway.store.work import StoreStats, Work

T = TypeVar("T")

RETRY_S = 1.0
"""Pause after a commit that failed: a full disk is noticed soon, and not hammered."""
SLOW_S = 0.5
"""A commit that takes longer is worth a word: alarms wait for it. A healthy disk takes some milliseconds."""
HUNG_S = 5.0
"""How long a close waits for a disk that does not answer: memory cards stall for seconds, and what waits is lost."""
RECEIPT_S = 1.0
"""Longest commit_s that a receipt waits for, beyond it all are urgent: devices wait 2 to 10 s for their confirm."""
ACKED_S, ACKED_ROWS = 10.0, 1_000
"""Longest wait of acknowledgements for records to share their commit, and most rows of them: a commit of their own for
each window would double what is written to flash."""
NO_STATES: Mapping[str, bytes | None] = MappingProxyType({})

log = structlog.get_logger()


class Store:
    """Messages that wait until the broker has them. `stored` is set by every commit, cleared by who waits."""

    def __init__(self, directory: Path, budget: StoreBudget) -> None:
        limits = Limits.of(budget)
        self.stored = asyncio.Event()
        self._disk = Disk(directory, limits)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._receipts = Receipts()
        self._pending = Pending(
            unit_bytes=limits.transaction_bytes, ram_bytes=RAM_BYTES, fell_out=self._receipts.fell_out
        )
        self._commit_s = budget.commit_s
        self._fault: str | None = None
        self._faults = self._notes_told = 0
        self._slow = False
        self._committing: deque[Work] = deque()
        self._rounds_asked = self._rounds_done = 0
        self._wake, self._urgent, self._closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self._acked: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, directory: Path, budget: StoreBudget) -> "Store":
        """Open the store in `directory`; a disk that refuses is a fault in `stats`, and tried again.

        Raises:
            StoreBusy: another process has it open.
            StoreTooNew: a newer program wrote it.
        """
        store = cls(directory, budget)
        try:
            await store._ask_disk(store._disk.open, None)
        except BaseException:
            await store._shut()
            raise
        store._task = asyncio.create_task(store._run(), name="store:commit")
        return store

    @property
    def notes(self) -> Sequence[str]:
        """What the operator should know about how the store was opened."""
        return self._disk.notes

    @property
    def stats(self) -> StoreStats:
        """Every number of the store, now."""
        stats, lost, acked = self._disk.stats, self._pending.lost, self._pending.acknowledged
        return replace(
            stats,
            rows={stream: max(0, rows - acked[stream]) for stream, rows in stats.rows.items()},
            dropped={stream: stats.dropped.get(stream, 0) + lost[stream] for stream in Stream},
            pending_bytes=self._waiting_bytes,
            acks_forgotten=self._pending.acks_forgotten,
            faults=self._faults,
            fault=self._fault,
        )

    def append(
        self, records: Sequence[Record], states: Mapping[str, bytes | None] = NO_STATES, *, urgent: bool = False
    ) -> None:
        """Let `records` be numbered and stored and `states` written (None deletes), in one transaction.

        Alarms and what is `urgent` are committed at once, the rest within commit_s. What is larger than a transaction
        is split, its states last.
        """
        self._pending.add(records, states)
        self._ask(urgent=urgent or any(record.stream is Stream.ALARM for record in records))

    def receipt(self, settle: Settle, *, urgent: bool = False) -> None:
        """Call `settle` with True when everything appended so far is on disk; with False if some fell out of RAM.

        It waits for a commit that comes anyway, unless it is `urgent`. A store that is closed first calls nobody.
        """
        if self._pending:
            self._ask(urgent=urgent or self._commit_s > RECEIPT_S)
        self._receipts.add(self._rounds_asked, settle)
        if not self._pending and not self._committing:
            self._receipts.stored(self._rounds_asked)

    def acknowledge(self, stream: Stream, seqs: Iterable[int]) -> None:
        """The broker has these rows: delete them with the next commit, within ACKED_S. Unknown ones change nothing."""
        self._pending.acknowledge(stream, seqs)
        if sum(self._pending.acknowledged.values()) >= ACKED_ROWS:
            self._ask()
        elif self._acked is None:
            self._acked = self._loop.call_later(ACKED_S, self._ask)

    def discard(self, stream: Stream, seqs: Iterable[int]) -> None:
        """Nobody can read these rows: delete them with the next commit and record the gap."""
        self._pending.discard(stream, seqs)
        self._ask()

    def reported(self, gaps: Iterable[Gap]) -> None:
        """The broker has these gaps: forget them with the next commit, unless they have grown."""
        self._pending.report(gaps)
        self._ask()

    def lost(self, gap: Gap) -> None:
        """What this row held never leaves, and is reported as `gap` in its place: remember it with the next commit."""
        self._pending.note(gap)
        self._ask()

    def hurry(self) -> None:
        """Commit what waits now: what was acknowledged is not to be read again."""
        if self._pending:
            self._ask(urgent=True)

    def last(self, stream: Stream) -> int:
        """Return the last committed number of `stream`, 0 for none."""
        return self._disk.stats.last.get(stream, 0)

    async def room(self) -> None:
        """Wait until less than PENDING_BYTES wait in RAM; not while the disk refuses, then the oldest make room."""
        if self._waiting_bytes < PENDING_BYTES:
            return
        self._urgent.set()
        await self._until(lambda: self._waiting_bytes < PENDING_BYTES or self._fault is not None)

    async def flush(self) -> None:
        """Wait until everything handed over so far is on disk, however long the disk refuses."""
        if not self._pending and not self._committing:
            return
        self._ask(urgent=True)
        asked = self._rounds_asked
        await self._until(lambda: self._rounds_done >= asked)

    async def watch(self) -> None:
        """Return when the store is closed; raise what nobody expected. For the task group that owns the store."""
        await self._until(lambda: False)

    async def read(self, stream: Stream, *, after: int, upto: int | None = None, limit: int) -> Sequence[Row] | None:
        """Return committed rows with after < seq <= upto, ascending: at most `limit`, and about 1 MiB.

        None while the disk refuses, here and of gaps and losses: nobody knows. `stored` tells when to ask again.
        """
        most = self.last(stream) if upto is None else upto
        return await self._ask_disk(lambda: self._disk.read(stream, after, most, limit), None)

    async def gaps(self, stream: Stream | None = None) -> Sequence[Gap] | None:
        """Return the gaps, of `stream` or all, that are not `reported` yet."""
        return await self._ask_disk(lambda: self._disk.gaps(stream), None)

    async def losses(self, stream: Stream | None = None) -> Sequence[Gap] | None:
        """Return every gap there ever was, of `stream` or all: reported or not, merged where they touch."""
        return await self._ask_disk(lambda: self._disk.losses(stream), None)

    async def states(self, prefix: str) -> Mapping[str, bytes]:
        """Return the committed states whose key begins with `prefix`."""
        return await self._ask_disk(lambda: self._disk.states(prefix), {})

    async def close(self) -> None:
        """Commit what waits, trying once if the disk refuses, and close; a disk that hangs is left to itself."""
        self._closing.set()
        self._ask(urgent=True)
        task = self._task
        assert task is not None
        await asyncio.wait((task,), timeout=HUNG_S)
        if not task.done():
            log.error("store_left_behind", bytes=self._waiting_bytes, fault="the disk does not answer")
            task.cancel()
            self._thread.shutdown(wait=False)
            return
        try:
            await task
        finally:
            await self._shut()

    async def _shut(self) -> None:
        await self._in_thread(self._disk.close)
        self._thread.shutdown()

    def _ask(self, *, urgent: bool = False) -> None:
        self._rounds_asked += 1
        self._wake.set()
        if urgent or self._pending.bytes >= PENDING_BYTES // 2:
            self._urgent.set()

    @property
    def _waiting_bytes(self) -> int:
        return self._pending.bytes + sum(work.bytes for work in self._committing)

    async def _in_thread(self, act: Callable[[], T]) -> T:
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, act)
        for note in self.notes[self._notes_told :]:
            log.warning("store_note", note=note)
            self._notes_told += 1
            self.stored.set()
        return answer

    async def _ask_disk(self, act: Callable[[], T], nothing: T) -> T:
        """Return what the disk says, or `nothing` while it refuses: `stored` tells when to ask again."""
        try:
            return await self._in_thread(act)
        except (OSError, DatabaseError) as error:
            self._failed(error)
            self._ask()
            return nothing

    async def _until(self, reached: Callable[[], bool]) -> None:
        task = self._task
        assert task is not None
        async with self._turn:
            await self._turn.wait_for(lambda: reached() or task.done() or self._closing.is_set())
        if task.done() or self._closing.is_set():
            await asyncio.shield(task)

    async def _run(self) -> None:
        try:
            last = False
            while not last:
                await self._wake.wait()
                await self._gather()
                last = self._closing.is_set()
                await self._round()
            if self._pending:
                log.error("store_left_behind", bytes=self._pending.bytes, fault=self._fault)
        finally:
            self._closing.set()
            async with self._turn:
                self._turn.notify_all()

    async def _gather(self) -> None:
        """Wait for more to share the commit, unless somebody is in a hurry."""
        try:
            async with asyncio.timeout(self._commit_s):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _round(self) -> None:
        """Commit everything that waits now; what comes meanwhile is the next round's."""
        self._wake.clear()
        self._urgent.clear()
        if self._acked is not None:
            self._acked.cancel()
            self._acked = None
        asked = self._rounds_asked
        self._committing.extend(self._pending.take())
        while self._committing:
            try:
                await self._in_thread(partial(self._disk.commit, self._committing[0]))
            except (OSError, DatabaseError) as error:
                await self._refused(error)
                return
            self._committing.popleft()
            await self._done()
        self._rounds_done = asked
        self._receipts.stored(asked)
        await self._tell()

    async def _done(self) -> None:
        if self._fault is not None:
            log.info("store_recovered", after=self._fault)
            self._fault = None
        self._watch_pace(self._disk.stats.commit_s)
        self.stored.set()
        await self._tell()

    def _watch_pace(self, commit_s: float) -> None:
        if commit_s > SLOW_S and not self._slow:
            log.warning("store_slow", commit_s=round(commit_s, 1))
        self._slow = commit_s > (SLOW_S / 2 if self._slow else SLOW_S)

    async def _refused(self, error: OSError | DatabaseError) -> None:
        works, self._committing = self._committing, deque()
        self._pending.give_back(works)
        self._wake.set()
        self._urgent.set()
        self._failed(error)
        await self._tell()
        await self._pause()

    async def _tell(self) -> None:
        async with self._turn:
            self._turn.notify_all()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(RETRY_S):
                await self._closing.wait()
        except TimeoutError:
            return

    def _failed(self, error: OSError | DatabaseError) -> None:
        if not is_fault(error):
            raise error
        if self._fault is None:
            log.error("store_fault", reason=str(error))
        self._fault = str(error)
        self._faults += 1
