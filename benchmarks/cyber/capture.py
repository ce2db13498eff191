"""What listening costs: frames of a wire through the ring, through plain receiving, and through scapy.

    python benchmarks/cyber/capture.py [--rate 10000] [--seconds 10] [--scapy PYTHON] [--only ring,plain]

Runs in a network namespace of its own (unshare -rn): a sender writes Modbus conversations of 20 devices into one end of
a wire, each case listens at the other in a process of its own, and polls a Modbus server a hundred times in ten seconds
meanwhile. `bare` cases fetch frames and look at none. The CPU of a case is that of its process, less what it took in as
many idle seconds. `none` only polls. scapy (GPL) is no part of this project: PYTHON is an interpreter that has it;
without one it is left out.
"""

import argparse
import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
CASES = ("none", "ring", "ring-bare", "plain", "plain-bare", "scapy")
DEVICES, REGISTERS = 20, 10
STEP_S = 0.002
IDLE_S = 2.0
POLL_S = 0.1
SCAPY = """
import json, sys, threading, time
from scapy.all import sniff
count = 0
def seen(packet):
    global count
    count += 1
stop = threading.Event()
def wait():
    sys.stdin.readline()
    stop.set()
threading.Thread(target=wait, daemon=True).start()
print("READY", flush=True)
before = time.process_time()
while not stop.is_set():
    sniff(iface="t1", store=False, prn=seen, timeout=0.5)
print(json.dumps({"cpu_s": time.process_time() - before, "received": count}))
"""


def frames(count: int) -> list[bytes]:
    """Return so many frames of clients that poll `DEVICES` devices, in order and complete."""
    made, numbers, turn = [], [[1, 1] for _ in range(DEVICES)], 0
    while len(made) < count:
        device = turn % DEVICES
        numbers_of = numbers[device]
        ask = struct.pack(">HHHBBHH", turn & 0xFFFF, 0, 6, 1, 3, 0, REGISTERS)
        told = struct.pack(">HHHBBB", turn & 0xFFFF, 0, 3 + 2 * REGISTERS, 1, 3, 2 * REGISTERS) + bytes(2 * REGISTERS)
        for mine, data in ((0, ask), (1, told)):
            made.append(_tcp(device, mine, numbers_of[mine], numbers_of[1 - mine], data))
            numbers_of[mine] += len(data)
        turn += 1
    return made[:count]


def _tcp(device: int, from_server: int, seq: int, ack: int, data: bytes) -> bytes:
    hosts = [bytes([10, 0, 0, 5]), bytes([10, 0, 1, device + 1])]
    macs = [bytes([2, 0, 0, 0, 0, 5]), bytes([2, 0, 0, 0, 1, device + 1])]
    ports = [40_000 + device, 502]
    source, target = from_server, 1 - from_server
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0) + hosts[source] + hosts[target]
    tcp = struct.pack(">HHIIBBHHH", ports[source], ports[target], seq, ack, 0x50, 0x18, 8192, 0, 0)
    return macs[target] + macs[source] + b"\x08\x00" + ip + tcp + data


def send(rate: int, seconds: float) -> int:
    """Write frames into the wire at an even rate; return how many."""
    waiting = frames(int(rate * seconds))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("t0", 0))
        sent, began = 0, time.perf_counter()
        while sent < len(waiting):
            due = min(len(waiting), int((time.perf_counter() - began) * rate))
            for frame in waiting[sent:due]:
                wire.send(frame)
            sent = due
            time.sleep(STEP_S)
    return sent


