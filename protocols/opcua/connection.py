"""What stands behind a driver while its server answers: the session, its subscriptions, and the nodes by their ids.

It outlives a broken link as long as the server keeps its side. Nothing of it outlives the server, because one that was
started anew may number its namespaces otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from protocols.driver import Clock, LinkLost
from protocols.opcua import encoding
from protocols.opcua.binary import Found
from protocols.opcua.codec import Item, Refused, nanoseconds
from protocols.opcua.config import Address, OpcuaDevice, Watched
from protocols.opcua.session import Session, read_requests
from protocols.opcua.status import FILTER_REFUSED, bad, name
from protocols.opcua.subscriptions import MOST_FRUITLESS, Subscriptions, Taker

NAMESPACES: Final = 2255
STARTED: Final = 2257
NOW: Final = 2258
PRODUCT, MANUFACTURER, SOFTWARE, BUILD = 2261, 2263, 2264, 2265
MOST_READ: Final = 11705
MOST_WATCHED: Final = 11714
"""Nodes of namespace 0 by their number, OPC 10000-5: what every server says of itself."""

MOST_TEXT: Final = 64
"""Characters of each part of an identity."""
QUEUE: Final = 10
"""Samples a server is asked to keep for each value at least: a few publishing intervals without an answer."""
LONGEST_QUEUE: Final = 1000
"""Samples at most: 50 KiB for each value, in a server that knows no better."""
SPARE_INTERVALS: Final = 4
"""Publishing intervals whose samples the server is asked to keep, at least."""
GRANTED: Final = 0.99
"""Share of what was asked that is as good as all of it: servers count in whole intervals."""


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself: UTC nanoseconds, 0 where it says none."""

    identity: str
    started_ns: int
    now_ns: int
    namespaces: tuple[str, ...]
    build: Mapping[str, str] = field(default_factory=dict)
    """Each part of its identity that it tells: manufacturer, product, software, build."""


