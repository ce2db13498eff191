"""One program in one scenario: its CPU, its memory, what of its readings arrived, and how late."""

import itertools
import mmap
import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import broker
import child
import devices
import points
import wake

from peers.program import BENCH, Program, Site, Start
from peers.scenario import Scenario

WINDOW_S = 10
"""Summaries of GridSentinel end every 10 s of the clock, so everything is measured over multiples of that."""
SETTLE_S = 2.5
"""After the end of a window its summaries are on their way; what is measured begins when they have gone, and between
two seconds."""
PATIENCE_S, PATIENCE_LATE_S = 180.0, 5.0
"""The longest start that is waited for; and how long for the last values after the end."""
MARKS = 40
"""Values that are set beyond their limit, each of another point, spread over what is measured."""
HIGH = {"uint16": points.BEYOND, "float32": 0x4780}
"""What is written to the first register: 65,000, or a float of 65,536 to 65,792."""
FEW_A_SECOND = 10
"""Below it CPU per reading is that of being there."""
COUNTERS = 2


class Died(Exception):
    """The program ended, or never began; says why."""


def measure(program: Program, scenario: Scenario, *, seconds: int) -> dict[str, float]:
    """Return the figures of one program.

    Raises:
        Died: If it ended, or told no reading.
    """
    BENCH.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="run-", dir=BENCH)))
        served = stack.enter_context(devices.serve(scenario.devices))
        port = stack.enter_context(broker.mosquitto(folder)) if program.publishes else 0
        counter = folder / "counter"
        counter.write_bytes(bytes(8 * COUNTERS))
        (folder / "work").mkdir()
        site = Site(folder / "work", served.ports, port, counter)
        if not program.publishes:
            return _count(program, scenario, site, seconds)
        return _publish(program, scenario, site, served, seconds)


def _count(program: Program, scenario: Scenario, site: Site, seconds: int) -> dict[str, float]:
    """Measure a loop: what it read it has counted."""
    with _counter(site.counter) as counted, _running(program.prepare(scenario, site), site.folder) as process:
        start_s = _until(lambda: counted[0] > 0, process, site.folder)
        time.sleep(SETTLE_S / 2)
        control_us = wake.each_us(0, times=500)
        before, spent = counted[0], _cpu_s(process.pid)
        time.sleep(seconds)
        readings = (counted[0] - before) * scenario.points / scenario.registers
        figures = _figures(scenario, seconds, readings, _cpu_s(process.pid) - spent)
        return {**figures, **_size(process.pid), "start, s": start_s, "control, us": control_us}


def _publish(
    program: Program, scenario: Scenario, site: Site, served: devices.Devices, seconds: int
) -> dict[str, float]:
    """Measure a program that publishes, by what reaches a subscriber."""
    subscriber = broker.Subscriber(site.broker, topics="#")
    reader = Start([BENCH / "subscriber", site.counter, str(site.broker)])
    with _counter(site.counter) as counted, _running(reader, site.folder.parent) as listener:
        try:
            with _running(program.prepare(scenario, site), site.folder) as process:
                start_s = _until(lambda: bool(subscriber.messages), process, site.folder)
                _until(lambda: _began(program, subscriber), process, site.folder)
                _after_window()
                control_us = wake.each_us(0, times=500)
                began_ns, (_, bytes_before) = time.monotonic_ns(), counted
                spent, listened = _cpu_s(process.pid), child.cpu_s(listener.pid)
                set_ns = _mark(scenario, served, until_s=time.monotonic() + seconds)
                ended_ns = time.monotonic_ns()
                spent, listened = _cpu_s(process.pid) - spent, child.cpu_s(listener.pid) - listened
                sent, size = counted[1] - bytes_before, _size(process.pid)
                if listener.poll() is not None:
                    raise Died("the subscriber in C ended while it was measured")
                heard = _heard(program, subscriber, set_ns, process)
        finally:
            subscriber.close()
    within = [message for message in subscriber.messages if began_ns <= message.at_ns < ended_ns]
    readings = sum(map(program.readings, within))
    figures = _figures(scenario, (ended_ns - began_ns) / 1e9, readings, spent)
    if readings and scenario.rate >= FEW_A_SECOND:
        figures["bytes upstream a reading"] = sent / readings
        figures["subscriber in C, us CPU a reading"] = listened * 1e6 / readings
    return {**figures, **size, **_latency(set_ns, heard), "start, s": start_s, "control, us": control_us}


