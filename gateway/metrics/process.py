"""What the kernel knows of this process (proc(5)): processor time, memory, open files, age."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path("/proc/self")
UTIME, STIME, START, RSS = 11, 12, 19, 21
"""Fields of `stat` behind the name of the program, from 0."""


def cpu_s() -> float:
    """Return the processor time so far, in seconds."""
    used = os.times()
    return used.user + used.system


def resident_bytes() -> int:
    """Return the resident memory."""
    return int(_stat()[RSS]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """Return how many descriptors are open."""
    return sum(1 for _ in _entries())


def start_s() -> float:
    """Return when the process began, in seconds since 1970, as the present clock has it."""
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat()[START]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age_s


def _stat() -> list[str]:
    return (HERE / "stat").read_text().rpartition(")")[2].split()


def _entries() -> Iterator[str]:
    with os.scandir(HERE / "fd") as found:
        for entry in found:
            yield entry.name
