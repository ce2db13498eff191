"""Who is on the wire: an address that speaks for the first time is told; of a flood, how many."""

from collections import OrderedDict
from typing import Final

from protocols.model import EventKind
from protocols.tap.network.addresses import text
from protocols.tap.sightings import NS, Sightings

MOST_TALKERS: Final = 4096
"""Addresses that are known; of more, the one that came first is forgotten, and told again when it is back."""
MOST_TOLD: Final = 32
"""New addresses of a second that are told one by one: more than 20 are one alarm anyway."""


class Strangers:
    """The addresses that spoke. `talkers` are all that were ever new."""

    def __init__(self, notes: Sightings) -> None:
        self.talkers = self.evicted = 0
        self._notes = notes
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._second, self._told, self._untold = 0, 0, 0

    def met(self, mac: bytes, ip: bytes, time_ns: int) -> None:
        """Somebody spoke: a hardware address, and an IP address if it used one."""
        key = mac + ip
        if key in self._known:
            return
        if len(self._known) >= MOST_TALKERS:
            self._known.popitem(last=False)
            self.evicted += 1
        self._known[key] = None
        self.talkers += 1
        if time_ns // NS != self._second:
            self._second, self._told = time_ns // NS, 0
        if self._told >= MOST_TOLD:
            self._untold += 1
            return
        self._told += 1
        ip = ip.strip(b"\0") and ip  # an address that is not given yet is none
        said, hardware = text(ip or mac), text(mac)
        self._notes.tell(
            EventKind.TALKER,
            time_ns,
            f"{said} speaks for the first time",
            source=said,
            protocol="ip" if ip else "ethernet",
            mac=hardware,
            ip=text(ip),
        )

    def tell(self, now_ns: int) -> None:
        """Say how many there were that were not told."""
        if self._untold:
            detail = f"{self._untold} more speak for the first time"
            self._notes.tell(EventKind.TALKER, now_ns, detail, count=self._untold, mac="", ip="")
            self._untold = 0
