"""Loads a configuration: every section, device and detector is checked on its own, so that no fault hides another."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from dataclasses import fields as keys_of
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from detectors.config import AnyDetector
from gateway.config import keys, words
from gateway.config.cross import between_entries, files_of, label, stations_twice, too_many_points, unfit
from gateway.config.document import Document
from gateway.config.entry import Entry
from gateway.config.fault import ConfigError, Fault, Faults
from gateway.config.files import document, included
from gateway.config.model import Config
from gateway.config.profile import Profiles
from protocols import settings
from protocols.config import Device

T = TypeVar("T")

LISTS = {"devices": (Device, "protocol"), "detectors": (AnyDetector, "detector")}
"""The keys of the configuration that included files may add to: what their entries are, and which word tells."""


def load(path: Path) -> Config:
    """Return the configuration in the file `path`. File names are relative to the folder of the file that has them.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    main = document(path)
    faults = Faults()
    faults.extend(main.faults)
    documents = [main, *included(main, faults)]
    for other in documents[1:]:
        faults.extend(other.faults)
        faults.extend(_shape_of_included(other))
    sections = _sections(main, faults)
    lists = {key: list(_entries(documents, key, faults)) for key in LISTS}
    profiles = Profiles(faults)
    lists["devices"] = [profiles.applied(device) for device in lists["devices"]]
    over = tuple(too_many_points(lists["devices"]))
    if over:
        raise ConfigError(over)
    found = {key: tuple(_built(entries, key, faults)) for key, entries in lists.items()}
    faults.extend(between_entries(lists["devices"], lists["detectors"], found["devices"]))
    if not faults.found:
        faults.extend(stations_twice(lists["devices"], found["devices"]))
        faults.extend(unfit(lists["detectors"], found["devices"], found["detectors"]))
    if faults.found:
        raise ConfigError(_sorted(faults, documents))
    return Config(**(sections | found))


def _sorted(faults: Faults, documents: Sequence[Document]) -> tuple[Fault, ...]:
    """Return each fault once: the main file first, then the included ones in the order they were loaded."""
    rank = {document.file: index for index, document in enumerate(documents)}
    found = sorted(set(faults.found), key=lambda one: (rank.get(one.file, len(rank)), *astuple(one)))
    more = (
        [documents[0].fault((), f"more than {len(faults.found)} faults; the others are not listed")]
        if faults.full
        else []
    )
    return (*found, *more)


def _sections(main: Document, faults: Faults) -> dict[str, Any]:
    """Check everything in the main file but the lists."""
    if not isinstance(main.data, dict):
        faults.append(main.fault((), words.wrong_type(main.data, words.WANTED["dataclass_type"])))
        return {}
    fields, found = keys.fields(Config), {}
    strange = (key for key in main.data if key not in fields)
    faults.extend(main.fault((key,), words.unknown_key(Config, (key,)), at_key=True) for key in strange)
    for key, field in fields.items():
        if key in LISTS:
            continue
        if key in main.data:
            found[key] = _section(Entry(main, (key,), main.data[key]), field.annotation, faults)
        elif field.is_required():
            faults.append(main.fault((key,), words.missing(Config, (key,))))
    return found


def _section(entry: Entry, annotation: Any, faults: Faults) -> Any:
    found = _validated(annotation, entry, faults)
    if not hasattr(found, "__dataclass_fields__"):
        return found
    base = Path(entry.document.file).parent
    found = _rooted(found, base)
    for key, parts in _lists(found):
        found = replace(found, **{key: tuple(_rooted(part, base) for part in parts)})
    for path, section in _with_parts(found):
        if hasattr(section, "faults"):
            wrong = (*section.faults(), *files_of(section))
            faults.extend(entry.fault((*path, *below), text) for below, text in wrong)
    return found


def _with_parts(section: Any) -> Iterator[tuple[settings.Path, Any]]:
    """Yield a section, and the entries of its lists, such as users, each with its place."""
    yield (), section
    for key, parts in _lists(section):
        yield from (((key, index), part) for index, part in enumerate(parts))


