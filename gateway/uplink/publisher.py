"""Brings every stored message to the broker, and lets go of it only when the broker has it.

One task sends and is woken by what changes: rows were stored, a PUBACK came, the connection ended, a status is due,
the backlog may go on. What was in flight when a connection ends is still in the store and goes again, under the same
number, with the next one.
"""

import asyncio
import math
import random as chance
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from gateway.config.model import Identity, Uplink
from gateway.store.record import Gap
from gateway.uplink import flight
from gateway.uplink.backoff import Backoff
from gateway.uplink.endpoint import BrokerLost
from gateway.uplink.flight import Carried, Flight
from gateway.uplink.format import Format
from gateway.uplink.holes import Holes
from gateway.uplink.message import Incoming, Outgoing
from gateway.uplink.mqtt import Connection, Listener, Oversized, Version, VersionRefused, connect
from gateway.uplink.schedule import Due, Rows, Schedule
from gateway.uplink.writer import Writer


class HostLost(BrokerLost):
    """The broker is there, and nobody behind it whom the format would talk to."""


class Store(Rows, flight.Store, Protocol):
    """What is needed of the store."""

    stored: asyncio.Event

    async def gaps(self) -> Sequence[Gap] | None:
        """Return the holes that the gateway made and has not reported; None while the disk refuses."""

    def hurry(self) -> None:
        """Let go now of what was acknowledged, so that the next connection does not send it again."""


