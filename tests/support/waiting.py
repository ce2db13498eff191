"""How long processes waited for a processor: what a test of promptness allows for on a busy machine."""

import os
from pathlib import Path


def waited_s(*pids: int) -> float:
    """Return for how long the threads of this process and of `pids` were ready to run and did not, in all.

    The second number of /proc/PID/task/TID/schedstat, in nanoseconds (Linux, Documentation/scheduler/sched-stats.rst).
    """
    tasks = (task for pid in (os.getpid(), *pids) for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9


def leader_waited_s(pid: int) -> float:
    """Return the same, only of the first threads of this process and of `pid`, which may have ended unreaped."""
    return sum(int(Path(f"/proc/{each}/schedstat").read_text().split()[1]) for each in (os.getpid(), pid)) / 1e9
