"""What stands behind a driver while its server answers: the session, its subscriptions, and the nodes by their ids.

Nothing of it outlives the connection, because a server that was started anew may number its namespaces otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from protocols.driver import Clock
from protocols.opcua import encoding
from protocols.opcua.binary import Found
from protocols.opcua.codec import Item, nanoseconds
from protocols.opcua.config import Address, OpcuaDevice, Watched
from protocols.opcua.session import Session, read_requests
from protocols.opcua.status import FILTER_REFUSED, bad, name
from protocols.opcua.subscriptions import Missed, Subscriptions, Take

NAMESPACES: Final = 2255
STARTED: Final = 2257
NOW: Final = 2258
PRODUCT, MANUFACTURER, SOFTWARE, BUILD = 2261, 2263, 2264, 2265
MOST_READ: Final = 11705
MOST_WATCHED: Final = 11714
"""Nodes of namespace 0 by their number, OPC 10000-5: what every server says of itself."""

QUEUE: Final = 10
"""Samples a server is asked to keep for each value at least: a few publishing intervals without an answer."""
LONGEST_QUEUE: Final = 1000
SPARE_INTERVALS: Final = 4
"""Publishing intervals whose samples the server is asked to keep."""


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself: UTC nanoseconds, 0 where it says none."""

    identity: str
    started_ns: int
    now_ns: int
    namespaces: tuple[str, ...]


class Connection:
    """A session with its subscriptions. `refused` says why rows are not watched."""

    def __init__(self, session: Session, server: Server, subscriptions: Subscriptions) -> None:
        self.session, self.server, self.subscriptions = session, server, subscriptions
        self.refused: dict[int, str] = {}
        self._requests: dict[int, list[bytes]] = {}
        self._subscriptions: dict[str, int] = {}

    @classmethod
    async def open(cls, device: OpcuaDevice, clock: Clock, take: Take, missed: Missed) -> "Connection":
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
        return cls(session, server, Subscriptions(session, take, missed))

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
        """See that the server speaks, and renew the keys of the channel when it is time.

        Raises:
            LinkLost: it is silent.
        """
        self.subscriptions.check()
        await self.session.renew(timeout_s)

    async def close(self) -> None:
        """End the session."""
        await self.session.close()

    async def _create(
        self, device: OpcuaDevice, subscription: int, points: Sequence[Watched], *, filtered: bool
    ) -> list[Item]:
        samples = ceil(SPARE_INTERVALS * device.publishing_ms / max(device.sampling_ms, 1))
        queue = min(max(QUEUE, samples), LONGEST_QUEUE)
        wanted = [
            encoding.Watching(
                self._node(point.address), point.row, device.sampling_ms, point.deadband if filtered else 0.0, queue
            )
            for point in points
        ]
        found = await self.session.watch(subscription, wanted)
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


async def _server(session: Session) -> Server:
    asked = [NAMESPACES, STARTED, NOW, MANUFACTURER, PRODUCT, SOFTWARE, BUILD, MOST_READ, MOST_WATCHED]
    names, started, now, *words, most_read, most_watched = await session.facts(asked)
    if isinstance(most_read, int) and most_read > 0:
        session.most_read = min(session.most_read, most_read)
    if isinstance(most_watched, int) and most_watched > 0:
        session.most_watched = min(session.most_watched, most_watched)
    said = [each[0] for each in words if isinstance(each, tuple) and each and each[0]]
    return Server(
        " ".join(said)[:200],
        nanoseconds(started) if isinstance(started, int) else 0,
        nanoseconds(now) if isinstance(now, int) else 0,
        names if isinstance(names, tuple) else (),
    )