class Connection:
    """A session with its subscriptions. `refused` says why rows are not watched; it is `whole` when all others are."""

    def __init__(self, session: Session, server: Server, subscriptions: Subscriptions) -> None:
        self.session, self.server, self.subscriptions = session, server, subscriptions
        self.refused: dict[int, str] = {}
        self.whole = False
        self._granted = 1.0
        """The least share of the queue that was asked for a value, and is kept."""
        self._requests: dict[int, list[bytes]] = {}
        self._subscriptions: dict[str, int] = {}

    @classmethod
    async def open(cls, device: OpcuaDevice, clock: Clock, taker: Taker) -> "Connection":
        """Connect to the server of `device`.

        Raises:
            OSError, LinkLost, TimeoutError, Refused, Violation: nobody answers, not in this protocol, or not to us.
        """
        session = await Session.open(device, clock)
        try:
            server = await _server(session)
        except BaseException:
            session.channel.close()
            raise
        return cls(session, server, Subscriptions(session, taker))

    @property
    def resumable(self) -> bool:
        """Whether the server may still keep all of it, and taking it up has not failed too often."""
        return self.whole and self.subscriptions.ended is None and self.subscriptions.fruitless < MOST_FRUITLESS

    async def resume(self, clock: Clock) -> str | None:
        """Take everything up on a new channel (OPC 10000-4 clause 6.7), or return why it is gone.

        Raises:
            OSError, LinkLost, TimeoutError, Violation: nobody answers, or not in this protocol; it may be tried again.
        """
        before = self.server
        try:
            await self.session.reopen(clock)
            self.subscriptions.fruitless += 1
            await self.session.activate()
            self.server = await _server(self.session)
            if (self.server.started_ns, self.server.namespaces) != (before.started_ns, before.namespaces):
                gone = "it was started anew"  # whoever has the same numbers there, it is not us
            else:
                await self.subscriptions.resume()
                return None
        except Refused as refused:
            gone = str(refused)
        except BaseException:
            self.hang_up()
            raise
        self.hang_up()
        return gone

    def kept(self, device: OpcuaDevice) -> str | None:
        """Return what the server keeps while the link is broken, or None if it is what was asked for."""
        session_s, lifetime_s, queue = self.session.timeout_s, self.subscriptions.lifetime_s, self._granted
        if min(session_s, lifetime_s) >= device.outage_s * GRANTED and queue >= GRANTED:
            return None
        return (
            f"while the link is broken it keeps the session {session_s:.0f} s, subscriptions {lifetime_s:.0f} s and "
            f"{queue * _queue(device):.0f} samples; {device.outage_s:g} s and {_queue(device)} samples were asked"
        )

    def prepare(self, key: int, points: Sequence[Watched]) -> None:
        """Make the requests that read `points`, to be asked by `key`."""
        nodes = [self._node(point.address) for point in points]
        self._requests[key] = read_requests(nodes, self.session.most_read)

    async def read(self, key: int, timeout_s: float) -> list[Found]:
        """Read what was prepared under `key`; as `Session.read`."""
        return await self.session.read(self._requests[key], timeout_s)

    async def watch(self, device: OpcuaDevice, points: Sequence[Watched]) -> None:
        """Let the server tell changes of `points`, in a subscription of their own; `refused` tells which it will not.

        Raises:
            Refused, TimeoutError, LinkLost: as `Session.ask`.
        """
        if device.name not in self._subscriptions:
            self._subscriptions[device.name] = await self.subscriptions.create(device)
        subscription = self._subscriptions[device.name]
        most = self.session.most_watched
        for start in range(0, len(points), most):
            some = points[start : start + most]
            found = await self._create(device, subscription, some, filtered=True)
            again = [point for point, item in zip(some, found, strict=True) if item.status in FILTER_REFUSED]
            self._note(some, found)
            if again:
                self._note(again, await self._create(device, subscription, again, filtered=False))

    async def tend(self, timeout_s: float) -> None:
        """See that the server speaks and nothing is missing, and renew the keys of the channel when it is time.

        Raises:
            LinkLost, Refused, Violation: it is silent, or the conversation is over.
        """
        await self.subscriptions.tend()
        await self.session.renew(timeout_s)

    def hang_up(self) -> None:
        """Break the link, and leave the session to be taken up again."""
        self.session.channel.end(LinkLost("given up"))

    async def close(self) -> None:
        """End the session."""
        await self.session.close()

    async def _create(
        self, device: OpcuaDevice, subscription: int, points: Sequence[Watched], *, filtered: bool
    ) -> list[Item]:
        queue = _queue(device)
        wanted = [
            encoding.Watching(
                self._node(point.address), point.row, device.sampling_ms, point.deadband if filtered else 0.0, queue
            )
            for point in points
        ]
        found = await self.session.watch(subscription, wanted)
        self._granted = min([self._granted, *(item.queue / queue for item in found if not bad(item.status))])
        return found[: len(points)] + [Item(_MISSING, 0, 0)] * (len(points) - len(found))

    def _note(self, points: Sequence[Watched], found: Sequence[Item]) -> None:
        for point, item in zip(points, found, strict=True):
            self.refused.pop(point.row, None)
            if bad(item.status):
                self.refused[point.row] = self._why(point.address, item.status)

    def _why(self, address: Address, status: int) -> str:
        if address.uri is not None and address.uri not in self.server.namespaces:
            return f"the server has no namespace {address.uri}"
        return name(status)

    def _node(self, address: Address) -> bytes:
        """Return the node id by which this server, as it runs now, knows `address`."""
        namespace = address.namespace
        if address.uri is not None:
            known = self.server.namespaces
            namespace = known.index(address.uri) if address.uri in known else _NOWHERE
        return encoding.node(address, namespace)


_NOWHERE: Final = 0xFFFF
"""No server has so many namespaces: a node there is unknown to it, and is answered so."""
_MISSING: Final = 0x8009_0000
"""BadUnknownResponse: fewer results than items."""


def _queue(device: OpcuaDevice) -> int:
    """Return how many samples of each value the server is asked to keep: those of an outage, within bounds."""
    kept_ms = max(SPARE_INTERVALS * device.publishing_ms, device.outage_s * 1000)
    return min(max(QUEUE, ceil(kept_ms / max(device.sampling_ms, 1))), LONGEST_QUEUE)


async def _server(session: Session) -> Server:
    asked = [NAMESPACES, STARTED, NOW, MANUFACTURER, PRODUCT, SOFTWARE, BUILD, MOST_READ, MOST_WATCHED]
    names, started, now, *words, most_read, most_watched = await session.facts(asked)
    if isinstance(most_read, int) and most_read > 0:
        session.most_read = min(session.most_read, most_read)
    if isinstance(most_watched, int) and most_watched > 0:
        session.most_watched = min(session.most_watched, most_watched)
    said = [each[0] for each in words if isinstance(each, tuple) and each and each[0]]
    build = {
        name: each[0][:MOST_TEXT]
        for name, each in zip(("manufacturer", "product", "software", "build"), words, strict=True)
        if isinstance(each, tuple) and each and each[0]
    }
    return Server(
        " ".join(said)[:200],
        nanoseconds(started) if isinstance(started, int) else 0,
        nanoseconds(now) if isinstance(now, int) else 0,
        names if isinstance(names, tuple) else (),
        build,
    )
