"""`gridsentinel explain FILE DEVICE.POINT`: how a value comes to be: what is asked, how it is read, judged and told."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from gateway.cli.loaded import loaded
from gateway.config import Config
from gateway.local.client import SOCKET, NotRunning, Refused, ask
from gateway.local.content import plain
from gateway.local.explained import configured
from gateway.number import shown
from gateway.planning.lines import built
from protocols.driver import Explaining
from protocols.points import Points

WELL, WRONG_USE, BAD_CONFIGURATION = 0, 2, 78
WIDTH, WIDE = 12, 90


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument("point", metavar="DEVICE.POINT", help="the point, such as feeder1.va")
    parser.add_argument("--json", action="store_true", help="write one JSON object to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Explain it; 0 when it is known, also while the gateway is down; 2 when not; 78 when FILE is no configuration."""
    config = loaded(arguments.file)
    if config is None:
        return BAD_CONFIGURATION
    points = Points.of([(device, device.points) for device in config.devices])
    rows = {points.label(row): row for row in range(len(points))}
    row = rows.get(arguments.point)
    if row is None:
        print(f"no point '{plain(arguments.point)}', {_near(arguments.point, list(rows))}", file=sys.stderr)
        return WRONG_USE
    told: dict[str, Any] = {"point": arguments.point, **configured(config, points, row), **_asked(config, points, row)}
    told["now"] = _now(config, arguments.point)
    print(json.dumps(told) if arguments.json else "\n".join(_page(told)))
    return WELL


def _asked(config: Config, points: Points, row: int) -> Mapping[str, Any]:
    """Return what the real driver would ask for it."""
    for driver in built(config, points).values():
        if isinstance(driver, Explaining) and (explained := driver.explain(row)):
            return {"read": {key: value for key, value in explained.items() if key != "raw"}}
    return {"read": {}}


def _now(config: Config, label: str) -> Mapping[str, Any]:
    """Return what the running gateway knows of it, or why nobody knows."""
    try:
        return ask(config.gateway.state_dir / SOCKET, {"ask": "point", "point": label})
    except (NotRunning, Refused) as error:
        return {"unknown": str(error)}


def _near(word: str, labels: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typo

    near = get_close_matches(word, labels, 3, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else "see `gridsentinel status --points DEVICE`"


def _page(told: Mapping[str, Any]) -> Iterator[str]:
    yield told["point"]
    for key in ("address", "read", "decoding", "scaling", "rules", "checks", "role", "topics"):
        yield from _lines(key, _wrapped(told[key]) if key == "checks" else told[key])
    now = told["now"]
    if "unknown" in now:
        yield from _lines("now", now["unknown"])
        return
    age = "not read yet" if now["age_s"] is None else f"{now['age_s']:.1f} s ago"
    value = "no value" if now["value"] is None else f"{shown(now['value'])} {now['unit']}".rstrip()
    yield from _lines("now", [f"{value}, {', '.join(now['quality']) or 'good'}, {age}"])
    yield from _lines("octets", now["read"].get("raw", ""))
    yield from _lines("alarms", [f"{alarm['severity']} {alarm['state']}: {alarm['text']}" for alarm in now["alarms"]])


def _wrapped(words: list[str]) -> list[str]:
    """Return the checks that its name lets look: which of them its role makes possible, `gridsentinel check` tells."""
    return wrap(", ".join(words), WIDE)


def _lines(title: str, value: Any) -> Iterator[str]:
    """Yield a title with what belongs to it: a text, or a line for each key, or each item of a list."""
    if isinstance(value, Mapping):
        lines = [
            f"{key.replace('_', ' ')}: {_shown(item)}" for key, item in value.items() if item not in (None, "", [], {})
        ]
    elif isinstance(value, list):
        lines = [_shown(item) for item in value]
    else:
        lines = [_shown(value)] if value else []
    for number, line in enumerate(lines):
        yield f"  {'' if number else title:<{WIDTH}}{plain(line)}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
