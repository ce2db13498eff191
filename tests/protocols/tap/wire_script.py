"""Run in a network namespace of its own: frames sent at one end of a wire, heard at the other, told as JSON."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from protocols.driver import LinkLost
from protocols.tap.capture.bpf import program
from protocols.tap.capture.plain import Plain
from protocols.tap.capture.ring import RETIRE_MS, Ring

MIB = 1 << 20
HEAD = bytes.fromhex("0200000000bb 0200000000aa")
FRAMES = {
    "goose": HEAD + bytes.fromhex("88b8") + bytes(100),
    "tagged": HEAD + bytes.fromhex("8100 602a 88b8") + bytes(100),  # priority 3, VLAN 42
    "twice": HEAD + bytes.fromhex("88a8 0007 8100 002a 88b8") + bytes(100),
    "sampled": HEAD + bytes.fromhex("88ba") + bytes(100),
    "other": bytes.fromhex("02000000ffff 0200000000aa 88b8") + bytes(100),
}
UNHEARD = 1
"""Sampled values, which no filter lets in; the last frame comes behind them."""
FLOOD = 40_000
PATIENCE_S = 20.0


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def opened(name, *, promiscuous=False):
    def filtered(loopback):
        return program(loopback=loopback)

    if name == "ring":
        return Ring("t1", filtered, ring_bytes=MIB, promiscuous=promiscuous)
    return Plain("t1", filtered, buffer_bytes=MIB, promiscuous=promiscuous)


def every(source, count):
    """Return all that waits, once so many have come or were dropped."""
    found, end_s = [], time.monotonic() + PATIENCE_S
    while len(found) + source.dropped < count and time.monotonic() < end_s:
        before = len(found)
        found += [(bytes(frame), time_ns, vlan, wire) for frame, time_ns, vlan, wire in source.frames()]
        if len(found) == before:
            time.sleep(RETIRE_MS / 1000)
    return found


def heard(name, sender):
    source = opened(name)
    began = time.time_ns()
    for frame in FRAMES.values():
        sender.send(frame)
    found = every(source, len(FRAMES) - UNHEARD)
    told = {
        "frames": [(frame.hex(), vlan, wire) for frame, _, vlan, wire in found],
        "in_time": all(began - 10**7 <= time_ns <= time.time_ns() for _, time_ns, _, _ in found),
        "promiscuity": ip("-d", "link", "show", "t1").split("promiscuity ")[1].split()[0],
        "dropped": source.dropped,
    }
    for _ in range(FLOOD):
        sender.send(FRAMES["goose"])
    told["flood"] = len(every(source, FLOOD)), source.dropped
    ip("link", "set", "t1", "down")
    try:
        list(source.frames())
    except LinkLost as lost:
        told["gone"] = str(lost)
    try:
        opened(name)
    except LinkLost as lost:
        told["down"] = str(lost)
    ip("link", "set", "t1", "up")
    source.close()
    source.close()
    with_all = opened(name, promiscuous=True)
    told["promiscuous"] = ip("-d", "link", "show", "t1").split("promiscuity ")[1].split()[0]
    with_all.close()
    return told


def main():
    for each in ("all", "default"):  # the kernel itself must not speak on this wire
        if (switch := Path(f"/proc/sys/net/ipv6/conf/{each}/disable_ipv6")).exists():
            switch.write_text("1")
    ip("link", "add", "name", "t0", "type", "veth", "peer", "name", "t1")
    for each in ("t0", "t1"):
        ip("link", "set", each, "up")
    time.sleep(0.2)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("t0", 0))
        json.dump({name: heard(name, sender) for name in ("ring", "plain")}, sys.stdout)


main()
