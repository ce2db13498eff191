"""Brings every stored message to the broker, and lets go of it only when the broker has it.

One task sends and is woken by what changes: rows were stored, a PUBACK came, the connection ended, a status is due,
the backlog may go on. What was in flight when a connection ends is still in the store and goes again, under the same
number, with the next one.
"""

import asyncio
import math
import random as chance
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog

from gateway.config.model import Identity, Uplink
from gateway.store.packing import BadRecord
from gateway.store.record import Gap, GapReason, Row, Stream
from gateway.uplink import payload
from gateway.uplink.commands import Commands, Reply
from gateway.uplink.endpoint import BrokerLost
from gateway.uplink.mqtt import Connection, Listener, Outgoing, Oversized, Version, VersionRefused, connect
from gateway.uplink.schedule import Due, Rows, Schedule

RETRY_FIRST_S = 1.0
"""First pause before the broker is tried again; doubles up to `retry_max_s`, with full jitter."""
STEADY_S = 10.0
"""A connection that lasted longer starts the pauses anew; a shorter one is one more failure."""
COMMANDS_WAITING = 64
"""Commands that wait for their answer; beyond it they are dropped and counted, and their sender asks again."""
GAPS_PER_REPLY = 500
"""Newest gaps in one reply; all of them are on the gap topic."""
ENVELOPE_BYTES = 512
"""Room for the topic and the header of a packet, when the broker limits its size."""


class Store(Rows, Protocol):
    """What is needed of the store."""

    stored: asyncio.Event

    def acknowledge(self, stream: Stream, seqs: Iterable[int]) -> None:
        """Let go of rows that the broker has."""

    def reported(self, gaps: Iterable[Gap]) -> None:
        """Let go of gaps that the broker has."""

    async def gaps(self) -> Sequence[Gap]:
        """Return the holes that the gateway made and has not reported."""


