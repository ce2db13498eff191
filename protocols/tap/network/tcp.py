"""TCP as a listener sees it: who opened, who answered, what each side said in order.

An opening of ports that are in use still is believed when it is answered: a forged SYN must not blind us. In the same
way a RST or FIN ends nothing by itself: the connection is only kept among the strange ones from then on.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from struct import Struct
from typing import Final

from protocols.tap.dissector import Flow, Trace
from protocols.tap.network import doubt, order
from protocols.tap.network.addresses import text
from protocols.tap.network.flows import Flows, Key, Link, Way, reverse, tell_pair
from protocols.tap.network.load import Loads
from protocols.tap.network.packet import Broken, Frame, Packet
from protocols.tap.network.stacks import Stacks
from protocols.tap.network.strangers import Strangers
from protocols.tap.network.sweeps import Sweeps
from protocols.tap.registry import dissector
from protocols.tap.sightings import NS, Seen, Sightings

FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16
URG: Final = 32
UNANSWERED_NS: Final = 3 * NS
"""After so long an opening counts as not answered: the first retransmission comes after one second (RFC 6298)."""
MOST_PAIRS: Final = 512
"""Pairs whose next connection is only counted; some clients open one for each poll."""

_PORTS: Final = Struct(">HH")
_HEAD: Final = Struct(">IxxxxBB")
_NUMBER: Final = Struct(">I")
_POINTER: Final = Struct(">H")


class Tcp:
    """All TCP connections. `ports` says which protocol is spoken on which server port."""

    def __init__(
        self, notes: Sightings, loads: Loads, strangers: Strangers, ports: Mapping[int, str], *, trace: Trace | None
    ) -> None:
        self.ways: dict[Key, Way] = {}
        self.flows = Flows(loads, self.ways)
        self._notes, self._loads, self._strangers = notes, loads, strangers
        self._ports, self._trace = ports, trace
        self._sweeps, self._stacks = Sweeps("tcp", "tcp", notes), Stacks(notes)
        self._pairs: dict[tuple[str, str, int, bool, bool], Seen] = {}

    def packet(self, frame: Frame, packet: Packet, mac: bytes, time_ns: int) -> None:
        """Look at a packet that carries a segment."""
        start, end = packet.start, packet.end
        if end < start + 20:
            raise Broken("TCP header length")
        if len(frame) < start + 20:
            raise Broken("truncated")
        number, header, flags = _HEAD.unpack_from(frame, start + 4)
        payload = start + (header >> 4) * 4
        if payload < start + 20 or payload > end:
            raise Broken("TCP header length")
        key = packet.source + packet.target + frame[start : start + 4]
        hops = packet.hops
        self.segment(frame, key, mac, hops, number, flags, start=start, payload=payload, end=end, time_ns=time_ns)

    def segment(  # noqa: C901, PLR0913 - as they come out of the frame: an object or a call more would cost as much
        self,
        frame: Frame,
        key: Key,
        mac: bytes,
        hops: int,
        number: int,
        flags: int,
        *,
        start: int,
        payload: int,
        end: int,
        time_ns: int,
    ) -> None:
        """Look at a segment whose header begins at `start`, its payload at `payload`."""
        if flags & (FIN | RST) if flags & SYN else not flags & (RST | ACK):
            raise Broken("TCP flags")  # no stack sends that; scanners do, to see how a host reacts
        way = self.ways.get(key)
        if flags & SYN:
            number = (number + 1) & order.ROUND
            if flags & ACK:
                way = self._answer(way, key, number, _NUMBER.unpack_from(frame, start + 8)[0], time_ns)
            else:
                way = self._opening(way, key, number, time_ns)
        elif way is None and payload < end:
            way = self._underway(key, time_ns)
        if way is None:
            self._unknown(key, mac, time_ns)
            return
        way.load.frames += 1
        way.time_ns = time_ns
        if way.mac != mac or way.hops != hops:
            self._other(way, mac, hops, flags, time_ns)
        if way.back.waiting is not None and flags & ACK and number == way.expected:
            order.acknowledged(way.back, _NUMBER.unpack_from(frame, start + 8)[0], time_ns)
        if payload < end:
            data = memoryview(frame)[payload:end]
            urgent = _POINTER.unpack_from(frame, start + 18)[0] if flags & URG else -1
            self._payload(way, number, data, end - payload, time_ns, urgent=urgent)
        if flags & RST:
            self._reset(way, number, time_ns)
        elif flags & FIN:
            self.flows.demote(way.link)

    def tell(self, now_ns: int) -> None:
        """Say which openings nobody answered, and give up what is missing for too long."""
        for way in tuple(self.flows.gapped):
            order.overdue(way, now_ns)
            if way.waiting is None:
                self.flows.gapped.discard(way)
        for link in self.flows.strange():
            if not link.told and now_ns - link.open_ns > UNANSWERED_NS:
                self._tell(link, now_ns)

    def _other(self, way: Way, mac: bytes, hops: int, flags: int, time_ns: int) -> None:
        """Look at who sends now, if it is another than before."""
        if way.mac != mac:
            way.mac = mac
            self._strangers.met(mac, way.key[: (len(way.key) - 4) // 2], time_ns)
        if way.hops != hops and not flags & (SYN | RST):
            self._stacks.met(way, mac, hops, time_ns)

    def _unknown(self, key: Key, mac: bytes, time_ns: int) -> None:
        """Count a segment that belongs to nothing and says nothing."""
        size = (len(key) - 4) // 2
        self._loads.of(key[:size], key[size:-4]).frames += 1
        self._strangers.met(mac, key[:size], time_ns)

    def _opening(self, way: Way | None, key: Key, first: int, time_ns: int) -> Way:
        """Take a SYN; `first` is the number of the first byte that will follow."""
        if way is not None and way.link.familiar:
            way.again = first
            return way
        if way is not None and way.from_client and way.first == first:
            return way
        client = self._open(key, sure=True, time_ns=time_ns).client
        client.first = first
        size = (len(key) - 4) // 2
        self._sweeps.asked(client.link.flow.client, key[size:-4] + key[-2:], time_ns)
        return client

    def _answer(self, way: Way | None, key: Key, first: int, acknowledged: int, time_ns: int) -> Way:
        """Take a SYN+ACK: it proves who is the client, also where the opening itself was not captured."""
        if way is None or way.back.first != acknowledged or way.from_client:
            if way is not None and way.link.familiar and way.back.again != acknowledged:
                return way  # forged, or so late that the stream itself will tell
            link = self._open(reverse(key), sure=True, time_ns=time_ns)
            link.client.first = acknowledged
            way = link.server
        way.first = first
        self._answered(way.link, time_ns)
        return way

    def _underway(self, key: Key, time_ns: int) -> Way:
        """Take in a connection that was opened before we looked: the port says who the server may be."""
        source, target = _PORTS.unpack(key[-4:])
        if source in self._ports or (target not in self._ports and source < target):
            return self._open(reverse(key), sure=False, time_ns=time_ns).server
        return self._open(key, sure=False, time_ns=time_ns).client

    def _open(self, key: Key, *, sure: bool, time_ns: int) -> Link:
        size = (len(key) - 4) // 2
        port = _PORTS.unpack(key[-4:])[1]
        flow = Flow(text(key[:size]), text(key[size:-4]), port, self._notes, sure=sure, trace=self._trace)
        return self.flows.open(key, flow, time_ns)

    def _payload(self, way: Way, number: int, data: memoryview, length: int, time_ns: int, *, urgent: int = -1) -> None:
        """Take the payload of a segment: `data` is what was captured of its `length` bytes, `urgent` one of them."""
        if way.expected < 0:
            self._first_words(way, way.link, time_ns)
        if way.unread:
            return
        order.segment(way, number, data, time_ns)
        if way.waiting is not None:
            self.flows.gapped.add(way)
        if urgent >= 0:
            doubt.urgent(way, number, data, urgent, time_ns)
        if len(data) < length and way.expected == (number + len(data)) & order.ROUND:
            order.skip(way, number + length)

    def _first_words(self, way: Way, link: Link, time_ns: int) -> None:
        if link.conversation is None:
            self._begin(link)
        if link.conversation is not None:
            way.deliver = link.conversation.data
        else:
            way.unread, way.expected = True, 0
        if way.back.expected >= 0:
            self._answered(link, time_ns)

    def _begin(self, link: Link) -> None:
        """Find what reads a connection. One that a server's port opens to another has its roles the other way round."""
        flow, source = link.flow, _PORTS.unpack(link.client.key[-4:])[0]
        backwards = flow.port not in self._ports and source in self._ports
        port = source if backwards else flow.port
        if port not in self._ports:
            return
        if backwards:
            flow = replace(flow, client=flow.server, server=flow.client, port=port, sure=False)
            link.client.asks, link.server.asks = False, True
        reads = dissector(self._ports[port])
        link.conversation, link.reader = reads(flow), partial(reads, replace(flow, sure=False, trace=None))

    def _answered(self, link: Link, time_ns: int) -> None:
        self.flows.promote(link)
        if not link.answered:
            link.answered = True
            if link.flow.sure:
                self._sweeps.answered(link.flow.client)
            self._tell(link, time_ns)

    def _reset(self, way: Way, number: int, time_ns: int) -> None:
        if not way.unread and way.expected >= 0 and number != way.expected:
            return  # no host would believe it: RFC 5961 clause 3.2
        if not way.link.told:
            self._tell(way.link, time_ns)
        self.flows.demote(way.link)

    def _tell(self, link: Link, time_ns: int) -> None:
        link.told = True
        flow = link.flow
        pair = flow.client, flow.server, flow.port, link.answered, flow.sure
        known = self._pairs.get(pair)
        if known is not None and self._notes.again(known, time_ns):
            return
        seen = tell_pair(self._notes, link, time_ns)
        if seen is not None:
            if len(self._pairs) >= MOST_PAIRS:
                self._pairs.clear()
            self._pairs[pair] = seen
