"""GOOSE frames as a publisher makes them (IEC 61850-8-1 clause 18 and annex A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ETHERTYPE: Final = b"\x88\xb8"
SIMULATED: Final = 0x8000

Value = bool | int | str


@dataclass(frozen=True, slots=True)
class GooseFrame:
    """One frame: who publishes, what it is called, its counters, and the values. `t_ns` is the time of the state."""

    source: bytes = bytes.fromhex("020000000001")
    target: bytes = bytes.fromhex("010ccd010001")
    app_id: int = 1
    ref: str = "IED1LD0/LLN0$GO$gcb1"
    live_ms: int = 2000
    dataset: str = "IED1LD0/LLN0$DS1"
    go_id: str = "gcb1"
    t_ns: int = 0
    st: int = 1
    sq: int = 0
    simulated: bool = False
    test: bool = False
    conf_rev: int = 1
    nds_com: bool = False
    values: Sequence[Value] = (False, "00")

    def payload(self) -> bytes:
        """Return what follows the EtherType."""
        second, rest = divmod(self.t_ns, 1_000_000_000)
        t = second.to_bytes(4, "big") + ((rest << 24) // 1_000_000_000).to_bytes(3, "big") + b"\x0a"
        pdu = b"".join(
            (
                element(0x80, self.ref.encode("ascii")),
                element(0x81, number(self.live_ms)),
                element(0x82, self.dataset.encode("ascii")),
                element(0x83, self.go_id.encode("ascii")),
                element(0x84, t),
                element(0x85, number(self.st)),
                element(0x86, number(self.sq)),
                element(0x87, bytes((self.test,))),
                element(0x88, number(self.conf_rev)),
                element(0x89, bytes((self.nds_com,))),
                element(0x8A, number(len(self.values))),
                element(0xAB, b"".join(map(value, self.values))),
            )
        )
        body = element(0x61, pdu)
        reserved = SIMULATED if self.simulated else 0
        head = (self.app_id, len(body) + 8, reserved, 0)
        return b"".join(part.to_bytes(2, "big") for part in head) + body

    def frame(self) -> bytes:
        """Return the whole frame, from the hardware addresses on."""
        return (self.target + self.source + ETHERTYPE + self.payload()).ljust(60, b"\0")


def element(tag: int, content: bytes) -> bytes:
    """Return a BER element."""
    size = len(content)
    length = bytes((size,)) if size < 0x80 else bytes((0x82,)) + size.to_bytes(2, "big")
    return bytes((tag,)) + length + content


def number(value: int) -> bytes:
    """Return the contents of an unsigned number as BER has it: its first bit is no sign."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def value(content: Value) -> bytes:
    """Return a value of a data set: a boolean, an integer, or a bit string of `0` and `1`."""
    if isinstance(content, bool):
        return element(0x83, bytes((content,)))
    if isinstance(content, int):
        return element(0x85, content.to_bytes(4, "big", signed=True))
    unused = -len(content) % 8
    bits = int(content + "0" * unused, 2) if content else 0
    return element(0x84, bytes((unused,)) + bits.to_bytes((len(content) + unused) // 8, "big"))
