"""The connections on the wire, in a table of fixed size: a flood of new ones can only push out one another.

A connection waits among the `strange` until both sides spoke; only then it is one of the `familiar`. When either is
full, the one that was silent for longest goes. So a flood that nobody answers costs no conversation its state.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from protocols.model import EventKind
from protocols.tap.dissector import Conversation, Flow
from protocols.tap.network.load import Load, Loads
from protocols.tap.network.packet import Broken
from protocols.tap.sightings import Seen, Sightings

MOST_FAMILIAR: Final = 2048
"""Connections whose two sides speak; a substation has some hundreds."""
MOST_STRANGE: Final = 512
"""Connections of which one side was seen only: half-open, one way, or closed."""
SPARED_AT_ONCE: Final = 8
"""Connections that are spared for having spoken lately before one goes in any case: the price of an eviction."""

Key: TypeAlias = bytes
"""Source address, target address, source port, target port, as they stand in the packet."""
Deliver: TypeAlias = Callable[..., None]


class Way:
    """One direction of a connection.

    `expected` is the next sequence number, -1 before its first payload; `first` that of its first byte where the
    opening was seen, `again` that of a new opening which nobody answered yet. `deliver` takes its bytes, `asks` is
    whether these are requests, `unread` whether nobody reads them. `hops` is what its packets come with, 0 before the
    first that tells. `tail` are the last bytes before `expected`,
    `waiting` segments that came too early, `strays` how many came from nowhere since which number was expected, and
    `second` reads what may have been said in place of what was delivered.
    """

    __slots__ = (
        "again", "asks", "deliver", "expected", "first", "from_client", "hops", "key",
        "link", "load", "mac", "second", "strays", "tail", "time_ns", "unread", "waiting",
    )  # fmt: skip

    def __init__(self, key: Key, load: Load, *, from_client: bool) -> None:
        self.key, self.load, self.from_client = key, load, from_client
        self.asks = from_client
        self.mac = b""
        self.hops = 0
        self.expected = self.first = self.again = -1
        self.deliver: Deliver = _nobody
        self.unread = False
        self.tail = b""
        self.second: Second | None = None
        self.waiting: Waiting | None = None
        self.strays = 0, -1
        self.time_ns = 0
        self.link: Link

    @property
    def back(self) -> "Way":
        """The other direction."""
        link = self.link
        return link.server if self.from_client else link.client


class Waiting:
    """Segments that came before what they follow: sequence number and bytes, since when, and how many bytes.

    Two may have the same number, if their bytes are not the same.
    """

    __slots__ = ("octets", "segments", "since_ns")

    def __init__(self, since_ns: int) -> None:
        self.segments: list[tuple[int, bytes]] = []
        self.since_ns, self.octets = since_ns, 0


class Second:
    """Reads another version of what one side said: the number that it stands at, and how many bytes more."""

    __slots__ = ("expected", "left", "reads")

    def __init__(self, reads: Conversation, expected: int, left: int) -> None:
        self.reads, self.expected, self.left = reads, expected, left


class Link:
    """A connection: its two ways, who they are, and what reads it. `told` is whether its pair was told already.

    `reader` makes another that reads like `conversation`.
    """

    __slots__ = (
        "answered",
        "client",
        "closed",
        "conversation",
        "familiar",
        "flow",
        "open_ns",
        "reader",
        "server",
        "stamp_ns",
        "told",
    )

    def __init__(self, client: Way, server: Way, flow: Flow, time_ns: int) -> None:
        self.client, self.server, self.flow = client, server, flow
        self.conversation: Conversation | None = None
        self.reader: Callable[[], Conversation] | None = None
        self.answered = self.told = self.familiar = self.closed = False
        self.stamp_ns = self.open_ns = time_ns
        client.link = server.link = self
        client.time_ns = time_ns


class Flows:
    """All connections of one transport. `ways` finds each direction; `evicted` went for want of room.

    `gapped` are directions in which something waits for what is missing.
    """

    def __init__(self, loads: Loads, ways: dict[Key, Way]) -> None:
        self.ways = ways
        self.gapped: set[Way] = set()
        self.opened = self.evicted = 0
        self._loads = loads
        self._familiar: OrderedDict[Link, None] = OrderedDict()
        self._strange: OrderedDict[Link, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._familiar)

    def strange(self) -> Iterator[Link]:
        """Go through those of which only one side was seen."""
        return iter(self._strange)

    def open(self, key: Key, flow: Flow, time_ns: int) -> Link:
        """Take in a new connection; `key` is that of its client's way. One with the same key is forgotten."""
        other = reverse(key)
        if other == key:
            raise Broken("IP source is the target")
        for each in (key, other):
            if (known := self.ways.get(each)) is not None:
                self.close(known.link)
        if len(self._strange) >= MOST_STRANGE:
            self._make_room(self._strange)
        size = (len(key) - 4) // 2
        source, target = key[:size], key[size:-4]
        client = Way(key, self._loads.of(source, target), from_client=True)
        server = Way(other, self._loads.of(target, source), from_client=False)
        client.load.users += 1
        server.load.users += 1
        link = Link(client, server, flow, time_ns)
        self.ways[key], self.ways[other] = client, server
        self._strange[link] = None
        self.opened += 1
        return link

    def promote(self, link: Link) -> None:
        """Both sides of a connection spoke."""
        if link.familiar:
            return
        del self._strange[link]
        if len(self._familiar) >= MOST_FAMILIAR:
            self._make_room(self._familiar)
        self._familiar[link] = None
        link.familiar = True
        for way in (link.client, link.server):
            if not way.load.source:  # it was opened in a flood
                size = (len(way.key) - 4) // 2
                way.load = self._loads.of(way.key[:size], way.key[size:-4], apart=True)
                way.load.users += 1

    def demote(self, link: Link) -> None:
        """A connection was closed: it is kept for what may still come, as long as there is room."""
        link.closed = True
        if not link.familiar:
            return
        del self._familiar[link]
        if len(self._strange) >= MOST_STRANGE:
            self._make_room(self._strange)
        self._strange[link] = None
        link.familiar = False

    def close(self, link: Link) -> None:
        """Forget a connection."""
        (self._familiar if link.familiar else self._strange).pop(link, None)
        for way in (link.client, link.server):
            if self.ways.pop(way.key, None) is not None:
                way.load.users -= 1
            self.gapped.discard(way)
        del link.client, link.server  # no ring of references: memory is given back at once

    def _make_room(self, among: OrderedDict[Link, None]) -> None:
        for _ in range(SPARED_AT_ONCE):
            oldest = next(iter(among))
            heard_ns = max(oldest.client.time_ns, oldest.server.time_ns)
            if heard_ns <= oldest.stamp_ns:
                break
            oldest.stamp_ns = heard_ns
            among.move_to_end(oldest)
        oldest = next(iter(among))
        self.close(oldest)
        self.evicted += not oldest.closed


def _nobody(*, from_client: bool, data: memoryview, time_ns: int) -> None:
    """Take bytes before it is known who reads them."""


def reverse(key: Key) -> Key:
    """Return the key of the other direction."""
    size = (len(key) - 4) // 2
    return key[size:-4] + key[:size] + key[-2:] + key[-4:-2]


def tell_pair(notes: Sightings, link: Link, time_ns: int) -> Seen | None:
    """Say who talks to whom; return what can be counted when it is said again."""
    flow = link.flow
    protocol, port = ("udp", "UDP port") if flow.datagrams else ("tcp", "port")
    return notes.note(
        EventKind.PAIR,
        time_ns,
        f"{flow.client} talks to {flow.server} {port} {flow.port}",
        source=flow.client,
        target=flow.server,
        port=flow.port,
        protocol=protocol,
        function=protocol,
        about=(flow.port, link.answered),
        answered=link.answered,
        opened="syn" if flow.sure else "seen",
    )
