"""When a line may be spoken on: the silences of Modbus RTU, and how long bytes take at its rate."""

from dataclasses import dataclass
from typing import Final

from protocols.serial import SerialLine

FASTEST_COUNTED: Final = 19_200
"""Above this rate the silences are fixed: Serial Line V1.02, clause 2.5.1.1."""
T15_FIXED_S: Final = 0.000_75
T35_FIXED_S: Final = 0.001_75
CHAR_BITS: Final = 11
"""Bits of a character in the specification's silences, whatever parity the line has."""
LISTEN_S: Final = 0.02
"""Shortest silence that proves a line quiet: a USB adapter holds bytes back for up to 16 ms (FTDI latency timer)."""
CONVERTER_LISTEN_S: Final = 0.1
"""The same through a converter, which packs bytes for some tens of milliseconds, and a network."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: `char_s` a byte takes (0: unknown), `silence_s` before each request, `listen_s` after trouble."""

    char_s: float = 0.0
    silence_s: float = 0.0
    listen_s: float = 0.0

    @classmethod
    def of_line(cls, line: SerialLine) -> "Pace":
        """Return the pace of a serial line."""
        _, t35 = silences(line.baud)
        return cls(line.char_s, t35, max(t35, LISTEN_S))


NETWORK: Final = Pace()
CONVERTER: Final = Pace(listen_s=CONVERTER_LISTEN_S)


def silences(baud: int) -> tuple[float, float]:
    """Return t1.5 and t3.5 in seconds: the longest silence in a frame, and the shortest between frames."""
    if baud > FASTEST_COUNTED:
        return T15_FIXED_S, T35_FIXED_S
    return 1.5 * CHAR_BITS / baud, 3.5 * CHAR_BITS / baud
