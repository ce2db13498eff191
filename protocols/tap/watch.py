"""The tap's front door: frames in, sightings out. Pure: time comes with the frames, nothing is read or sent.

Most frames are the next segment of a connection that is known. They are recognised with one look at fixed positions;
all others go the long way, which trusts no length.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final

from protocols.model import Event, EventKind
from protocols.tap.dissector import Trace
from protocols.tap.network import packet
from protocols.tap.network.addresses import text
from protocols.tap.network.doubt import TAIL
from protocols.tap.network.fragments import Fragments
from protocols.tap.network.load import Load, Loads
from protocols.tap.network.packet import Broken, Frame, Packet
from protocols.tap.network.strangers import Strangers
from protocols.tap.network.tcp import Tcp
from protocols.tap.network.udp import Udp
from protocols.tap.registry import PORTS, layer2
from protocols.tap.sightings import NS, Sightings

_USUAL: Final = Struct(">6x6s3sxHxxIxx12sI4xBB")
"""Ethernet without a tag, IPv4 without options, TCP: source, EtherType with version and length, total, fragment with
TTL and protocol, addresses and ports, sequence number, header, flags."""
_IPV4: Final = b"\x08\x00\x45"
_WHOLE_TCP: Final = 6
_NO_TTL: Final = 0x3FFF_00FF
_USUAL_BYTES: Final = 54
_unpack: Final = _USUAL.unpack_from
_NO_IP: Final = b""
_ARP: Final = 0x0806
_HEARD_BYTES: Final = 18
"""The EtherType stands within, also behind one tag."""
MOST_HEARD: Final = 256
"""Beginnings of GOOSE frames that are found at once: addresses, and APPID with length, or tag."""


class Heard:
    """Frames without IP that begin alike: whom they count for, from whom to whom, what reads them, and from where."""

    __slots__ = ("at", "frame", "load", "source", "target")

    def __init__(self, load: Load, source: bytes, target: bytes, at: int, frame: Callable[..., None]) -> None:
        self.load, self.source, self.target, self.at, self.frame = load, source, target, at, frame


class Watch:
    """Looks at every frame of a wire for `device`. `ports` adds server ports: 10502 -> "modbus".

    `frames`, `octets`, `malformed`, `truncated`, `fragments` and `faults` count since the start. A fault is an
    exception that a dissector must not raise: the frame is left, `fault` keeps what it was.
    """

    def __init__(self, device: str, *, ports: Mapping[int, str] | None = None, trace: Trace | None = None) -> None:
        self.frames = self.octets = self.malformed = self.truncated = self.fragments = self.faults = 0
        self.fault: Exception | None = None
        self.notes = notes = Sightings(device)
        self._loads, self._strangers = Loads(), Strangers(notes)
        spoken = {**PORTS, **(ports or {})}
        self._tcp = Tcp(notes, self._loads, self._strangers, spoken, trace=trace)
        self._udp = Udp(notes, self._loads, self._strangers, spoken, trace=trace)
        self._layer2 = layer2(notes, trace)
        self._fragments = Fragments()
        self._familiar: dict[bytes, Heard] = {}
        self._ways, self._segment = self._tcp.ways, self._tcp.segment
        self._second = 0

    @property
    def flows(self) -> int:
        """Connections that are known now."""
        return len(self._tcp.flows) + len(self._udp.flows)

    @property
    def talkers(self) -> int:
        """Addresses that spoke for the first time, since the start."""
        return self._strangers.talkers

    @property
    def evicted(self) -> int:
        """Connections, addresses, publishers, fragments, requests and what is known of devices that made room."""
        flows = self._tcp.flows.evicted + self._udp.flows.evicted
        others = self.notes.remembered.forgotten + sum(each.forgotten for each in self._layer2.values())
        return flows + self._strangers.evicted + self._fragments.forgotten + others

    def frame(self, data: Frame, time_ns: int, vlan: int = 0) -> None:  # noqa: ARG002 - the same hosts on any VLAN
        """Look at one frame, from its hardware addresses on; `vlan` is the tag that the kernel took off."""
        self.frames += 1
        size = len(data)
        self.octets += size
        try:
            if size >= _USUAL_BYTES:
                mac, kind, total, piece, key, number, header, flags = _unpack(data)
                start, end = 34 + (header >> 4) * 4, 14 + total
                if kind == _IPV4 and piece & _NO_TTL == _WHOLE_TCP and _USUAL_BYTES <= start <= end <= size:
                    way = self._ways.get(key)
                    hops = piece >> 8 & 0xFF
                    if way is None or flags & 0x37 != 0x10 or way.mac != mac or way.hops != hops:
                        self._segment(
                            data, key, mac, hops, number, flags, start=34, payload=start, end=end, time_ns=time_ns
                        )
                    elif start == end or way.unread:
                        way.load.frames += 1
                        way.time_ns = time_ns
                    elif (
                        way.expected == number
                        and way.waiting is None
                        and way.second is None
                        and way.back.waiting is None
                    ):
                        way.load.frames += 1
                        way.time_ns = time_ns
                        way.expected = (number + end - start) & 0xFFFF_FFFF
                        said = memoryview(data)[start:end]
                        way.tail = (way.tail + said)[-TAIL:]
                        way.deliver(from_client=way.asks, data=said, time_ns=time_ns)
                    else:
                        self._segment(
                            data, key, mac, hops, number, flags, start=34, payload=start, end=end, time_ns=time_ns
                        )
                    return
                heard = self._familiar.get(bytes(data[:_HEARD_BYTES]))
                if heard is not None:
                    heard.load.frames += 1
                    heard.frame(
                        source=heard.source,
                        target=heard.target,
                        payload=memoryview(data)[heard.at :],
                        time_ns=time_ns,
                    )
                    return
            self._any(data, time_ns)
        except Broken as broken:
            self._broken(data, broken.why, time_ns)
        except Exception as fault:  # noqa: BLE001 - the last net: a frame must not end the watch
            self.faults += 1
            self.fault = fault

    def take(self, now_ns: int) -> list[Event]:
        """Hand out what was seen; once a second also what takes a second to be seen."""
        if now_ns // NS != self._second:
            self._second = now_ns // NS
            self._tcp.tell(now_ns)
            for each in self._layer2.values():
                each.tick(now_ns)
            self._strangers.tell(now_ns)
            self._loads.tell(now_ns, self.notes)
        return self.notes.take(now_ns)

    def _any(self, data: Frame, time_ns: int) -> None:
        source = bytes(data[6:12])
        kind, at = packet.ethertype(data)
        if kind == packet.IPV4:
            self._ip(data, packet.ipv4(data, at), source, time_ns)
        elif kind == packet.IPV6:
            self._ip(data, packet.ipv6(data, at), source, time_ns)
        else:
            self._below_ip(data, kind, at, time_ns)

    def _ip(self, data: Frame, found: Packet, mac: bytes, time_ns: int) -> None:
        if found.end > len(data):
            self.truncated += 1
        if found.fragment is not None:
            self.fragments += 1
            if found.protocol == packet.TCP:  # stacks cut their segments to fit: who does not hides something
                self._broken(data, "IP fragment of TCP", time_ns)
            whole = self._fragments.whole(data, found, time_ns)
            if whole is not None:
                data, found = whole, packet.carried(whole, found._replace(start=0, end=len(whole), fragment=None))
        if found.protocol == packet.TCP and found.fragment is None:
            self._tcp.packet(data, found, mac, time_ns)
        elif found.protocol == packet.UDP and found.fragment is None:
            self._udp.packet(data, found, mac, time_ns)
        else:
            self._loads.of(found.source, found.target).frames += 1
            self._strangers.met(mac, found.source, time_ns)

    def _below_ip(self, data: Frame, kind: int, at: int, time_ns: int) -> None:
        source, target = bytes(data[6:12]), bytes(data[:6])
        load = self._loads.of(source, target)
        load.frames += 1
        self._strangers.met(source, _NO_IP, time_ns)
        found = self._layer2.get(kind)
        if found is not None:
            if at <= _HEARD_BYTES and kind != _ARP and load.source:  # one that counts for itself
                self._hear(bytes(data[:_HEARD_BYTES]), Heard(load, source, target, at, found.frame))
            found.frame(source=source, target=target, payload=memoryview(data)[at:], time_ns=time_ns)

    def _hear(self, head: bytes, heard: "Heard") -> None:
        """Find the next frame with the same beginning at once."""
        if len(self._familiar) >= MOST_HEARD:
            for each in self._familiar.values():
                each.load.users -= 1
            self._familiar.clear()
        heard.load.users += 1
        self._familiar[head] = heard

    def _broken(self, data: Frame, why: str, time_ns: int) -> None:
        self.malformed += 1
        layer = why.partition(" ")[0].lower()
        self.notes.note(
            EventKind.MALFORMED,
            time_ns,
            f"a frame that cannot be: {why}",
            source=text(bytes(data[6:12])),
            target=text(bytes(data[:6])),
            protocol=layer if layer in ("ip", "tcp", "udp") else "ethernet",
            about=why,
            raw=data,
            why=why,
            fatal=True,
        )
