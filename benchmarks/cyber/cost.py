"""What a frame costs: CPU of the tap alone, and of all behind it too, by what is spoken on the wire.

    python benchmarks/cyber/cost.py [FOLDER] [--times 5] [--only lemay,mms]

The frames of a capture are played from RAM, `times` times from the start by a new tap; the quickest counts, as a busy
machine only makes slower. `watch` is decoding. `all` also remembers the frames for evidence, and takes what was seen
through the pipeline with all checks. Both fetch what was seen four times a second, as the daemon does. The frames come
at a thousand a second, whatever their own times: many captures have two, and would show what a second costs.
"""

import argparse
import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from time import process_time_ns

from feed import STEP_NS, Site, frames
from lines import Line

from gateway.core.pipeline import Pipeline
from protocols.model import Tick
from protocols.tap.capture.source import Captured
from protocols.tap.memory import Memory
from protocols.tap.watch import Watch

NS = 1_000_000_000
TIMES = 5
MOST_FRAMES = 20_000
PER_S = 1000
"""Frames a second, at which the target is 1.5 % of a core."""
BEGIN_NS = 1_700_000_000 * NS
EVIDENCE_BYTES = 4 << 20
TARGET_US = 8.0
CAPTURES: Mapping[str, tuple[str, ...]] = {
    "modbus, one poll after the other": ("benign/modbus_plant1_ModbusTCP.pcap.gz",),
    "modbus, a connection for each poll": ("lemay/send_a_fake_command_modbus_6RTU_with_operate.pcap.gz",),
    "dnp3": ("benign/dnp3_AB1400.pcap.gz", "benign/dnp3_ION7550.pcap.gz", "benign/dnp3_SEL751.pcap.gz"),
    "mms, browsing": ("benign/mms_ABB1.pcap.gz",),
    "goose": ("stage2_goose/0_Normal_operation/PrimaryPlant.pcapng.gz",),
    "iec104": ("fc_vectors/iti_iec104/*.pcap",),
    "opcua": ("opcua/open62541_*.pcap",),
    "bay of an attacker: goose, arp, ptp, dnp3": ("qut_dnp3/Attacks_attacks_training_frequent_attacker.pcap.zip",),
}
"""What is spoken, and where that stands."""


def measure(folder: Path, times: int = TIMES, only: str = "") -> Sequence[Line]:
    """Return a line for each kind of traffic.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    found = [
        line
        for name, patterns in CAPTURES.items()
        if any(word in name for word in only.split(","))
        and (played := [_few(path) for pattern in patterns for path in sorted(folder.glob(pattern))])
        for line in _lines(name, played, times)
    ]
    if not found:
        raise FileNotFoundError(2, "no captures", str(folder))
    return found


def _lines(name: str, played: Sequence[Sequence[Captured]], times: int) -> Iterator[Line]:
    many = sum(map(len, played))
    for what, make in (("watch", Tap), ("all", Gateway)):
        us = min(sum(_spent_us(make(), each) for each in played) for _ in range(times)) / many
        yield Line(f"{what}: {name}", f"{us:.1f} us a frame", f"{TARGET_US:g} us", us <= TARGET_US)


def _spent_us(tap: "Tap", played: Sequence[Captured]) -> float:
    gc.collect()
    began = process_time_ns()
    tap.play(played)
    return (process_time_ns() - began) / 1000


class Tap:
    """Decodes."""

    def __init__(self) -> None:
        self.watch = Watch("tap1")
        self._due_ns = 0

    def play(self, played: Sequence[Captured]) -> None:
        """Look at frames as they come, and let their time pass."""
        frame, self._due_ns = self.watch.frame, played[0][1]
        for data, time_ns, vlan, _ in played:
            while time_ns >= self._due_ns:
                self.turn()
            frame(data, time_ns, vlan)

    def turn(self) -> None:
        """Fetch what was seen."""
        self.watch.take(self._due_ns)
        self._due_ns += STEP_NS


class Gateway(Tap):
    """Decodes, remembers and judges."""

    def __init__(self) -> None:
        super().__init__()
        site = Site()
        self._keep = Memory(EVIDENCE_BYTES).keep
        self._observe = Pipeline(site.cyber.desk.points, {"cyber": [site.cyber]}, 60.0).observe

    def play(self, played: Sequence[Captured]) -> None:
        """Also keep each frame."""
        frame, keep, self._due_ns = self.watch.frame, self._keep, played[0][1]
        for data, time_ns, vlan, _ in played:
            while time_ns >= self._due_ns:
                self.turn()
            frame(data, time_ns, vlan)
            keep(data, time_ns, vlan)

    def turn(self) -> None:
        """Show what was seen to the checks."""
        for event in self.watch.take(self._due_ns):
            self._observe(event)
        self._observe(Tick(self._due_ns))
        self._due_ns += STEP_NS


def _few(path: Path) -> Sequence[Captured]:
    """Return the first frames of a capture, as if they had come at the rate of the target."""
    return [
        (memoryview(bytes(data)), BEGIN_NS + n * NS // PER_S, vlan, size)
        for n, (data, _, vlan, size) in enumerate(islice(frames(path), MOST_FRAMES))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lines; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("GRIDSENTINEL_CAPTURES", "captures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="where the captures lie")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--only", default="", help="words of kinds of traffic, with commas")
    chosen = parser.parse_args(arguments)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    lines = measure(chosen.folder, chosen.times, chosen.only)
    for line in lines:
        print(f"{line.what:55} {line.measured:>20}  {'' if line.met else 'MISSED'}", *line.details)
    return int(any(line.met is False for line in lines))


if __name__ == "__main__":
    sys.exit(main())
