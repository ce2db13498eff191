"""The filter that the kernel runs on each frame before the tap sees it: classic BPF, put together here, no libpcap.

It drops what costs much and says nothing here: Sampled Values (4,800 frames/s a stream), PTP, our own conversation with
the broker; on the loopback one of the two copies of each frame; and, where hosts are given, IPv4 between others.
The kernel takes the outer VLAN tag off before; one that is still in the frame, or two, are passed over.

A broker's packet that has one of the watched ports on its other side is let through: who forges the broker's address
and port must not be unseen when he speaks to a device.

An instruction is code:2 jump-if-true:1 jump-if-false:1 k:4; jumps count from the next one. A is the accumulator, X the
index register, here the length of the tags.
https://www.kernel.org/doc/html/latest/networking/filter.html
"""

from collections.abc import Sequence
from ipaddress import IPv4Address
from struct import Struct
from typing import Final

INSTRUCTION: Final = Struct("=HBBI")
MOST_HOSTS: Final = 64
"""Hosts of a filter: two jumps each, and a jump reaches 255 instructions."""
MOST_BROKERS: Final = 8
"""Addresses of a broker's name."""
MOST_PORTS: Final = 64
"""Watched ports of a filter: a jump each."""

HALF_AT, BYTE_AT, WORD_AT = 0x48, 0x50, 0x40
"""A = what lies at X + k."""
BYTE_ABSOLUTE: Final = 0x30
"""A = the byte at k."""
SET_X, X_OF_A, SUM, SHIFT, MASK = 0x01, 0x07, 0x0C, 0x64, 0x54
"""X = k; X = A; A += X; A <<= k; A &= k."""
GO, IF_EQUAL, IF_ANY, RETURN = 0x05, 0x15, 0x45, 0x06
"""Jump; jump if A == k; jump if A & k; end: how many bytes of the frame are kept, 0 drops it."""

ETHERTYPE, IP, PROTOCOL, FRAGMENT, SOURCE, TARGET = 12, 14, 23, 20, 26, 30
"""Offsets in a frame with an IPv4 packet and no tag."""
TAGS, SAMPLED_VALUES, PTP, IPV4 = (0x8100, 0x88A8), 0x88BA, 0x88F7, 0x0800
TCP: Final = 6
WHOLE: Final = 0x40000
"""Bytes that are kept of a frame: all."""
PACKET_TYPE, OUTGOING = 0xFFFFF000 + 4, 4
"""Where the kernel says which way a frame goes, SKF_AD_OFF + SKF_AD_PKTTYPE, and what it says of one that leaves."""

Jump = tuple[int, int, str, str]
"""Code, k, and the labels to go to if it is so and if not; an empty label is the next instruction."""


class Program:
    """Instructions with labels instead of distances."""

    def __init__(self) -> None:
        self._said: list[Jump] = []
        self._labels: dict[str, int] = {}

    def say(self, code: int, k: int = 0, yes: str = "", no: str = "") -> None:
        """Add an instruction."""
        self._said.append((code, k, yes, no))

    def label(self, name: str) -> None:
        """Name the next instruction."""
        self._labels[name] = len(self._said)

    def one_of(self, values: Sequence[int], yes: str) -> None:
        """Go to `yes` if A is one of `values`, else on."""
        for value in values:
            self.say(IF_EQUAL, value, yes)

    def packed(self) -> bytes:
        """Return the program as the kernel takes it."""
        return b"".join(self._packed(at + 1, *jump) for at, jump in enumerate(self._said))

    def _packed(self, after: int, code: int, k: int, yes: str, no: str) -> bytes:
        if code == GO:
            return INSTRUCTION.pack(code, 0, 0, self._labels[yes] - after)
        far = [self._labels[name] - after if name else 0 for name in (yes, no)]
        return INSTRUCTION.pack(code, *far, k)


def program(
    *,
    loopback: bool = False,
    brokers: Sequence[tuple[str, int]] = (),
    ports: Sequence[int] = (),
    hosts: Sequence[str] = (),
) -> bytes:
    """Return the filter. `brokers` are IPv4 addresses and ports of our uplink, `ports` those that are watched."""
    made = Program()
    if loopback:
        made.say(BYTE_ABSOLUTE, PACKET_TYPE)
        made.say(IF_EQUAL, OUTGOING, "drop")
    _tags(made)
    made.say(IF_EQUAL, IPV4, "ipv4")
    made.one_of((SAMPLED_VALUES, PTP), "drop")
    made.say(RETURN, WHOLE)
    made.label("drop")
    made.say(RETURN, 0)
    made.label("ipv4")
    if hosts:
        _hosts(made, [int(IPv4Address(host)) for host in hosts[:MOST_HOSTS]])
    if brokers:
        _brokers(made, [(int(IPv4Address(host)), port) for host, port in brokers[:MOST_BROKERS]], ports[:MOST_PORTS])
    made.say(RETURN, WHOLE)
    return made.packed()


def _tags(made: Program) -> None:
    """Set X to the length of the tags in the frame, A to the EtherType behind them."""
    made.say(SET_X, 0)
    for depth in ("one", "two"):
        made.say(HALF_AT, ETHERTYPE)
        made.one_of(TAGS, depth)
        made.say(GO, 0, "untagged")
        made.label(depth)
        made.say(SET_X, 4 if depth == "one" else 8)
    made.say(HALF_AT, ETHERTYPE)
    made.label("untagged")


def _hosts(made: Program, hosts: Sequence[int]) -> None:
    """Drop IPv4 that none of `hosts` sends or gets."""
    for field in (SOURCE, TARGET):
        made.say(WORD_AT, field)
        made.one_of(hosts, "wanted")
    made.say(RETURN, 0)
    made.label("wanted")


def _brokers(made: Program, brokers: Sequence[tuple[int, int]], ports: Sequence[int]) -> None:
    """Drop TCP between a broker's port and a port that is not watched."""
    made.say(BYTE_AT, PROTOCOL)
    made.say(IF_EQUAL, TCP, "", "watched")
    made.say(HALF_AT, FRAGMENT)
    made.say(IF_ANY, 0x1FFF, "watched")  # a later fragment has no ports
    for side, field in (("from", SOURCE), ("to", TARGET)):
        made.say(WORD_AT, field)
        made.one_of([host for host, _ in brokers], side)
    made.say(RETURN, WHOLE)
    every = sorted({port for _, port in brokers})
    for side, here, there in (("from", IP, IP + 2), ("to", IP + 2, IP)):
        made.label(side)
        made.say(BYTE_AT, IP)  # X += length of the IP header: its lower four bits, in words
        made.say(MASK, 0x0F)
        made.say(SHIFT, 2)
        made.say(SUM)
        made.say(X_OF_A)
        made.say(HALF_AT, here)
        made.one_of(every, f"{side} its port")
        made.say(RETURN, WHOLE)
        made.label(f"{side} its port")
        made.say(HALF_AT, there)
        made.one_of(ports, "watched")
        made.say(RETURN, 0)
    made.label("watched")