class Publisher:
    """Feeds one broker from one store. Its counters and states are attributes, for the health.

    `protocol` is the version of MQTT that the broker spoke last.
    """

    def __init__(
        self,
        config: Uplink,
        identity: Identity,
        store: Store,
        form: Format,
        *,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.connected = False
        self.connects = 0
        self.published = 0
        self.acked = 0
        self.commands_swallowed = 0
        self.last_ack_s = time.monotonic()
        self.last_error = ""
        self.protocol: str = Version.V5
        self.format = form
        self._config = config
        self._client_id = config.client_id or f"{identity.site}-{identity.name}"
        self._store = store
        self._backoff = Backoff(config.retry_first_s, config.retry_max_s, random)
        self._log = structlog.get_logger("uplink")
        self._version = Version.V5
        self._listens = True
        self._connection: Connection | None = None
        self._wake = store.stored
        self._empty = asyncio.Event()
        self._writer = Writer(form, store.lost)
        self._flight = Flight(store, hold_s=form.hold_s)
        self._holes = Holes()
        self._status_due_s = 0.0
        self._draining = False
        self._gone_s = time.monotonic()

    @property
    def inflight(self) -> int:
        """Messages that wait for the broker's acknowledgement."""
        return len(self._flight)

    @property
    def unreadable(self) -> int:
        """Rows that were damaged on disk."""
        return self._writer.unreadable

    @property
    def oversized(self) -> int:
        """Messages that the broker would not have taken."""
        return self._writer.oversized

    @property
    def held(self) -> int:
        """Rows that the broker has and that stay in the store for a while all the same."""
        return self._flight.held

    async def run(self) -> None:
        """Keep a conversation with the broker, until cancelled or drained."""
        while not self._draining:
            began_s = math.inf
            try:
                connection = await self._connect()
                began_s = time.monotonic()
                await self._converse(connection)
            except BrokerLost as lost:
                await self._pause(lost, self._backoff.pause_s(time.monotonic() - began_s))

    def status_now(self) -> None:
        """Publish the status as soon as there is room: something changed."""
        self._status_due_s = -math.inf
        self._wake.set()

    def birth_now(self) -> None:
        """Publish birth and status as soon as there is room: the configuration changed, or somebody asked."""
        self.format.birth_now()
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
        connection.prove()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._flight.landed.wait()
        self._flight.let_go(math.inf)
        await self._depart(connection)

    async def _depart(self, connection: Connection) -> None:
        with suppress(BrokerLost):
            connection.publish(self.format.farewell())
            await connection.disconnect(with_will=self.format.with_will)

    async def _connect(self) -> Connection:
        listener = Listener(acked=self._on_ack, received=self._on_message, ended=self._on_end)
        await self.format.prepare()
        try:
            connection = await connect(
                self._config,
                version=self._version,
                client_id=self._client_id,
                will=self.format.will,
                listener=listener,
            )
        except VersionRefused:
            self._version = Version.V5
            raise
        self.protocol = connection.version
        self._version = connection.version if connection.sure else Version.V5
        return connection

    async def _converse(self, connection: Connection) -> None:
        """Serve one connection to its end, which is always a BrokerLost."""
        self._connection = connection
        self.connects += 1
        self._log.info("broker_connected", url=self._config.url, mqtt=connection.version.value)
        self._holes.forget()
        self._status_due_s = -math.inf
        self.format.begin()
        try:
            await self._listen(connection)
            await self._await_host(connection)
            self.connected = True
            await self._serve(connection)
        finally:
            self._flight.let_go(time.monotonic())
            self._flight.crash()
            self._store.hurry()
            self._connection, self.connected = None, False
            self._gone_s = time.monotonic()
            connection.abort()

    def _schedule(self, *, away_s: float) -> Schedule:
        begins_s = time.monotonic() + self._backoff.spread_s(away_s)
        return Schedule(self._store, backlog_rate_per_s=self._config.backlog_rate_per_s, backlog_from_s=begins_s)

    async def _listen(self, connection: Connection) -> None:
        topics = [*self.format.watched, *(self.format.commanded if self._listens else ())]
        if topics and not await connection.subscribe(topics):
            self._log.warning("commands_refused_by_broker", topic=" ".join(topics))

    async def _await_host(self, connection: Connection) -> None:
        """Wait while nobody is there to talk to; what is stored meanwhile is backlog."""
        while not self.format.ready and not connection.closed.done():
            self._wake.clear()
            await self._wake.wait()

    async def _serve(self, connection: Connection) -> None:
        schedule = self._schedule(away_s=time.monotonic() - self._gone_s)
        while not connection.closed.done():
            self._wake.clear()
            self._flight.let_go(time.monotonic())
            if not self.format.ready:
                await self._depart(connection)
                raise HostLost("nobody listens behind the broker")
            rest_s = await self._send(connection, schedule)
            if self.format.rewound():
                self._flight.recall()
                self._holes.forget()
                self._status_due_s = -math.inf
                schedule = self._schedule(away_s=0.0)
            if rest_s:
                rest_s = min(rest_s, self.format.rest_s, self._flight.rest_s(time.monotonic()))
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s if rest_s < math.inf else None):
                    await (self._wake.wait() if rest_s else asyncio.sleep(0))
        raise connection.closed.result()

    async def _send(self, connection: Connection, schedule: Schedule) -> float:
        """Send one message if one may go, and return how long to rest: 0 when another may follow at once."""
        window = connection.window if self.format.qos else self._config.inflight
        if self._draining or len(self._flight) >= window:
            return math.inf
        own = await self._own_message()
        if own is not None:
            if self._writer.fits(own, connection.max_bytes):
                self._publish(connection, own, None)
            return 0
        if hole := self._holes.next():
            self._publish(connection, self._writer.hole(hole, connection.max_bytes), hole)
            return 0
        due = await schedule.next(time.monotonic(), backlog=self._flight.backlog < max(1, window // 2))
        if due is not None:
            self._send_row(connection, due)
            return 0
        if not self._flight and schedule.wait_s is None:
            self._empty.set()
        until_status_s = max(0.001, self._status_due_s - time.monotonic())
        return until_status_s if schedule.wait_s is None else min(until_status_s, schedule.wait_s)

    def _send_row(self, connection: Connection, due: Due) -> None:
        messages = self._writer.row(due, connection.max_bytes)
        for message in messages[:-1]:
            self._publish(connection, message, None)
        self._publish(connection, messages[-1], due)

    async def _own_message(self) -> Outgoing | None:
        """Return what the gateway has to say about itself, if anything."""
        if time.monotonic() >= self._status_due_s:
            self._status_due_s = time.monotonic() + self._config.status_every_s
            if (gaps := await self._store.gaps()) is not None:
                self._holes.look(gaps)
            self.format.status_now()
        return await self.format.own()

    def _publish(self, connection: Connection, message: Outgoing, carried: Carried) -> None:
        self._flight.take_off(connection.publish(self.format.stamp(message)), carried)
        self.published += 1

    def _on_ack(self, mid: int) -> None:
        self.acked += 1
        self.last_ack_s = time.monotonic()
        self._flight.land(mid, self.last_ack_s)
        self._wake.set()

    def _on_message(self, message: Incoming) -> None:
        self.format.received(message)
        self._wake.set()

    def _on_end(self) -> None:
        self._flight.landed.set()
        self._wake.set()

    async def _pause(self, lost: BrokerLost, pause_s: float) -> None:
        """Say once why there is no conversation, and wait before the next attempt."""
        if self._draining:
            return
        self._listens = not isinstance(lost, Oversized)
        self.commands_swallowed += isinstance(lost, Oversized)
        if str(lost) != self.last_error or self._backoff.failures == 0:
            self._log.warning("broker_lost", url=self._config.url, reason=str(lost), retry_s=round(pause_s, 1))
        self.last_error = str(lost)
        await asyncio.sleep(pause_s)