def _figures(scenario: Scenario, seconds: float, readings: float, spent_s: float) -> dict[str, float]:
    figures = {"CPU, % of one core": spent_s / seconds * 100}
    if readings and scenario.rate >= FEW_A_SECOND:
        figures["CPU, us a delivered reading"] = spent_s * 1e6 / readings
    return {**figures, "delivered, % of due": readings / seconds / scenario.rate * 100}


def _latency(set_ns: dict[str, int], heard: dict[str, int]) -> dict[str, float]:
    found_ms = [(heard[point] - at_ns) / 1e6 for point, at_ns in set_ns.items() if point in heard]
    figures = {"changes that arrived, %": len(found_ms) / len(set_ns) * 100}
    if len(found_ms) > 1:
        cuts = statistics.quantiles(found_ms, n=100, method="inclusive")
        figures |= {"latency p50, ms": cuts[49], "latency p99, ms": cuts[98]}
    return figures


def _size(pid: int) -> dict[str, float]:
    return {"RSS, MB": sum(map(child.rss_mb, child.family(pid)))}


def _cpu_s(pid: int) -> float:
    return sum(map(child.cpu_s, child.family(pid)))


@contextmanager
def _counter(file: Path) -> Iterator[Sequence[int]]:
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped, memoryview(mapped).cast("Q") as numbers:
        yield numbers


@contextmanager
def _running(start: Start, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            start.command, cwd=folder, stdout=output, stderr=output, env={**clean, **start.environment}
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(broker.PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until(began, process: subprocess.Popen[bytes], folder: Path) -> float:
    """Wait until `began()`; return how many seconds that took."""
    since = time.monotonic()
    while not began():
        if process.poll() is not None:
            raise Died(f"ended with code {process.returncode}: {_last(folder)}")
        if time.monotonic() - since > PATIENCE_S:
            raise Died(f"told no reading within {PATIENCE_S:.0f} s: {_last(folder)}")
        time.sleep(0.02)
    return time.monotonic() - since


def _began(program: Program, subscriber: broker.Subscriber) -> bool:
    return any(map(program.readings, subscriber.messages))


def _last(folder: Path) -> str:
    lines = [line for line in (folder / "output").read_text().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


def _after_window() -> None:
    now = time.time()
    time.sleep(WINDOW_S - now % WINDOW_S + SETTLE_S)


def _mark(scenario: Scenario, served: devices.Devices, *, until_s: float) -> dict[str, int]:
    """Set values beyond their limit at random moments; return when, by DEVICE/ADDRESS, and at the end of the time."""
    chance, began_s = random.Random(1), time.monotonic()
    width = scenario.registers // scenario.points
    every = list(itertools.product(range(scenario.devices), range(scenario.points)))
    chosen = chance.sample(every, min(MARKS, len(every)))
    last_s = (until_s - began_s) * (1 if scenario.every_s == 1 else 0.5)
    moments = sorted(began_s + chance.uniform(0, last_s) for _ in chosen)
    set_ns = {}
    for moment, (device, point) in zip(moments, chosen, strict=True):
        time.sleep(max(0.0, moment - time.monotonic()))
        address = point * width
        set_ns[f"d{device}/{address}"] = served.set(served.ports[device], address, HIGH[scenario.kind])
    time.sleep(max(0.0, until_s - time.monotonic()))
    return set_ns


def _heard(
    program: Program, subscriber: broker.Subscriber, set_ns: dict[str, int], process: subprocess.Popen[bytes]
) -> dict[str, int]:
    """Return when the first message came that tells a changed value, of each point; waits a while for the last."""
    heard: dict[str, int] = {}
    seen, deadline = 0, time.monotonic() + PATIENCE_LATE_S
    while True:
        if process.poll() is not None:
            raise Died(f"ended with code {process.returncode} while it was measured")
        for message in subscriber.messages[seen:]:
            seen += 1
            for point in program.beyond(message):
                if point in set_ns and message.at_ns >= set_ns[point]:
                    heard.setdefault(point, message.at_ns)
        if len(heard) == len(set_ns) or time.monotonic() > deadline:
            return heard
        time.sleep(0.1)
