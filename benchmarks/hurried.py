"""gridsentinel with a clock that runs faster: hurried.py SPEED BEGAN_NS WALL_NS OFFSET_FILE WORD ...

Every second of the daemon's clocks is 1/SPEED of a real one: of the wall clock, of the monotonic clock, and of every
wait of its event loop. Nothing of the daemon is changed, and nothing is left out: each poll, window and tick of a day
happens. To the daemon it is as if its machine, its disk and its devices were SPEED times slower.

BEGAN_NS is the real monotonic clock when the daemon's time began at WALL_NS, nanoseconds since 1970. OFFSET_FILE holds
one double, in seconds: by how much the wall clock has been set; it may be changed at any time.
"""

import mmap
import selectors
import struct
import sys
import time
from pathlib import Path

NS = 1_000_000_000


def hurry(speed: float, began_ns: int, wall_ns: int, offset_file: Path) -> None:
    """Replace the clocks of this process, before anything has asked them."""
    real_ns = time.monotonic_ns
    with offset_file.open("rb") as file:
        offset = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def steady_ns() -> int:
        return began_ns + int((real_ns() - began_ns) * speed)

    def utc_ns() -> int:
        return wall_ns + int((real_ns() - began_ns) * speed) + int(struct.unpack("d", offset)[0] * NS)

    class Hurried(selectors.EpollSelector):
        """Waits as long as it is told, in the daemon's seconds."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """Do as selectors.EpollSelector."""
            return super().select(timeout / speed if timeout else timeout)

    time.monotonic_ns, time.monotonic = steady_ns, lambda: steady_ns() / NS
    time.time_ns, time.time = utc_ns, lambda: utc_ns() / NS
    selectors.DefaultSelector = Hurried  # type: ignore[misc]


if __name__ == "__main__":
    hurry(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    sys.argv[1:5] = []
    from gateway.cli import main

    raise SystemExit(main())
