"""What an IEC 60870-5-104 station puts on the wire."""

from typing import Final

STARTDT, STARTED, STOPDT, TESTFR = 0x07, 0x0B, 0x13, 0x43
ACTIVATE, CONFIRM, DEACTIVATE, TERMINATE, SPONTANEOUS = 6, 7, 8, 10, 3
NEGATIVE: Final = 0x40


def unnumbered(function: int) -> bytes:
    """Return a U frame."""
    return bytes((0x68, 4, function, 0, 0, 0))


def supervisory(received: int) -> bytes:
    """Return an S frame."""
    return bytes((0x68, 4, 1, 0)) + (received << 1 & 0xFFFE).to_bytes(2, "little")


def numbered(asdu: bytes, *, sent: int = 0, received: int = 0) -> bytes:
    """Return an I frame."""
    numbers = (sent << 1 & 0xFFFE).to_bytes(2, "little") + (received << 1 & 0xFFFE).to_bytes(2, "little")
    return bytes((0x68, len(asdu) + 4)) + numbers + asdu


def asdu(kind: int, *objects: tuple[int, bytes], cause: int = ACTIVATE, station: int = 1) -> bytes:
    """Return an ASDU of objects, each an address and its elements."""
    head = bytes((kind, len(objects), cause, 0)) + station.to_bytes(2, "little")
    return head + b"".join(address.to_bytes(3, "little") + elements for address, elements in objects)
