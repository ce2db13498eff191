"""From one NBIRTH to the next: who has been born, under which aliases, and the number of each message.

Rows of a device that is lost or no longer configured must be told between a birth and a death, too: it is born for
them and dies again when no more have come for a moment. What only says that a dead device is lost, its death has said:
of such a row only the number goes, so that the ledger is whole.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.core.messages import Change, Summary
from gateway.store.packing import alarm_of, change_of, report_of, summary_of
from gateway.store.record import Stream
from gateway.uplink.format import Sources
from gateway.uplink.message import Outgoing
from gateway.uplink.schedule import Due
from gateway.uplink.sparkplug.device import UNKNOWN, Device
from gateway.uplink.sparkplug.node import Node, Told
from gateway.uplink.sparkplug.topics import Topics
from protocols.model import Quality

AFTERLIFE_S = 2.0
"""How long a device that was born for its old rows only waits for more of them: they are sent in a row."""
DATA_QOS = 0
"""Sparkplug 3.0 clause 4.2: births, data and the deaths of devices."""


@dataclass(slots=True)
class Member:
    """A device in a session. `until_s` is when it dies again, if it was born for its old rows only."""

    metrics: Device
    until_s: float | None = None


class Session:
    """The births and data of one configuration. `births` counts the devices that were told."""

    def __init__(self, topics: Topics, sources: Sources, older: "Session | None", *, windows: bool) -> None:
        self._topics = topics
        self._sources = sources
        self._windows = windows
        self._aliases = itertools.count(1)
        self._description = sources.birth()
        self._configured: Mapping[str, Any] = {
            name: device for name, device in self._description.get("devices", {}).items() if device["points"]
        }
        self.node: Node = Node(self._aliases, sources, older.node.told if older else Told())
        self.members: dict[str, Member] = {}
        self._older = older.members if older else {}

    def birth(self, bdseq: int) -> Outgoing:
        """Return the NBIRTH."""
        return self.of_node("NBIRTH", self.node.birth(bdseq, self._description.get("config_hash"), now_ms()))

    def end(self) -> None:
        """The connection is over: the broker has told everybody's death."""
        for member in self.members.values():
            member.metrics.born = False

    def leave(self, newer: "Session") -> Sequence[Outgoing]:
        """Return the deaths of those that the births of `newer`, which follow, will not name."""
        links = self._sources.links()
        born = [(name, member) for name, member in self.members.items() if member.metrics.born]
        return [self._death(name, member) for name, member in born if not newer.wants(name, links)]

    def wants(self, name: str, links: Mapping[str, bool]) -> bool:
        """Return whether a device is one of ours and answers, so that it is to be alive at the host."""
        return name in self._configured and links.get(name, True)

    def next(self) -> Outgoing | None:
        """Return the next birth or death that the links ask for, if any."""
        links = self._sources.links()
        for name in {**self._configured, **self.members}:
            member, wanted = self.members.get(name), self.wants(name, links)
            alive = member is not None and member.metrics.born
            if wanted and (not alive or (member is not None and member.until_s is not None)):
                return self._birth(name, self._member(name))
            if member is not None and alive and not wanted and time.monotonic() >= (member.until_s or 0):
                return self._death(name, member)
        return None

    def row(self, due: Due) -> Sequence[Outgoing]:
        """Return the messages of a row: its data, and before it a birth where one is needed.

        Raises:
            BadRecord: it is not what was written.
        """
        record = due.row.record
        match record.stream:
            case Stream.TELEMETRY:
                return self._data(summary_of(record), due)
            case Stream.CHANGE:
                return self._data(change_of(record), due)
            case Stream.ALARM:
                alarm = alarm_of(record)
                told = self.node.alarm(due.row, alarm, historical=due.historical, now_ms=now_ms())
                return (self.of_node("NDATA", told),)
            case Stream.REPORT:
                told = self.node.report(due.row, report_of(record), historical=due.historical, now_ms=now_ms())
                return (self.of_node("NDATA", told),)

    def of_node(self, verb: str, payload: bytes) -> Outgoing:
        """Return a message of the node."""
        return Outgoing(self._topics.of_node(verb), payload, qos=DATA_QOS)

    def _data(self, message: Summary | Change, due: Due) -> Sequence[Outgoing]:
        member = self._member(message.device)
        metrics = member.metrics
        if not metrics.born and _only_lost(message):
            return (self.of_node("NDATA", self.node.spared(due.row, now_ms())),)
        births = []
        if metrics.grow(dict.fromkeys(message.points, UNKNOWN)) or not metrics.born:
            births.append(self._birth(message.device, member))
        if member.until_s is not None:
            member.until_s = time.monotonic() + AFTERLIFE_S
        historical = due.historical or member.until_s is not None
        payload = metrics.data(message, due.row, historical=historical, now_ms=now_ms())
        return (*births, self._of_device("DDATA", message.device, payload))

    def _member(self, name: str) -> Member:
        if name not in self.members:
            member = Member(Device(self._aliases, windows=self._windows))
            member.metrics.grow(self._configured.get(name, {}).get("points", {}))
            if name in self._older:
                member.metrics.told.inherit(self._older[name].metrics.told)
            self.members[name] = member
        return self.members[name]

    def _birth(self, name: str, member: Member) -> Outgoing:
        readings = self._sources.readings(name) if name in self._configured else None
        wanted = self.wants(name, self._sources.links())
        member.until_s = None if wanted else time.monotonic() + AFTERLIFE_S
        return self._of_device("DBIRTH", name, member.metrics.birth(readings, now_ms()))

    def _death(self, name: str, member: Member) -> Outgoing:
        member.until_s = None
        return self._of_device("DDEATH", name, member.metrics.death(now_ms()))

    def _of_device(self, verb: str, name: str, payload: bytes) -> Outgoing:
        return Outgoing(self._topics.of_device(verb, name), payload, qos=DATA_QOS)


def now_ms() -> int:
    """Return the time as Sparkplug has it: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def _only_lost(message: Summary | Change) -> bool:
    """Return whether it holds no reading and says of every point that the device is lost."""
    read = message.count.any() if isinstance(message, Summary) else False
    return not read and bool(np.all(message.quality & np.uint16(Quality.COMM_LOST)))