async def listen(case: str, port: int) -> dict[str, float]:
    """Listen until a line comes, and poll meanwhile."""
    os.environ["GRIDSENTINEL_PLAIN"] = "1"  # as the daemon
    import structlog  # noqa: PLC0415 - none of these for the sender

    from gateway.poll.poller import Poller, Retry  # noqa: PLC0415
    from gateway.poll.unit import Unit  # noqa: PLC0415
    from protocols.driver import Outside  # noqa: PLC0415
    from protocols.modbus.config import ModbusDevice, ModbusPoint  # noqa: PLC0415
    from protocols.model import Batch, Read  # noqa: PLC0415
    from protocols.points import Points  # noqa: PLC0415
    from protocols.tap import driver as room  # noqa: PLC0415
    from protocols.tap.config import TapDevice  # noqa: PLC0415

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    if case.startswith("plain"):

        def no_ring(*_args: object, **_kwargs: object) -> None:
            raise OSError(12, "left out")

        room.Ring = no_ring  # type: ignore[assignment, misc]
    tap = TapDevice(name="tap1", protocol="tap", interface="t1")
    points = tuple(ModbusPoint(name=f"p{n}", address=f"holding:{n}") for n in range(100))
    meter = ModbusDevice(name="meter", protocol="modbus", url=f"tcp://127.0.0.1:{port}", every_s=POLL_S, points=points)
    table = Points.of([(tap, tap.points), (meter, meter.points)])
    outside, polled, seen = Outside(clock=time.time_ns), [], [0]
    drivers = {"meter": meter.driver([meter], table, outside)}
    if case != "none":
        drivers["tap1"] = tap.driver([tap], table, outside)
    if case.endswith("bare"):
        drivers["tap1"].watch.frame = drivers["tap1"].memory.keep = lambda *_: None  # type: ignore[attr-defined]

    async def put(read: Read) -> None:
        seen[0] += 1
        if isinstance(read, Batch) and len(read) == len(points):
            polled.append(asyncio.get_running_loop().time())

    retry = Retry(first_s=1, max_s=1)
    tasks = [
        asyncio.create_task(
            Poller(each, [Unit(name, 1, shared=False)], retry=retry, phase=0, put=put, clock=time.time_ns).run()
        )
        for name, each in drivers.items()
    ]
    await asyncio.sleep(1)
    idle = time.process_time()
    await asyncio.sleep(IDLE_S)
    idle = (time.process_time() - idle) / IDLE_S
    polled.clear()
    print("READY", flush=True)
    began, before = time.monotonic(), time.process_time()
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.sleep(0.2)
    spent = time.process_time() - before - idle * (time.monotonic() - began)
    heard = drivers["tap1"]._source.received if "tap1" in drivers else 0  # type: ignore[attr-defined]  # noqa: SLF001
    found = {"cpu_s": spent, "received": heard, "polls": len(polled), **late(polled)}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def late(polled: list[float]) -> dict[str, float]:
    """Return how far intervals lie from what they should be, milliseconds."""
    off = sorted(abs(b - a - POLL_S) * 1000 for a, b in pairwise(polled))
    return {"off_p50_ms": off[len(off) // 2], "off_p99_ms": off[int(len(off) * 0.99)], "off_max_ms": off[-1]}


def measured(case: str, python: str, port: int, rate: int, seconds: float) -> dict[str, float]:
    """Run one case while a sender sends."""
    command = [python, "-c", SCAPY] if case == "scapy" else [python, str(HERE), "--case", case, "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "READY\n", "the case did not begin"
        sending = [sys.executable, str(HERE), "--send", "--rate", str(rate), "--seconds", str(seconds)]
        sent = int(subprocess.run(sending, check=True, capture_output=True, text=True).stdout)
        rss_mb = _rss_mb(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        found = json.loads(child.stdout.readline())
    return {**found, "sent": sent, "lost": sent - found["received"], "rss_mb": rss_mb}


def _rss_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def told(case: str, found: dict[str, float]) -> Iterator[str]:
    """Yield the cells of a line."""
    yield f"{case:<12}"
    yield f"{found['cpu_s'] / found['received'] * 1e6:8.1f} us" if found["received"] else " " * 11
    yield f"{found['lost'] / found['sent'] * 100:7.2f} %" if found["received"] else " " * 9
    yield f"{found['rss_mb']:7.1f} MB"
    yield (
        f"{found['off_p50_ms']:6.2f} {found['off_p99_ms']:6.2f} {found['off_max_ms']:6.2f} ms"
        if "polls" in found
        else ""
    )


def main() -> None:
    """Measure, or be one of the processes of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--scapy", help="an interpreter that has scapy")
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.send:
        print(send(options.rate, options.seconds))
    elif options.case:
        print(json.dumps(asyncio.run(listen(options.case, options.port))))
    elif not options.inside:
        os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv, "--inside"])
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Lay the wire, and measure case by case."""
    for each in ("all", "default"):
        if (switch := Path(f"/proc/sys/net/ipv6/conf/{each}/disable_ipv6")).exists():
            switch.write_text("1")
    for words in ("set lo up", "add name t0 type veth peer name t1", "set t0 up", "set t1 up"):
        subprocess.run(["ip", "link", *words.split()], check=True)
    server = [sys.executable, str(ROOT / "benchmarks/modbus_server.py"), "1"]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as field:
        assert field.stdout is not None
        port = int(field.stdout.readline().split()[1])
        print(f"{options.rate} frames/s for {options.seconds:g} s; a poll each {POLL_S * 1000:g} ms")
        print(f"{'case':<12}  CPU/frame       lost        RSS   interval off by p50, p99, most")
        for case in options.only.split(","):
            python = options.scapy if case == "scapy" else sys.executable
            if python is None:
                print(f"{case:<12} left out: no --scapy PYTHON")
                continue
            print("  ".join(told(case, measured(case, python, port, options.rate, options.seconds))), flush=True)
        field.terminate()


if __name__ == "__main__":
    main()
