"""`gridsentinel plan FILE`: what a configuration will take, before it runs; refuses what cannot fit."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.loaded import loaded
from gateway.planning.lines import ANSWER_S
from gateway.planning.plan import MEMORY_MAX, Plan, plan

MIB = 1024 * 1024
BUSY = 0.8
"""From here on a line has little room for retries and slow answers."""
WELL, REFUSED, BAD_CONFIGURATION = 0, 1, 78


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--answer-ms", type=float, default=ANSWER_S * 1000, metavar="MS",
        help="what a device takes before its answer (default %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--memory-mib", type=int, default=MEMORY_MAX // MIB, metavar="MIB",
        help="how much memory there is (default %(default)d, as the unit allows)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write one JSON object to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Show it; 0 when all of it fits, 1 when not, 78 when FILE is no configuration."""
    config = loaded(arguments.file)
    if config is None:
        return BAD_CONFIGURATION
    found = plan(config, answer_s=arguments.answer_ms / 1000, memory_max=arguments.memory_mib * MIB)
    print(json.dumps(found.told()) if arguments.json else "\n".join(_page(found, arguments.answer_ms)))
    for refusal in found.refusals:
        print(f"does not fit: {refusal}", file=sys.stderr)
    return REFUSED if found.refusals else WELL


def _page(found: Plan, answer_ms: float) -> Iterator[str]:
    yield f"lines, with {answer_ms:g} ms for each answer of a device"
    width = max((len(line.line) for line in found.lines), default=0)
    for line in found.lines:
        room = "" if line.busy < BUSY else "  little room" if line.busy <= 1 else "  too slow, scans are skipped"
        wire = f"{line.least:6.1%} on the wire alone" if line.least else "a network"
        rate = f"{line.requests_per_s:8.3g} requests/s, {line.bytes_per_s:8.0f} bytes/s"
        if line.moving_bytes_per_s > line.bytes_per_s:
            rate += f", {line.moving_bytes_per_s:.0f} while all values move"
        yield f"  {line.line:<{width}}  {line.busy:6.1%} busy, {wire}, {rate}{room}"
    days = f"{found.disk_days:.3g} days" if found.disk_days >= 2 else f"{found.disk_days * 24:.3g} hours"
    usual, worst = found.memory.usual / 1e6, found.memory.worst / 1e6
    most = found.memory_max / 1e6
    yield f"memory     {usual:.0f} MB at work, {worst:.0f} MB with every buffer full at a reload, of {most:.0f} MB"
    yield f"disk       {found.disk_bytes_per_day / 1e6:.3g} MB a day without a broker: {days} until telemetry fades;"
    yield f"           at most {found.disk_max_bytes / 1e6:.0f} MB in state_dir"
    yield f"uplink     {found.wire_bytes_per_day / 1e6:.3g} MB a day, MQTT of windows and status, values that all move"
    yield f"processor  about {found.cpu:.1%} of a core as in the README, at {found.readings_per_s:.4g} readings/s"
    yield "not foreseen: changes, alarms and events, which depend on what happens; what TCP and TLS put around it all"
