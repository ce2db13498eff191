"""Is our own clock synchronised? Asked before a device is given the time, or is told that its clock is wrong.

The kernel knows (adjtimex(2), read only, no privilege) from whoever disciplines the clock: chrony, ntpd, timesyncd. A
service under ProtectClock= may not ask it; then the file that systemd-timesyncd touches at each synchronisation tells.
Where nobody tells, it is not.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any, Final

TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
"""Touched at each successful synchronisation (systemd-timesyncd.service(8))."""
FRESH_S: Final = 3 * 2048.0
"""Three of timesyncd's longest intervals (PollIntervalMaxSec=2048): older, and its servers have gone."""
_TIMEX_BYTES: Final = 512
"""Room for struct timex, 208 bytes on 64-bit Linux; all zero it only asks (modes = 0)."""
_TIME_ERROR: Final = 5
"""The answer of a clock that nobody disciplines (adjtimex(2))."""


def synchronised() -> bool:
    """Return whether the clock of this computer follows a time source now."""
    state = _kernel()
    if state >= 0:
        return state != _TIME_ERROR
    try:
        return time.time() - TIMESYNCD.stat().st_mtime < FRESH_S
    except OSError:
        return False


def _kernel() -> int:
    """Return the state of the kernel's clock, or -1 where it may not be asked."""
    libc, zero = _libc()
    return int(libc.adjtimex(zero(_TIMEX_BYTES)))


@cache
def _libc() -> tuple[Any, Any]:
    import ctypes  # noqa: PLC0415  only devices with clocks need it

    return ctypes.CDLL(None), ctypes.create_string_buffer
