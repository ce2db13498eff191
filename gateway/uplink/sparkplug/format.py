"""Sparkplug B 3.0 as a format: what is said when, and to whom.

    connected ─► the primary host is there ─► NBIRTH ─► DBIRTH of each device that answers ─► data
    a device is lost ─► DDEATH · answers again ─► DBIRTH · a rebirth is asked for ─► NBIRTH and all DBIRTHs anew

Data is QoS 0 by rule, so nobody acknowledges it. A row counts as arrived when the broker has answered something that
was sent after it, and stays in the store for two keep-alives more: what a host may have missed when a link or a broker
died goes again with the next connection, as historical. Duplicates are possible, holes are not.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from gateway.config.model import Identity, Uplink
from gateway.store.record import Gap, Stream
from gateway.uplink.commands import Outcome
from gateway.uplink.desk import Desk
from gateway.uplink.format import Sources
from gateway.uplink.message import Incoming, Outgoing
from gateway.uplink.schedule import Due
from gateway.uplink.sparkplug.bdseq import BdSeq
from gateway.uplink.sparkplug.control import orders
from gateway.uplink.sparkplug.host import Host
from gateway.uplink.sparkplug.node import death
from gateway.uplink.sparkplug.session import DATA_QOS, Session, now_ms
from gateway.uplink.sparkplug.topics import Topics, state_of
from gateway.uplink.sparkplug.wire import BadPayload, numbered

HELD_KEEPALIVES = 2
"""A dead peer is known as such after 1.5 keep-alives: nothing older can have been missed unseen."""
LOOK_S = 0.5
"""How often the links of the devices are looked at."""
REBIRTH_EVERY_S = 5.0
"""Least time between births that hosts ask for: many that come at once share one."""


class SparkplugFormat:
    """The edge node. `ignored` counts commands and STATEs that were none."""

    qos = DATA_QOS
    rest_s = LOOK_S
    with_will = True

    def __init__(self, uplink: Uplink, identity: Identity, sources: Sources) -> None:
        self.hold_s = float(HELD_KEEPALIVES * uplink.keepalive_s)
        self._ignored = 0
        self._topics = Topics(identity.site, identity.name)
        self._host = Host(uplink.primary_host)
        self._state = state_of(uplink.primary_host) if uplink.primary_host else None
        self.watched: Sequence[str] = (self._state,) if self._state else ()
        self.commanded: Sequence[str] = (self._topics.of_node("NCMD"),)
        self._sources = sources
        self._windows = uplink.sparkplug_metrics == "window"
        self._bdseq = BdSeq(sources.states)
        self._desk = Desk(sources, self.birth_now)
        self._session: Session | None = None
        self._births: deque[Outgoing] = deque()
        self._seq = 0
        self._birth_due_s = math.inf
        self._born_s = -math.inf
        self._look_due_s = -math.inf
        self._status_due = False
        self._missed = self._rewound = False

    @property
    def ready(self) -> bool:
        """Whether the primary host is there, if there is to be one."""
        return self._host.online

    @property
    def ignored(self) -> int:
        """Messages that asked or said nothing that is known."""
        return self._ignored + self._host.ignored

    def rewound(self) -> bool:
        """Return, once, whether a host has asked for a birth, or has come anew: what it missed goes again."""
        rewound, self._rewound = self._rewound, False
        return rewound

    async def prepare(self) -> None:
        """Put the number of the next CONNECT on disk."""
        await self._bdseq.reserve()

    def will(self) -> Outgoing:
        """Return the NDEATH for the CONNECT that goes now, which counts one up."""
        self._bdseq.take()
        return self.farewell()

    def farewell(self) -> Outgoing:
        """Return the NDEATH of this connection."""
        return Outgoing(self._topics.of_node("NDEATH"), death(self._bdseq.now, now_ms()))

    def begin(self) -> None:
        """Nobody is born over there, and the host must say again that it is there."""
        self._host.begin()
        self._missed = self._rewound = False
        self._desk.clear()
        self._births.clear()
        if self._session is not None:
            self._session.end()
        self.birth_now()

    def received(self, message: Incoming) -> None:
        """Take a STATE, which is retained, or an NCMD, which never is."""
        if message.topic == self._state:
            if self._host.hear(message.payload):
                self._rebirth()
        elif not message.retain:
            self._command(message.payload)

    def birth_now(self) -> None:
        """Let NBIRTH and all DBIRTHs be next."""
        self._birth_due_s = -math.inf

    def status_now(self) -> None:
        """Let what changed of the node be told, and look at the links."""
        self._status_due = True
        self._look_due_s = -math.inf

    async def own(self) -> Outgoing | None:
        """Return births and deaths, then what changed of the node, then replies."""
        if self._session is None or time.monotonic() >= self._birth_due_s:
            self._session = self._birth(self._session)
        if self._births:
            return self._births.popleft()
        if time.monotonic() >= self._look_due_s:
            message = self._session.next()
            if message is not None:
                return message
            self._look_due_s = time.monotonic() + LOOK_S
        if self._status_due:
            self._status_due = False
            status = self._session.node.status(now_ms())
            if status is not None:
                return self._session.of_node("NDATA", status)
        reply = await self._desk.answer()
        if reply is None:
            return None
        return self._session.of_node("NDATA", self._session.node.reply(reply, now_ms()))

    def row(self, due: Due) -> Sequence[Outgoing]:
        """Return the messages of a row."""
        assert self._session is not None
        self._status_due |= due.row.record.stream is Stream.ALARM
        return self._session.row(due)

    def gap(self, hole: Gap) -> Outgoing:
        """Return the record of a hole, as a metric of the node."""
        assert self._session is not None
        return self._session.of_node("NDATA", self._session.node.gap(hole, now_ms()))

    def stamp(self, message: Outgoing) -> Outgoing:
        """Give a message its number, now that it is written: all have one but the deaths of the node."""
        if message.qos != DATA_QOS:
            return message
        if message.topic == self._topics.of_node("NBIRTH"):
            self._seq = 0
        stamped = replace(message, payload=numbered(message.payload, self._seq))
        self._seq = (self._seq + 1) % 256
        return stamped

    def _birth(self, older: Session | None) -> Session:
        """Begin a session: first the deaths of those who will not be born again, then NBIRTH."""
        session = Session(self._topics, self._sources, older, windows=self._windows)
        self._births.extend(older.leave(session) if older else ())
        self._births.append(session.birth(self._bdseq.now))
        self._rewound, self._missed = self._missed, False
        self._birth_due_s, self._born_s, self._look_due_s = math.inf, time.monotonic(), -math.inf
        return session

    def _rebirth(self) -> None:
        """A host has missed something: let births be next, and then what it may have missed."""
        self._missed = True
        self._birth_due_s = min(self._birth_due_s, self._born_s + REBIRTH_EVERY_S)

    def _command(self, body: bytes) -> None:
        names = self._session.node.names if self._session is not None else {}
        try:
            asked = orders(body, names)
        except BadPayload as bad:
            self._ignored += 1
            self._sources.journal.command(Outcome.MALFORMED, {"error": str(bad), "bytes": len(body)})
            return
        for command in asked:
            if command is None:
                self._sources.journal.command(Outcome.DONE, {"do": "rebirth"})
                self._rebirth()
            else:
                self._desk.put(command)