def _lists(section: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the lists of a section whose entries have keys of their own."""
    for key in keys_of(section):
        value = getattr(section, key.name)
        if isinstance(value, tuple) and value and hasattr(value[0], "__dataclass_fields__"):
            yield key.name, value


def _rooted(section: T, base: Path) -> T:
    """Return `section` with its file names relative to the folder of its file, wherever the gateway is started."""
    values = {key.name: getattr(section, key.name) for key in keys_of(section)}  # type: ignore[arg-type]
    moved = {key: base / value for key, value in values.items() if isinstance(value, Path)}
    return replace(section, **moved) if moved else section  # type: ignore[type-var]


def _shape_of_included(other: Document) -> Iterator[Fault]:
    if isinstance(other.data, dict):
        for key in other.data:
            if key not in LISTS:
                hint = words.did_you_mean(key, tuple(LISTS))
                yield other.fault((key,), f"unknown key in an included file; {words.listed(LISTS)}{hint}", at_key=True)
    elif not isinstance(other.data, list):
        yield other.fault(
            (), words.wrong_type(other.data, "a list of devices, or a mapping with devices and detectors,")
        )


def _entries(documents: Sequence[Document], key: str, faults: Faults) -> Iterator[Entry]:
    """Find the entries of one list in all files; a file that is a list is one of devices."""
    for one in documents:
        bare = isinstance(one.data, list) and one is not documents[0]
        path: settings.Path = () if bare else (key,)
        if bare:
            found = one.data if key == "devices" else []
        else:
            found = one.data.get(key, []) if isinstance(one.data, dict) else []
        if not isinstance(found, list):
            faults.append(one.fault(path, words.wrong_type(found, "a list")))
            continue
        for index, data in enumerate(found):
            yield Entry(one, (*path, index), data)


def _built(entries: Sequence[Entry], key: str, faults: Faults) -> Iterator[Any]:
    """Check each entry by the class that its word names."""
    annotation, tag = LISTS[key]
    choice = keys.kinds(annotation, tag)
    for entry in entries:
        if faults.full:
            return
        if not isinstance(entry.data, dict):
            faults.append(entry.fault((), words.wrong_type(entry.data, words.WANTED["dataclass_type"])))
            continue
        word = entry.data.get(tag)
        if tag not in entry.data:
            faults.append(entry.fault((tag,), f"this key is missing; {words.listed(choice)}{label(entry, ())}"))
        elif not isinstance(word, str) or word not in choice:
            faults.append(entry.fault((tag,), words.unknown_word(word, choice) + label(entry, ())))
        else:
            found = _validated(choice[word], entry, faults)
            if found is not None:
                found = _rooted(found, Path(entry.document.file).parent)
                faults.extend(_own_faults(found, entry))
                found = _resolved(found, entry, faults)
                yield found


def _resolved(found: Any, entry: Entry, faults: Faults) -> Any:
    """Return the device with what it takes from a file of its own, such as points; the daemon reads no such file."""
    if hasattr(found, "resolved"):
        found, wrong = found.resolved()
        faults.extend(entry.fault(path, text + label(entry, path)) for path, text in wrong)
    return found


def _own_faults(found: Any, entry: Entry) -> Iterator[Fault]:
    """Yield what a device or detector says between its keys, and what the limits of its points say."""
    for path, text in (*(found.faults() if hasattr(found, "faults") else ()), *files_of(found)):
        yield entry.fault(path, text + label(entry, path))
    for index, point in enumerate(getattr(found, "points", ())):
        if getattr(point, "limits", None) is not None:
            for path, text in point.limits.faults():
                at = ("points", index, "limits", *path)
                yield entry.fault(at, text + label(entry, at))


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _validated(cls: Any, entry: Entry, faults: Faults) -> Any:
    """Return the object that `entry` describes, or None. Strict as JSON is: no text becomes a number, no yes a true."""
    try:
        return _adapter(cls).validate_json(json.dumps(entry.data), strict=True)
    except ValidationError as errors:
        faults.extend(_worded(cls, entry, errors))
        return None


def _worded(annotation: Any, entry: Entry, errors: ValidationError) -> Iterator[Fault]:
    """Word the errors of a class, or of a section that may be null."""
    cls = next(keys.classes(annotation), annotation)
    for error in errors.errors(include_url=False):
        if error["type"] == "too_short" and error["input"]:
            continue  # pydantic counts only the entries that are well; the others have their own faults
        text = words.worded(cls, error) + label(entry, error["loc"])
        yield entry.fault(error["loc"], text, at_key=error["type"] == "unexpected_keyword_argument")
