"""Where, when and on what state of the tree it is measured."""

import os
import platform
import subprocess
import time
from pathlib import Path


def about() -> dict[str, str]:
    """Return it, as the head of a table."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "time": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "machine": f"{cpu[0].split(': ')[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "software": f"Python {platform.python_version()}, {platform.system()} {platform.release()}",
        "revision": _revision(),
        "load before": f"{os.getloadavg()[0]:.2f}, 0 for an idle machine: others that work make every figure worse",
    }


def _revision() -> str:
    """Return what was measured: the commit, and whether the tree differs from it."""
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--tags"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "no git checkout"
