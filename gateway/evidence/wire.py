"""The frames around an alarm: from the memories of the taps, those of the hosts concerned before all others."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

Captured: TypeAlias = tuple[int, bytes, int]
"""UTC nanoseconds, an Ethernet frame, and the VLAN whose tag is not in it, 0 for none."""
LOOKED_AT: Final = 64
"""Bytes at the start of a frame in which an address is looked for: all headers up to that of IPv6 behind a VLAN."""
PARTIES: Final = ("source", "target", "ip", "mac", "device")
"""What the evidence of an alarm calls them."""
BESIDE: Final = 40
"""Bytes that a frame takes in a file beside its own: its block, padding, a VLAN tag that is put back."""


class Memory(Protocol):
    """What a tap remembers: a bounded ring of raw frames."""

    def between(self, from_ns: int, to_ns: int) -> Sequence[Captured]:
        """Return the frames of a time, both ends included, in the order in which they came."""


@runtime_checkable
class Remembers(Protocol):
    """A driver that remembers frames, and counts them."""

    @property
    def memory(self) -> Memory:
        """Return what it remembers."""

    @property
    def counters(self) -> Mapping[str, Any]:
        """Return what it counts, by words."""


def parties(evidence: Mapping[str, Any]) -> Sequence[bytes]:
    """Return the addresses, as frames have them, of those that the evidence of an alarm names."""
    found = (address(str(evidence[key])) for key in PARTIES if evidence.get(key))
    return [each for each in found if each]


def address(text: str) -> bytes:
    """Return the bytes of an IP or a hardware address; none where it is neither."""
    try:
        return ip_address(text).packed
    except ValueError:
        pass
    try:
        return bytes.fromhex(text.replace(":", "").replace("-", "")) if len(text) == len("00:00:00:00:00:00") else b""
    except ValueError:
        return b""


def chosen(
    frames: Iterable[Captured], hosts: Iterable[bytes], *, near_ns: int, most_bytes: int
) -> tuple[list[Captured], int]:
    """Return as many frames as `most_bytes` hold, in their order, and how many were left out.

    Those of `hosts` come first, and of these and of the others those nearest to `near_ns`.
    """
    wanted, kept, size = list(hosts), list(frames), 0
    if sum(len(frame) + BESIDE for _, frame, _ in kept) <= most_bytes:
        return kept, 0
    best: list[int] = []
    for at in sorted(range(len(kept)), key=lambda at: _rank(kept[at], wanted, near_ns)):
        size += len(kept[at][1]) + BESIDE
        if size > most_bytes:
            break
        best.append(at)
    return [kept[at] for at in sorted(best)], len(kept) - len(best)


def _rank(frame: Captured, hosts: Sequence[bytes], near_ns: int) -> tuple[bool, int]:
    start = frame[1][:LOOKED_AT]
    return not any(host in start for host in hosts), abs(frame[0] - near_ns)
