"""`gridsentinel check FILE`: name every fault of a configuration at once, or say what it would do."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from detectors.config import chosen
from detectors.detector import Outlook
from gateway.config import Config, ConfigError
from gateway.config.loader import load
from gateway.number import number_of
from protocols.points import Points

MIB = 1024 * 1024
SUBJECTS = 8
"""Places named in a line of the outlook; --json has all."""
WELL, BAD_CONFIGURATION = 0, 78


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument("--json", action="store_true", help="write one JSON object to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Check the file; 0 when it is well, 78 when it is not."""
    try:
        config = load(arguments.file)
    except ConfigError as error:
        return _faulty(arguments.file, error, as_json=arguments.json)
    found, roles = summary(config), outlook(config)
    if arguments.json:
        told = {
            "file": str(arguments.file),
            "faults": [],
            "summary": found,
            "outlook": [asdict(each) for each in roles],
        }
        print(json.dumps(told))
    else:
        print("\n".join([_page(arguments.file, found), *_table(roles)]))
    return WELL


def summary(config: Config) -> dict[str, Any]:
    """Return what the configuration amounts to, in numbers."""
    points = [(device, point) for device in config.devices for point in device.points]
    return {
        "gateway": f"{config.gateway.site}/{config.gateway.name}",
        "devices": len(config.devices),
        "connections": len({device.endpoint for device in config.devices}),
        "points": len(points),
        "readings_per_s": round(sum(1 / (point.every_s or device.every_s) for device, point in points), 3),
        "points_with_limits": sum(point.limits is not None for _, point in points),
        "detectors": looking(config),
        "uplink": {"url": config.uplink.url, "format": config.uplink.format, "window_s": config.uplink.window_s},
        "store": {"directory": str(config.gateway.state_dir), "max_bytes": int(config.store.max_bytes)},
    }


def looking(config: Config) -> list[str]:
    """Return the detectors that look: those that always do unless switched off, and those that are named."""
    return sorted({detector.detector for detector in chosen(config.detectors)})


def outlook(config: Config) -> list[Outlook]:
    """Return which checks the roles of the points make possible, and what is missing for others."""
    points = Points.of([(device, device.points) for device in config.devices])
    return [each for detector in chosen(config.detectors) for each in detector.outlook(points)]


def _faulty(file: Path, error: ConfigError, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"file": str(file), "faults": [asdict(fault) for fault in error.faults]}))
        return BAD_CONFIGURATION
    count = len(error.faults)
    for fault in error.faults:
        print(fault, file=sys.stderr)
    print(f"{number_of(count, 'fault')} in {file}", file=sys.stderr)
    return BAD_CONFIGURATION


def _page(file: Path, found: dict[str, Any]) -> str:
    uplink, store = found["uplink"], found["store"]
    points, devices, connections = (number_of(found[f"{word}s"], word) for word in ("point", "device", "connection"))
    lines = (
        f"{file} is well: gateway {found['gateway']}",
        f"  polls      {points} of {devices} over {connections}, {found['readings_per_s']:g} readings/s",
        f"  checks     {', '.join(found['detectors'])}; limits of {number_of(found['points_with_limits'], 'point')}",
        f"  keeps      up to {store['max_bytes'] / MIB:g} MiB in {store['directory']}",
        f"  forwards   to {uplink['url']} as {uplink['format']}, a summary every {uplink['window_s']:g} s",
    )
    return "\n".join(lines)


def _table(roles: Sequence[Outlook]) -> Iterator[str]:
    """Yield a line for each check and text, with all that it is said of: first what is possible, then what is not."""
    for possible, title in ((True, "possible by the roles of the points:"), (False, "not possible yet:")):
        lines: dict[tuple[str, str], list[str]] = {}
        for each in roles:
            if each.possible is possible:
                lines.setdefault((each.check, each.text), []).append(each.subject)
        if lines:
            yield f"  {title}"
            width = max(len(check) for check, _ in lines)
            yield from (f"    {check:<{width}}  {_named(of)}: {text}" for (check, text), of in lines.items())


def _named(subjects: Sequence[str]) -> str:
    more = len(subjects) - SUBJECTS
    return ", ".join(subjects[:SUBJECTS]) + (f" and {more} more" if more > 0 else "")
