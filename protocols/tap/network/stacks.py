"""How each host sends IP: packets begin with a number of hops that the system chose, and all of one host begin alike.

Who speaks in another's name, with his addresses, on his connection, mostly begins with another number. The first that
a host was seen with is its usual one; each packet with another is noted. Only TCP is looked at: of UDP and ICMP some
begin with a number of their own. A RST, or a SYN, tells nothing: firewalls and scanners make them in a host's place.
"""

from collections import OrderedDict
from typing import Final

from protocols.model import EventKind
from protocols.tap.network.addresses import text
from protocols.tap.network.flows import Way
from protocols.tap.sightings import NS, Sightings

BEGINS: Final = (32, 64, 128, 255)
"""What systems begin with; each router on the way takes one off, and no way here has 32 of them."""
MOST_STACKS: Final = 2048
"""Hosts whose usual number is known; of more, the one that came first is forgotten, and told again when it is back."""
MOST_TOLD: Final = 32
"""Hosts of a second that are told for the first time; forged ones by the thousand teach nothing."""


class Stacks:
    """The usual number of each host: by hardware address and IP address, so that who moves begins anew."""

    def __init__(self, notes: Sightings) -> None:
        self._notes = notes
        self._usual: OrderedDict[bytes, int] = OrderedDict()
        self._second, self._told = 0, 0

    def met(self, way: Way, mac: bytes, hops: int, time_ns: int) -> None:
        """Look at a packet with another number than those before it of its direction."""
        begin = next((each for each in BEGINS if hops <= each), BEGINS[-1])
        ip = way.key[: (len(way.key) - 4) // 2]
        usual = self._usual.get(mac + ip)
        if usual == begin:
            way.hops = hops
            return
        if usual is None and not self._take_in(mac + ip, begin, time_ns):
            return
        flow, said = way.link.flow, text(ip)
        self._notes.note(
            EventKind.IDENTITY,
            time_ns,
            f"{said} sends packets that begin with {begin} hops",
            source=said,
            target=flow.ends(from_client=way.from_client)[1],
            port=flow.port,
            protocol="ip",
            function="hops",
            about=(mac, begin),
            what="hops",
            value=str(begin),
            mac=text(mac),
        )

    def _take_in(self, host: bytes, begin: int, time_ns: int) -> bool:
        """Take the first number of a host as its usual one, unless very many come at once."""
        if time_ns // NS != self._second:
            self._second, self._told = time_ns // NS, 0
        if self._told >= MOST_TOLD:
            return False
        self._told += 1
        if len(self._usual) >= MOST_STACKS:
            self._usual.popitem(last=False)
        self._usual[host] = begin
        return True
