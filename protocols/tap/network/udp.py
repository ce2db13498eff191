"""UDP as a listener sees it: who asks whom, and the datagrams of the protocols that are spoken over it."""

from collections.abc import Mapping
from struct import Struct
from typing import Final

from protocols.tap.dissector import Flow, Trace
from protocols.tap.network.addresses import text
from protocols.tap.network.flows import Flows, Key, Link, Way, reverse, tell_pair
from protocols.tap.network.load import Loads
from protocols.tap.network.packet import Broken, Frame, Packet
from protocols.tap.network.strangers import Strangers
from protocols.tap.registry import DATAGRAMS, dissector
from protocols.tap.sightings import Sightings

HEADER: Final = 8

_HEAD: Final = Struct(">HHH")


class Udp:
    """All pairs that exchange datagrams."""

    def __init__(
        self, notes: Sightings, loads: Loads, strangers: Strangers, ports: Mapping[int, str], *, trace: Trace | None
    ) -> None:
        self.flows = Flows(loads, {})
        self._notes, self._strangers, self._trace = notes, strangers, trace
        self._ports = {port: protocol for port, protocol in ports.items() if protocol in DATAGRAMS}

    def packet(self, frame: Frame, packet: Packet, mac: bytes, time_ns: int) -> None:
        """Look at a datagram."""
        start = packet.start
        if packet.end < start + HEADER:
            raise Broken("UDP length")
        if len(frame) < start + HEADER:
            raise Broken("truncated")
        source, target, length = _HEAD.unpack_from(frame, start)
        if length < HEADER or start + length > packet.end:
            raise Broken("UDP length")
        key = packet.source + packet.target + frame[start : start + 4]
        way = self.flows.ways.get(key)
        if way is None:
            way = self._open(key, source, target, time_ns)
        way.load.frames += 1
        way.time_ns = time_ns
        if way.mac != mac:
            way.mac = mac
            self._strangers.met(mac, packet.source, time_ns)
        if way.expected < 0:
            self._first_words(way, way.link, time_ns)
        if not way.unread and length > HEADER:
            way.deliver(
                from_client=way.from_client, data=memoryview(frame)[start + HEADER : start + length], time_ns=time_ns
            )

    def _open(self, key: Key, source: int, target: int, time_ns: int) -> Way:
        """Take in a new pair: who speaks first asks, unless a port says that it is the server."""
        size = (len(key) - 4) // 2
        asks = not (source in self._ports and target not in self._ports)
        client = key if asks else reverse(key)
        port = target if asks else source
        flow = Flow(text(client[:size]), text(client[size:-4]), port, self._notes, datagrams=True, trace=self._trace)
        link = self.flows.open(client, flow, time_ns)
        return link.client if asks else link.server

    def _first_words(self, way: Way, link: Link, time_ns: int) -> None:
        way.expected = 0
        if link.conversation is None and (protocol := self._ports.get(link.flow.port)):
            link.conversation = dissector(protocol)(link.flow)
        if link.conversation is not None:
            way.deliver = link.conversation.data
        else:
            way.unread = True
        if way.back.expected >= 0:
            self.flows.promote(link)
            link.answered = True
        tell_pair(self._notes, link, time_ns)
