"""What else is on a wire: who has which address, names, time, logs, and what switches and routers tell one another."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Final

from simulator.traffic import lan, payloads
from simulator.traffic.plan import MS, NS, Plan, Span, Timed, every
from simulator.wire import address, arp, ethernet, ipv4, udp

BRIDGES, NEIGHBOURS = bytes.fromhex("0180c2000000"), bytes.fromhex("0180c200000e")
VRRP_GROUP, VRRP_GROUP_MAC, VRRP, VRRP_HOPS = "224.0.0.18", bytes.fromhex("01005e000012"), 112, 255
DHCP_TRIP_NS: Final = 20 * MS
LEASE: Final = 1, 2, 3, 5
"""Discover, offer, request, acknowledge."""
NTP: Final = 123
"""A port from which its clients ask, too."""
EPHEMERAL: Final = 49_152


@dataclass(frozen=True)
class Noise:
    """All of it, source by source."""

    plan: Plan

    def sources(self) -> Sequence[Iterator[Timed]]:
        """Return one stream for each kind."""
        devices = lan.DEVICES.values()
        here = [lan.GATEWAY, lan.HMI, *devices]
        return [
            *(self._asks_who(one, other) for one, other in self._neighbours(here)),
            *(self._exchange(one, lan.TIME_SERVER, 123, 256, payloads.time_of) for one in here),
            *(self._exchange(lan.MANAGEMENT, one, 161, 300, payloads.counter_of) for one in devices),
            *(self._exchange(one, lan.MANAGEMENT, 53, 400, payloads.name_of) for one in (lan.GATEWAY, lan.HMI)),
            *(self._logs(one) for one in devices),
            self._spanning_tree(),
            *(self._introduces(mac) for mac in (lan.SWITCH, *map(lan.hardware, lan.ROUTERS))),
            self._routers(),
            self._laptop(),
        ]

    def _neighbours(self, here: Sequence[str]) -> Iterator[tuple[str, str]]:
        for one in here:
            yield one, lan.ROUTER
            yield lan.ROUTERS[0], one
        yield from ((lan.GATEWAY, one) for one in lan.DEVICES.values())
        yield from ((one, lan.TIME_SERVER) for one in here)

    def _awake(self, name: str, each_s: float, span: Span | None = None) -> Iterator[tuple[Random, int]]:
        """Yield moments, as long as the switch forwards."""
        chance = self.plan.chance(name)
        for time_ns in every(chance, span or self.plan.whole[0], each_s, 0.3):
            if time_ns not in self.plan.reboot:
                yield chance, time_ns

    def _asks_who(self, asker: str, asked: str) -> Iterator[Timed]:
        """Ask for a hardware address that the cache has forgotten."""
        for chance, time_ns in self._awake(f"arp {asker} {asked}", 600):
            one = lan.ROUTERS[self._router(time_ns)] if asker in lan.ROUTERS else asker
            mine, theirs = lan.hardware(one), lan.hardware(asked)
            yield time_ns, arp(1, one, asked, hardware=mine).ljust(60, b"\0")
            answer = arp(2, asked, one, hardware=theirs, source=lan.sends(asked, self._router(time_ns)))
            answer = mine + (theirs if asked == lan.ROUTER else answer[6:12]) + answer[12:]
            yield time_ns + chance.randrange(MS // 5, MS), answer.ljust(60, b"\0")

    def _exchange(
        self, client: str, server: str, port: int, each_s: float, payload: Callable[..., bytes]
    ) -> Iterator[Timed]:
        """Send a datagram, get one back."""
        for chance, time_ns in self._awake(f"{client} {server} {port}", each_s):
            ports = port if port == NTP else chance.randrange(EPHEMERAL, 65_535), port
            yield time_ns, self._datagram(client, server, ports, payload(chance, asks=True), time_ns)
            answer = self._datagram(server, client, ports[::-1], payload(chance, asks=False), time_ns)
            yield time_ns + chance.randrange(MS, 5 * MS), answer

    def _logs(self, device: str) -> Iterator[Timed]:
        for chance, time_ns in self._awake(f"syslog {device}", 600):
            ports = chance.randrange(EPHEMERAL, 65_535), 514
            yield time_ns, self._datagram(device, lan.MANAGEMENT, ports, payloads.log_of(chance), time_ns)

    def _datagram(self, source: str, target: str, ports: tuple[int, int], data: bytes, time_ns: int) -> bytes:
        packet = ipv4(udp(ports, data), source, target, 17, hops=lan.hops(source))
        mac = lan.sends(source, self._router(time_ns))
        return ethernet(packet, source=mac, target=lan.hardware(target))

    def _spanning_tree(self) -> Iterator[Timed]:
        frame = BRIDGES + lan.SWITCH + b"\x00\x27\x42\x42\x03\x00\x00\x02\x02\x3c" + bytes(36)
        for _, time_ns in self._awake("stp", 4):
            yield time_ns, frame

    def _introduces(self, mac: bytes) -> Iterator[Timed]:
        told = b"\x02\x07\x04" + mac + b"\x04\x05\x05" + b"gi01" + b"\x06\x02\x00\x78\x00\x00"
        for _, time_ns in self._awake(f"lldp {mac.hex()}", 30):
            yield time_ns, ethernet(told, 0x88CC, source=mac, target=NEIGHBOURS).ljust(60, b"\0")

    def _routers(self) -> Iterator[Timed]:
        """Say who of the routers forwards; the one that takes over says so to all by ARP."""
        virtual, taken = lan.hardware(lan.ROUTER), False
        for _, time_ns in self._awake("vrrp", 10):
            router = self._router(time_ns)
            if router and not taken:
                taken = True
                for number in range(3):
                    frame = arp(2, lan.ROUTER, lan.ROUTER, hardware=virtual)
                    yield time_ns + number * MS, frame.ljust(60, b"\0")
            told = pack(">BBBBBBH", 0x31, 20, 100, 1, 0, 10, 0) + address(lan.ROUTER)
            packet = ipv4(told, lan.ROUTERS[router], VRRP_GROUP, VRRP, hops=VRRP_HOPS)
            yield time_ns + 5 * MS, ethernet(packet, source=virtual, target=VRRP_GROUP_MAC).ljust(60, b"\0")

    def _laptop(self) -> Iterator[Timed]:
        """Plug in, get an address, say that it is taken, look for printers."""
        chance, now_ns = self.plan.chance("laptop"), self.plan.maintenance.from_ns + 2 * NS
        mac = lan.hardware(lan.LAPTOP)
        for number, (source, target) in enumerate((("0.0.0.0", "255.255.255.255"), (lan.ROUTERS[0], lan.LAPTOP)) * 2):  # noqa: S104 - nobody's address
            ports = (68, 67) if number % 2 == 0 else (67, 68)
            sender = mac if number % 2 == 0 else lan.hardware(lan.ROUTERS[0])
            packet = ipv4(udp(ports, payloads.lease_of(chance, mac, LEASE[number])), source, target, 17)
            target_mac = b"\xff" * 6 if number % 2 == 0 else mac
            yield now_ns + number * DHCP_TRIP_NS, ethernet(packet, source=sender, target=target_mac)
        now_ns += 5 * DHCP_TRIP_NS
        yield now_ns, arp(1, lan.LAPTOP, lan.LAPTOP, hardware=mac).ljust(60, b"\0")
        for _, time_ns in self._awake("printers", 20, Span(now_ns + NS, self.plan.maintenance.to_ns)):
            packet = ipv4(udp((5353, 5353), payloads.name_of(chance, asks=True)), lan.LAPTOP, "224.0.0.251", 17)
            yield time_ns, ethernet(packet, source=mac, target=bytes.fromhex("01005e0000fb"))

    def _router(self, time_ns: int) -> int:
        return int(time_ns >= self.plan.routers)
