"""What this machine takes for waking up: the same work back to back, and a few times a second.

A daemon that is idle most of the time finds cold caches whenever it wakes, and other tenants of a virtual machine make
them colder. So CPU at a low rate says as much about the machine as about the program; this is the measure of it.
"""

import json
import time

from table import Section

RATES = {"back to back": 0, "100 a second": 100, "25 a second": 25}
LEGEND = (
    "a fixed piece of Python, CPU each time; how much more it takes when it runs seldom is what waking up costs "
    "here, and the two lines tell how steady the machine was: where they differ by a half, so may all CPU figures"
)


def section() -> Section:
    """Return the empty section."""
    return Section("this machine, us CPU for same work", list(RATES), LEGEND)


def measure(into: Section, when: str, *, seconds: int = 2) -> None:
    """Measure each rate for so long."""
    for case, rate in RATES.items():
        into.add(when, case, each_us(rate, times=rate * seconds or 500))


def each_us(rate: int, *, times: int) -> float:
    """Return the CPU time of the work in microseconds, `rate` times a second; 0: back to back."""
    began = time.process_time()
    for _ in range(times):
        if rate:
            time.sleep(1 / rate)
        json.dumps({str(number): [number, number + 1] for number in range(300)})
    return (time.process_time() - began) / times * 1e6
