"""The subscriptions of a session: the server always holds some publish requests to answer, and none may stay silent.

A publish response brings changes, or nothing (a keep-alive). What its number shows to be missing is asked for again;
what was handed on is acknowledged with a later request (OPC 10000-4 clause 5.14).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from protocols.driver import LinkLost
from protocols.opcua import encoding
from protocols.opcua.acknowledgements import Acknowledgements
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.codec import Header, Notified, Refused, Service, notified, republished
from protocols.opcua.config import OpcuaDevice
from protocols.opcua.handshake import Subscribed, subscribed
from protocols.opcua.order import MOST_AGAIN, Order
from protocols.opcua.session import Session
from protocols.opcua.status import BAD_TIMEOUT, BAD_TOO_MANY_PUBLISH_REQUESTS, FORGOTTEN, bad, name
from protocols.opcua.waiting import fail, settle

SPARE_REQUESTS: Final = 2
"""Publish requests beyond one for each subscription, so that an answer never waits for a round trip."""
LEAST_KEEPALIVES: Final = 10
"""Keep-alives without a publish request after which the server may forget a subscription; 3 are the least allowed."""
MOST_NOTIFICATIONS: Final = 1000
"""Notifications in one response: 30 KiB, so that none is near the longest message."""
CATCH_UP_INTERVALS: Final = 2
"""Publishing intervals within which a server begins to send what it has kept."""
MOST_FRUITLESS: Final = 3
"""A session that was so often taken up again, and nothing came of it, is given up."""


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes what is sent. `missed` is told the device and what is missing; while `full`, no more is asked for."""

    take: Callable[[Notified], None]
    missed: Callable[[str, str], None]
    full: Callable[[], bool]


@dataclass(slots=True)
class Subscription:
    """What is watched for one device, and how long it may say nothing."""

    made: Subscribed
    device: str
    silence_s: float
    heard: float
    order: Order = field(default_factory=Order)


