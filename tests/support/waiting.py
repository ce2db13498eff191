"""How long processes waited for a processor: what a test of promptness allows for on a busy machine."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 60.0
"""Nothing here takes so long, unless it is broken."""


def waited_s(*pids: int) -> float:
    """Return for how long the threads of this process and of `pids` were ready to run and did not, in all.

    The second number of /proc/PID/task/TID/schedstat, in nanoseconds (Linux, Documentation/scheduler/sched-stats.rst).
    """
    tasks = (task for pid in (os.getpid(), *pids) for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9


def leader_waited_s(pid: int) -> float:
    """Return the same, only of the first threads of this process and of `pid`, which may have ended unreaped."""
    return sum(int(Path(f"/proc/{each}/schedstat").read_text().split()[1]) for each in (os.getpid(), pid)) / 1e9


@asynccontextmanager
async def at_once(within_s: float = 0.5) -> AsyncIterator[None]:
    """What is done inside takes no longer than `within_s`, beside waiting for a processor, and ends anyhow."""
    began_s = time.monotonic() - waited_s()
    async with asyncio.timeout(PATIENCE_S):
        yield
    took_s = time.monotonic() - waited_s() - began_s
    assert took_s < within_s, f"it took {took_s:.2f} s"
