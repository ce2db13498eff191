"""What only shows between the parts of a configuration: names twice, patterns that match nothing, files."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from fnmatch import translate
from pathlib import Path
from typing import Any

from gateway.config.entry import Entry
from gateway.config.fault import Fault
from gateway.config.files import unreadable
from gateway.config.words import did_you_mean, shown
from protocols import settings
from protocols.points import Points

MAX_POINTS = 200_000
"""Most points of one gateway: its arrays take 200 bytes a point, so 40 MB, and one batch names rows by int32."""

MAX_SECRET_BYTES = 65_536
"""Longest password or key file; a chain of certificates takes 10 KiB."""

CREDENTIALS = "/run/credentials"
"""Where systemd mounts what LoadCredential= names, for its own service only (systemd.exec(5), CREDENTIALS)."""


def between_entries(devices: Sequence[Entry], detectors: Sequence[Entry], made: Sequence[Any]) -> Iterator[Fault]:
    """Yield what devices and detectors say of one another.

    `made` are the devices that are well; they may have points that are not written, by default or from another file.
    """
    yield from _names_twice(devices)
    for device in devices:
        yield from _point_names_twice(device)
    yield from _patterns_without_points(devices, detectors, made)


def stations_twice(entries: Sequence[Entry], devices: Sequence[Any]) -> Iterator[Fault]:
    """Yield which of `devices`, made from `entries`, are one station of one endpoint: neither would get its answers."""
    first: dict[tuple[Any, ...], Any] = {}
    for entry, device in zip(entries, devices, strict=True):
        if device.station is not None:
            other = first.setdefault((device.protocol, device.endpoint, device.station), device)
            if other is not device:
                yield entry.fault(("url",), f"{other.name} is this station of this url already; one device each")


def unfit(entries: Sequence[Entry], devices: Sequence[Any], detectors: Sequence[Any]) -> Iterator[Fault]:
    """Yield what `detectors`, made from `entries`, cannot do with the points of `devices`."""
    judging = [(entry, one) for entry, one in zip(entries, detectors, strict=True) if hasattr(one, "unfit")]
    points = Points.of([(device, device.points) for device in devices]) if judging else None
    for entry, detector in judging:
        for path, text in detector.unfit(points):
            yield entry.fault(path, text)


def too_many_points(devices: Sequence[Entry]) -> Iterator[Fault]:
    """Yield the fault that makes checking the points one by one a waste of memory."""
    points = sum(len(device.points) for device in devices)
    if points > MAX_POINTS:
        yield devices[-1].fault((), f"{points} points in all devices are over {MAX_POINTS}")


def label(entry: Entry, path: settings.Path) -> str:
    """Return the device and point that `path` concerns, for people: ` (feeder1.va)`; nothing at the name itself."""
    if not isinstance(entry.path[-1], int):
        return ""
    at = path[:2] if len(path) > 1 and path[0] == "points" else ()
    names = [entry.named("name"), entry.named(*at, "name") if at else None]
    found = ".".join(name for name in names if name)
    return f" ({found})" if found and path[-1:] != ("name",) else ""


def files_of(section: Any) -> Iterator[settings.Fault]:
    """Yield what is wrong with the files that a section names."""
    if not getattr(section, "enabled", True):
        return  # what is switched off opens none
    for key in section.__dataclass_fields__:
        path = getattr(section, key)
        if isinstance(path, Path) and key.endswith("_file"):
            wrong = _wrong_with(path, secret=key in section.secret_files)
            if wrong:
                yield (key,), f"{path}: {wrong}"


def _names_twice(devices: Sequence[Entry]) -> Iterator[Fault]:
    first: dict[str, Entry] = {}
    for device in devices:
        name = device.named("name")
        if name is None:
            continue
        if name in first:
            other = first[name].document
            where = f"{other.file}:{other.line((*first[name].path, 'name'))}"
            yield device.fault(("name",), f"device {shown(name)} is already at {where}; each needs a name of its own")
        first.setdefault(name, device)


def _point_names_twice(device: Entry) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index in range(len(device.points)):
        name = device.named("points", index, "name")
        if name is not None and first.setdefault(name, index) != index:
            document, line = device.place(("points", first[name], "name"))
            where = f"in line {line}" if document is device.document else f"at {document.file}:{line}"
            text = f"point {shown(name)} is already {where}; each of a device needs a name of its own"
            yield device.fault(("points", index, "name"), text)


def _patterns_without_points(
    devices: Sequence[Entry], detectors: Sequence[Entry], made: Sequence[Any]
) -> Iterator[Fault]:
    given = [(one, index, text) for one in detectors for index, text in enumerate(one.points) if text != "*"]
    if not given:
        return
    unwritten = (f"{device.name}.{point.name}" for device in made for point in device.points)
    labels = tuple(dict.fromkeys((*_labels(devices), *unwritten)))
    near = labels + tuple(f"{device.named('name')}.*" for device in devices)
    for detector, index, pattern in given:
        if isinstance(pattern, str) and not any(map(re.compile(translate(pattern)).match, labels)):
            text = f"{shown(pattern)} matches no point; DEVICE.POINT with * and ? is allowed"
            yield detector.fault(("points", index), text + did_you_mean(pattern, near))


def _labels(devices: Sequence[Entry]) -> Iterator[str]:
    for device in devices:
        for index in range(len(device.points)):
            yield f"{device.named('name')}.{device.named('points', index, 'name')}"


def _wrong_with(path: Path, *, secret: bool) -> str:
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = any(path.is_relative_to(root) for root in (CREDENTIALS, given) if root)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        unseen = credential and given is None and isinstance(error, OSError)
        return "" if unseen else unreadable(error)
    if not stat.S_ISREG(status.st_mode):
        return "this is no regular file"
    if status.st_size > MAX_SECRET_BYTES and secret:
        return f"file of {status.st_size} bytes is over {MAX_SECRET_BYTES}"
    if secret and not credential and status.st_mode & 0o077:
        return f"mode {stat.S_IMODE(status.st_mode):04o} lets others at the secret: chmod 600 {path}"
    return "" if os.access(path, os.R_OK) else "this user may not read the file"
