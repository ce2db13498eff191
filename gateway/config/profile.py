"""What a device takes from a profile: the points of a known kind of device, kept in a file of its own.

A profile is a device without name and url. What the device says itself comes before what the profile says; a point of
the same name takes over the keys it has, and the others are added behind the points of the profile.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gateway.config import words
from gateway.config.document import Document
from gateway.config.entry import Base, Entry
from gateway.config.fault import ConfigError, Faults
from gateway.config.files import document

KEY = "profile"
SUFFIX = ".yaml"

Read = Callable[[Path], Document]


def shipped() -> Path:
    """Return the folder of the profiles that come with the gateway: of the sources, or as installed."""
    sources = Path(__file__).parents[2] / "config" / "devices"
    return sources if sources.is_dir() else Path(sys.prefix) / "share" / "gridsentinel" / "config" / "devices"


def names() -> tuple[str, ...]:
    """Return the profiles that come with the gateway, such as `siemens/pac3200`."""
    folder = shipped()
    return tuple(sorted(str(path.relative_to(folder))[: -len(SUFFIX)] for path in folder.glob(f"*/*{SUFFIX}")))


class Profiles:
    """Reads each profile once, and adds it to the devices that name it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._read: Read = cache(document)
        self._said: set[str] = set()

    def applied(self, device: Entry) -> Entry:
        """Return `device` with what its profile says; what is wrong goes to the faults."""
        if not isinstance(device.data, dict) or not isinstance(device.data.get(KEY), str):
            return device
        found = self._document(device, device.data[KEY])
        return device if found is None else _merged(device, found)

    def _document(self, device: Entry, name: str) -> Document | None:
        if not name.endswith(SUFFIX) and name not in names():
            self._faults.append(device.fault((KEY,), f"{words.unknown_word(name, names())}, or a file NAME{SUFFIX}"))
            return None
        path = Path(device.document.file).parent / name if name.endswith(SUFFIX) else shipped() / f"{name}{SUFFIX}"
        try:
            found = self._read(path)
        except ConfigError as error:
            self._faults.append(device.fault((KEY,), f"{path}: {error.faults[0].text}"))
            return None
        return found if self._well(found) else None

    def _well(self, found: Document) -> bool:
        """Return whether it is a mapping; say once what is wrong with it as a file."""
        usable = isinstance(found.data, dict)
        if found.file not in self._said:
            self._said.add(found.file)
            self._faults.extend(found.faults)
            if not usable:
                self._faults.append(found.fault((), words.wrong_type(found.data, "a mapping, a device without name,")))
            elif KEY in found.data:
                self._faults.append(found.fault((KEY,), "a profile cannot name another one", at_key=True))
        return usable


def _merged(device: Entry, found: Document) -> Entry:
    """Return the device with the keys and points of both."""
    data: dict[str, Any] = {**found.data, **device.data}
    theirs, own = found.data.get("points", []), device.data.get("points", [])
    if not isinstance(theirs, list) or not isinstance(own, list):
        return Entry(device.document, device.path, data, Base(found, ()))
    points: list[Any] = list(theirs)
    origins: list[tuple[int | None, int | None]] = [(index, None) for index in range(len(theirs))]
    free = {name: index for index, point in reversed(list(enumerate(theirs))) if (name := _name(point)) is not None}
    for index, point in enumerate(own):
        at = free.pop(_name(point) or "", None)
        if at is None:
            points.append(point)
            origins.append((None, index))
        else:
            points[at] = _over(theirs[at], point)
            origins[at] = (at, index)
    return Entry(device.document, device.path, {**data, "points": points}, Base(found, tuple(origins)))


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both points as one; limits and role are merged key by key."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = {**below[key], **above[key]}
    return merged


def _name(point: Any) -> str | None:
    name = point.get("name") if isinstance(point, dict) else None
    return name if isinstance(name, str) else None