class Subscriptions:
    """All subscriptions of `session`. `ended` says why the server keeps them no longer.

    `fruitless` counts how often they were taken up again since something was heard of one.
    """

    def __init__(self, session: Session, taker: Taker) -> None:
        self.ended: str | None = None
        self.fruitless = 0
        self.acknowledgements = Acknowledgements()
        self._session, self._taker = session, taker
        self._loop = asyncio.get_running_loop()
        self._known: dict[int, Subscription] = {}
        self._waiting = 0
        self._most_waiting: int | None = None
        self._pausing = False
        self._behind: set[int] = set()
        self._news = asyncio.Event()

    @property
    def lifetime_s(self) -> float:
        """How long the server keeps all of them while nobody asks."""
        return min((each.made.lifetime_s for each in self._known.values()), default=0.0)

    async def create(self, device: OpcuaDevice) -> int:
        """Subscribe for `device` and return the subscription's id; its items are not watched yet.

        Raises:
            Refused, TimeoutError, LinkLost: as `Session.ask`.
        """
        interval_ms = device.publishing_ms
        keepalives = max(1, ceil(device.keepalive_s * 1000 / interval_ms))
        parameters = encoding.create_subscription(
            publishing_ms=interval_ms,
            lifetime=max(keepalives * LEAST_KEEPALIVES, ceil(device.outage_s * 1000 / interval_ms)),
            keepalive=keepalives,
            most=MOST_NOTIFICATIONS,
        )
        future: asyncio.Future[int] = self._loop.create_future()

        def made(head: Header, reader: Reader) -> None:
            """Know the subscription at once: what it brings may stand in the same packet."""
            if bad(head.status):
                fail(future, Refused(Service.CREATE_SUBSCRIPTION, head.status))
                return
            settle(future, self._made(device, subscribed(reader)))

        self._session.channel.send(Service.CREATE_SUBSCRIPTION, parameters, made, future)
        async with asyncio.timeout(device.timeout_s):
            return await future

    async def resume(self) -> None:
        """Go on where the channel before broke: first comes again what was sent on it and did not arrive.

        Raises:
            Refused: the server has forgotten a subscription.
            LinkLost, TimeoutError, Violation: as `Session.ask`.
        """
        self._waiting, self._most_waiting = 0, None
        self._heard_now()
        for each in self._known.values():
            if each.order.held:
                await self._fill(each)
            for _ in range(MOST_AGAIN):
                if not await self._again(each, each.order.following):
                    break
        self._behind = set(self._known)
        self._ask_more()

    async def catch_up(self, limit_s: float) -> None:
        """Wait until the server has sent what it has kept, which is older than what is read next; `limit_s` at most.

        Raises:
            LinkLost, Violation: the conversation is over.
        """
        patience_s = CATCH_UP_INTERVALS * max(each.made.interval_s for each in self._known.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._behind:
                    self._news.clear()
                    async with asyncio.timeout(patience_s):
                        await self._news.wait()
        if self._session.channel.lost is not None:
            raise self._session.channel.lost

    async def tend(self) -> None:
        """See that the server speaks; ask again for what is missing, and for more if there is room.

        Raises:
            LinkLost, Refused, Violation: a subscription is silent, or the conversation is over.
        """
        self._check()
        try:
            for each in [each for each in self._known.values() if each.order.held]:
                await self._fill(each)
        except TimeoutError as error:
            raise LinkLost(f"a notification is missing and does not come again: {error}") from None
        self._ask_more()

    def _check(self) -> None:
        if self._session.channel.lost is not None:
            raise self._session.channel.lost
        if self.ended is not None:
            raise LinkLost(self.ended)
        now = self._loop.time()
        for each in self._known.values() if not self._pausing else ():
            if now - each.heard > each.silence_s:
                raise LinkLost(f"no keep-alive in {now - each.heard:.1f} s, {each.silence_s:.1f} s are allowed")

    def _made(self, device: OpcuaDevice, found: Subscribed) -> int:
        silence_s = found.keepalive_s + device.timeout_s
        self._known[found.id] = Subscription(found, device.name, silence_s, self._loop.time())
        self._ask_more()
        return found.id

    def _ask_more(self) -> None:
        paused, self._pausing = self._pausing, self._pause()
        if self._pausing:
            return
        if paused:
            self._heard_now()
        wanted = self._most_waiting or len(self._known) + SPARE_REQUESTS
        while self._waiting < wanted and self.ended is None and self._session.channel.lost is None:
            self._waiting += 1
            parameters = encoding.publish(self.acknowledgements.take())
            self._session.channel.send(Service.PUBLISH, parameters, self._published)

    def _pause(self) -> bool:
        """Return whether there is no room, or something is missing that comes before all else."""
        held = any(each.order.held for each in self._known.values())
        return held or self._taker.full() or self.acknowledgements.full

    def _heard_now(self) -> None:
        """Count the silence of the server from now on: until now it was ours."""
        for each in self._known.values():
            each.heard = self._loop.time()

    def _published(self, head: Header, reader: Reader) -> None:
        """Take the answer to a publish request; called by the channel.

        Raises:
            Violation: it is none.
        """
        self._waiting -= 1
        if not bad(head.status):
            self._notified(notified(reader))
        elif head.status == BAD_TOO_MANY_PUBLISH_REQUESTS and self._waiting:
            self._most_waiting = self._waiting
        elif head.status != BAD_TIMEOUT:
            self.ended = f"the server ends the subscription: {name(head.status)}"
        self._ask_more()

    def _notified(self, seen: Notified) -> None:
        subscription = self._known.get(seen.subscription)
        if subscription is None:
            raise Violation(f"subscription {seen.subscription} was not made")
        subscription.heard = self._loop.time()
        if subscription.order.arrived(seen):
            self._take(subscription, seen)

    async def _fill(self, subscription: Subscription) -> None:
        """Ask again for what is missing, and take what was held because of it."""
        for number in subscription.order.missing():
            if await self._again(subscription, number):
                subscription.order.came_again(number)
        first, *others = subscription.order.release()
        self._take(subscription, first)
        for seen in others:
            if subscription.order.arrived(seen):
                self._take(subscription, seen)

    async def _again(self, subscription: Subscription, number: int) -> bool:
        """Take a notification that did not arrive; return whether the server still has it.

        Raises:
            Refused: it has forgotten the subscription.
        """
        try:
            reader = await self._session.ask(Service.REPUBLISH, encoding.republish(subscription.made.id, number))
        except Refused as refused:
            if refused.status in FORGOTTEN:
                self.ended = str(refused)
                raise
            return False
        seen = republished(reader, subscription.made.id)
        if seen.sequence != number or seen.keep_alive:
            return False  # a server that has it no more may say so by an empty one
        self._take(subscription, seen)
        return True

    def _take(self, subscription: Subscription, seen: Notified) -> None:
        if missing := subscription.order.step(seen):
            self._taker.missed(subscription.device, missing)
        self.fruitless = 0
        self._news.set()
        if not seen.more:
            self._behind.discard(seen.subscription)
        if seen.keep_alive:
            return
        self.acknowledgements.arrived(seen.subscription, seen.sequence)
        if seen.closed:
            self.ended = f"the server ends the subscription: {name(seen.closed)}"
        self._taker.take(seen)
