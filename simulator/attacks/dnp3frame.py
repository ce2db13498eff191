"""What a DNP3 station puts on the wire: an application fragment in segments, in link frames."""

from typing import Final

from dnp3.core.enums import LinkFunctionCode as Code
from dnp3.datalink.builder import build_primary_frame

SEGMENT: Final = 249
FIR, FIN, CON, UNSOLICITED = 0x80, 0x40, 0x20, 0x10
FIRST, LAST = 0x40, 0x80
"""FIR and FIN of the transport function, whose bits lie the other way round."""
PULSE_ON, LATCH_ON, LATCH_OFF, CLOSE, TRIP = 0x01, 0x03, 0x04, 0x40, 0x80


def frames(fragment: bytes, *, to: int, from_: int, master: bool, sequence: int = 0) -> bytes:
    """Return the link frames of a fragment; `sequence` is that of its first segment."""
    wire = b""
    for at in range(0, len(fragment), SEGMENT):
        last = LAST if at + SEGMENT >= len(fragment) else 0
        head = (FIRST if at == 0 else 0) | last | (sequence + at // SEGMENT) & 0x3F
        user_data = bytes((head,)) + fragment[at : at + SEGMENT]
        wire += build_primary_frame(to, from_, Code.PRI_UNCONFIRMED_USER_DATA, master, user_data=user_data).to_bytes()
    return wire


def request(function: int, objects: bytes = b"", *, sequence: int = 0) -> bytes:
    """Return the fragment of a request."""
    return bytes((FIR | FIN | sequence & 0x0F, function)) + objects


def response(objects: bytes = b"", *, sequence: int = 0, iin: int = 0, control: int = FIR | FIN) -> bytes:
    """Return the fragment of a response; `iin` has IIN 1 in its low octet."""
    return bytes((control | sequence & 0x0F, 129)) + iin.to_bytes(2, "little") + objects


def unsolicited(objects: bytes = b"", *, sequence: int = 0, iin: int = 0) -> bytes:
    """Return the fragment of an unsolicited response."""
    return bytes((FIR | FIN | CON | UNSOLICITED | sequence & 0x0F, 130)) + iin.to_bytes(2, "little") + objects


def crob(index: int, code: int = PULSE_ON, *, status: int = 0) -> bytes:
    """Return a control relay output block, object 12 variation 1: once, 100 ms on, nothing off."""
    on_ms, off_ms = (100).to_bytes(4, "little"), bytes(4)
    return bytes((12, 1, 0x17, 1, index, code, 1)) + on_ms + off_ms + bytes((status,))


def classes(*variations: int) -> bytes:
    """Return headers of object 60: 1 is class 0, 2 to 4 are the classes 1 to 3."""
    return b"".join(bytes((60, variation, 0x06)) for variation in variations)


def named_file(name: str) -> bytes:
    """Return a file command object, object 70 variation 3, that names a file and says nothing else."""
    octets = name.encode("ascii")
    body = (26).to_bytes(2, "little") + len(octets).to_bytes(2, "little") + bytes(22) + octets
    return bytes((70, 3, 0x5B, 1)) + len(body).to_bytes(2, "little") + body
