"""The subscriptions of a session: the server always holds some publish requests to answer, and none may stay silent.

A publish response brings changes, or nothing (a keep-alive). Its sequence number tells what is missing; what was taken
is acknowledged with the next request (OPC 10000-4 clause 5.14).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from protocols.driver import LinkLost
from protocols.opcua import encoding
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.codec import Header, Notified, Refused, Service, notified
from protocols.opcua.config import OpcuaDevice
from protocols.opcua.handshake import Subscribed, subscribed
from protocols.opcua.session import Session
from protocols.opcua.status import BAD_TIMEOUT, BAD_TOO_MANY_PUBLISH_REQUESTS, bad, name
from protocols.opcua.waiting import fail, settle

SPARE_REQUESTS: Final = 2
"""Publish requests beyond one for each subscription, so that an answer never waits for a round trip."""
LIFETIME_KEEPALIVES: Final = 10
"""Keep-alives without a publish request after which the server forgets a subscription; 3 are the least allowed."""
MOST_NOTIFICATIONS: Final = 1000
"""Notifications in one response: 30 KiB, so that none is near the longest message."""
LAST_SEQUENCE: Final = 2**32 - 1

Take = Callable[[Notified], None]
Missed = Callable[[str, str], None]
"""Told the device and what is missing."""


@dataclass(slots=True)
class Subscription:
    """What is watched for one device. `silence_s` is how long it may say nothing."""

    id: int
    device: str
    silence_s: float
    heard: float
    next_sequence: int = 1


class Subscriptions:
    """All subscriptions of `session`."""

    def __init__(self, session: Session, take: Take, missed: Missed) -> None:
        self._session, self._take, self._missed = session, take, missed
        self._loop = asyncio.get_running_loop()
        self._known: dict[int, Subscription] = {}
        self._acknowledge: list[tuple[int, int]] = []
        self._waiting = 0
        self._most_waiting: int | None = None
        self._ended: str | None = None

    async def create(self, device: OpcuaDevice) -> int:
        """Subscribe for `device` and return the subscription's id; its items are not watched yet.

        Raises:
            Refused, TimeoutError, LinkLost: as `Session.ask`.
        """
        interval_ms = device.publishing_ms
        keepalives = max(1, ceil(device.keepalive_s * 1000 / interval_ms))
        parameters = encoding.create_subscription(
            publishing_ms=interval_ms,
            lifetime=keepalives * LIFETIME_KEEPALIVES,
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

    def check(self) -> None:
        """Do nothing while the server still speaks.

        Raises:
            LinkLost, Violation: a subscription is silent, or the conversation is over.
        """
        if self._session.channel.lost is not None:
            raise self._session.channel.lost
        if self._ended is not None:
            raise LinkLost(self._ended)
        now = self._loop.time()
        for each in self._known.values():
            if now - each.heard > each.silence_s:
                raise LinkLost(f"no keep-alive in {now - each.heard:.1f} s, {each.silence_s:.1f} s are allowed")

    def _made(self, device: OpcuaDevice, found: Subscribed) -> int:
        silence_s = found.keepalive_s + device.timeout_s
        self._known[found.id] = Subscription(found.id, device.name, silence_s, self._loop.time())
        self._ask_more()
        return found.id

    def _ask_more(self) -> None:
        wanted = self._most_waiting or len(self._known) + SPARE_REQUESTS
        while self._waiting < wanted and self._ended is None and self._session.channel.lost is None:
            acknowledged, self._acknowledge = self._acknowledge, []
            self._waiting += 1
            self._session.channel.send(Service.PUBLISH, encoding.publish(acknowledged), self._published)

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
            self._ended = f"the server ends the subscription: {name(head.status)}"
        self._ask_more()

    def _notified(self, seen: Notified) -> None:
        subscription = self._known.get(seen.subscription)
        if subscription is None:
            raise Violation(f"subscription {seen.subscription} was not made")
        subscription.heard = self._loop.time()
        if seen.sequence != subscription.next_sequence:
            missing = f"notification {subscription.next_sequence} was expected, {seen.sequence} came"
            self._missed(subscription.device, missing)
        if seen.keep_alive:
            subscription.next_sequence = seen.sequence
            return
        subscription.next_sequence = seen.sequence % LAST_SEQUENCE + 1
        self._acknowledge.append((seen.subscription, seen.sequence))
        if seen.closed:
            self._ended = f"the server ends the subscription: {name(seen.closed)}"
        self._take(seen)