class Publisher:
    """Feeds one broker from one store. Its counters and states are attributes, for the health."""

    def __init__(
        self,
        config: Uplink,
        identity: Identity,
        store: Store,
        *,
        birth: Callable[[], Mapping[str, Any]],
        status: Callable[[], Mapping[str, Any]],
        command: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.connected = False
        self.connects = 0
        self.published = 0
        self.acked = 0
        self.unreadable = 0
        self.oversized = 0
        self.commands_dropped = 0
        self.last_ack_s = time.monotonic()
        self.last_error = ""
        self._config = config
        self._client_id = config.client_id or f"{identity.site}-{identity.name}"
        self._prefix = f"gridsentinel/{identity.site}/{identity.name}"
        self._store = store
        self._birth = birth
        self._status = status
        self._commands = Commands(alarms=command, gaps=self._list_gaps, rebirth=self.birth_now)
        self._random = random
        self._log = structlog.get_logger("uplink")
        self._version = Version.V5
        self._listens = True
        self._connection: Connection | None = None
        self._wake = store.stored
        self._landed = asyncio.Event()
        self._empty = asyncio.Event()
        self._flying: dict[int, Due | Gap | None] = {}
        self._backlog_flying = 0
        self._acks: dict[Stream, list[int]] = {stream: [] for stream in Stream}
        self._asked: deque[bytes] = deque()
        self._gaps: deque[Gap] = deque()
        self._told: set[Gap] = set()
        self._reported: list[Gap] = []
        self._birth_due = False
        self._status_due_s = 0.0
        self._draining = False

    @property
    def protocol(self) -> str:
        """The version of MQTT that the broker spoke last."""
        return self._version

    @property
    def inflight(self) -> int:
        """Messages that wait for their PUBACK."""
        return len(self._flying)

    async def run(self) -> None:
        """Keep a conversation with the broker, until cancelled or drained."""
        failures = 0
        while not self._draining:
            began_s = math.inf
            try:
                connection = await self._connect()
                began_s = time.monotonic()
                await self._converse(connection)
            except BrokerLost as lost:
                failures = 0 if time.monotonic() - began_s > STEADY_S else failures + 1
                await self._pause(lost, failures)

    def status_now(self) -> None:
        """Publish the status as soon as there is room: something changed."""
        self._status_due_s = -math.inf
        self._wake.set()

    def birth_now(self) -> None:
        """Publish birth and status as soon as there is room: the configuration changed, or somebody asked."""
        self._birth_due = True
        self.status_now()

    async def emptied(self) -> None:
        """Return when the broker has everything that is stored now."""
        self._empty.clear()
        self._wake.set()
        await self._empty.wait()

    async def drain(self, grace_s: float) -> None:
        """Send no more; wait for what is in flight, say goodbye and disconnect."""
        self._draining = True
        self._wake.set()
        connection = self._connection
        if connection is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._landed.wait()
        with suppress(BrokerLost):
            connection.publish(self._offline("stopped"))
            await connection.disconnect()
        self._let_go()

    async def _connect(self) -> Connection:
        listener = Listener(acked=self._on_ack, received=self._on_command, ended=self._on_end)
        try:
            connection = await connect(
                self._config,
                version=self._version,
                client_id=self._client_id,
                will=self._offline("lost"),
                listener=listener,
            )
        except VersionRefused:
            self._version = Version.V5
            raise
        self._version = connection.version
        return connection

    async def _converse(self, connection: Connection) -> None:
        """Serve one connection to its end, which is always a BrokerLost."""
        self._connection, self.connected = connection, True
        self.connects += 1
        self._log.info("broker_connected", url=self._config.url, mqtt=connection.version.value)
        self._told.clear()
        self._gaps.clear()
        self.birth_now()
        self._landed.set()
        try:
            if self._listens and not await connection.subscribe(f"{self._prefix}/command"):
                self._log.warning("commands_refused_by_broker", topic=f"{self._prefix}/command")
            await self._serve(connection, Schedule(self._store, backlog_rate_per_s=self._config.backlog_rate_per_s))
        finally:
            self._let_go()
            self._connection, self.connected = None, False
            connection.abort()
            self._flying.clear()
            self._backlog_flying = 0
            self._asked.clear()

    async def _serve(self, connection: Connection, schedule: Schedule) -> None:
        while not connection.closed.done():
            self._wake.clear()
            self._let_go()
            rest_s = await self._send(connection, schedule)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s if rest_s < math.inf else None):
                    await (self._wake.wait() if rest_s else asyncio.sleep(0))
        raise connection.closed.result()

    async def _send(self, connection: Connection, schedule: Schedule) -> float:
        """Send one message if one may go, and return how long to rest: 0 when another may follow at once."""
        if self._draining or len(self._flying) >= connection.window:
            return math.inf
        own = await self._own_message()
        if own is not None:
            if len(own.payload) <= connection.max_bytes - ENVELOPE_BYTES:
                self._publish(connection, own, None)
            else:
                self._note_oversized(own.topic, len(own.payload), connection.max_bytes)
            return 0
        if self._gaps:
            hole = self._gaps.popleft()
            self._publish(connection, self._outgoing("gap", payload.gap(hole)), hole)
            return 0
        due = await schedule.next(time.monotonic(), backlog=self._backlog_flying < max(1, connection.window // 2))
        if due is not None:
            self._publish(connection, self._message(due, connection.max_bytes), due)
            return 0
        if not self._flying and schedule.wait_s is None:
            self._empty.set()
        until_status_s = max(0.001, self._status_due_s - time.monotonic())
        return until_status_s if schedule.wait_s is None else min(until_status_s, schedule.wait_s)

    def _publish(self, connection: Connection, message: Outgoing, carried: Due | Gap | None) -> None:
        self._flying[connection.publish(message)] = carried
        self._backlog_flying += isinstance(carried, Due) and carried.backlog
        self._landed.clear()
        self.published += 1

    async def _own_message(self) -> Outgoing | None:
        """Return what the gateway has to say about itself, if anything."""
        message = None
        if self._birth_due:
            self._birth_due = False
            message = self._outgoing("birth", payload.to_json({"v": payload.VERSION, **self._birth()}), retain=True)
        elif time.monotonic() >= self._status_due_s:
            self._status_due_s = time.monotonic() + self._config.status_every_s
            holes = await self._store.gaps()
            self._gaps.extend(hole for hole in holes if hole not in self._told)
            self._told = set(holes)
            online = {"v": payload.VERSION, "online": True, **self._status()}
            message = self._outgoing("status", payload.to_json(online), retain=True)
        elif self._asked:
            reply = await self._commands.answer(self._asked.popleft())
            message = self._outgoing("reply", payload.to_json({"v": payload.VERSION, **reply}))
        return message

    def _message(self, due: Due, max_bytes: int) -> Outgoing:
        """Return the message of a row; of one that cannot be sent, the gap that it leaves."""
        row = due.row
        stream, device = row.record.stream, row.record.device
        try:
            body = payload.encode(row, historical=due.historical)
        except BadRecord as bad:
            self.unreadable += 1
            if self.unreadable == 1:
                self._log.error("row_unreadable", stream=stream.value, seq=row.seq, reason=str(bad))
            return self._outgoing("gap", payload.gap(_hole(row, GapReason.CORRUPT)))
        if len(body) > max_bytes - ENVELOPE_BYTES:
            self._note_oversized(f"{stream}/{device}", len(body), max_bytes)
            return self._outgoing("gap", payload.gap(_hole(row, GapReason.SIZE)))
        return self._outgoing("alarm" if stream is Stream.ALARM else f"{stream}/{device}", body)

    def _note_oversized(self, topic: str, size: int, max_bytes: int) -> None:
        self.oversized += 1
        if self.oversized == 1:
            self._log.error("message_oversized", topic=topic, bytes=size, max_bytes=max_bytes)

    def _outgoing(self, topic: str, body: bytes, *, retain: bool = False) -> Outgoing:
        return Outgoing(f"{self._prefix}/{topic}", body, retain)

    def _offline(self, reason: str) -> Outgoing:
        body = payload.to_json({"v": payload.VERSION, "online": False, "reason": reason})
        return self._outgoing("status", body, retain=True)

    async def _list_gaps(self) -> Reply:
        gaps = await self._store.gaps()
        return {"count": len(gaps), "gaps": [payload.gap_fields(hole) for hole in gaps[-GAPS_PER_REPLY:]]}

    def _on_ack(self, mid: int) -> None:
        carried = self._flying.pop(mid)
        self.acked += 1
        self.last_ack_s = time.monotonic()
        match carried:
            case Due(row=row):
                self._backlog_flying -= carried.backlog
                self._acks[row.record.stream].append(row.seq)
            case Gap():
                self._reported.append(carried)
        if not self._flying:
            self._landed.set()
        self._wake.set()

    def _on_command(self, body: bytes) -> None:
        if len(self._asked) < COMMANDS_WAITING:
            self._asked.append(body)
        else:
            self.commands_dropped += 1
        self._wake.set()

    def _on_end(self) -> None:
        self._landed.set()
        self._wake.set()

    def _let_go(self) -> None:
        """Tell the store what the broker has, all that came since last time at once."""
        for stream, seqs in self._acks.items():
            if seqs:
                self._store.acknowledge(stream, tuple(seqs))
                seqs.clear()
        if self._reported:
            self._store.reported(tuple(self._reported))
            self._reported.clear()

    async def _pause(self, lost: BrokerLost, failures: int) -> None:
        """Wait before the next attempt, longer each time and by chance, so that gateways do not come back as one."""
        if self._draining:
            return
        self._listens = not isinstance(lost, Oversized)
        longest_s = min(self._config.retry_max_s, RETRY_FIRST_S * 2.0 ** min(failures, 32))
        pause_s = self._random() * longest_s
        if str(lost) != self.last_error or failures == 0:
            self._log.warning("broker_lost", url=self._config.url, reason=str(lost), retry_s=round(pause_s, 1))
        self.last_error = str(lost)
        await asyncio.sleep(pause_s)


def _hole(row: Row, reason: GapReason) -> Gap:
    return Gap(row.record.stream, row.seq, row.seq, row.record.start_ns, row.record.end_ns, reason, 1)
