"""YAML that can be pasted: points a line each, and whole devices as an included file has them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import yaml

UNSAFE = str.maketrans(dict.fromkeys(" /\\:+#$,;()[]{}&*!|>'\"%@`~?=<^", "_"))
LONGEST_NAME = 64
"""As protocols.settings.Name allows."""


def point(keys: Mapping[str, Any]) -> str:
    """Return one point as a line of a list; keys without a value are left out."""
    return "- " + flow({key: value for key, value in keys.items() if value is not None})


def device(
    keys: Mapping[str, Any],
    points: Iterable[Mapping[str, Any]],
    notes: Sequence[str] = (),
    now: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return a file to include, with one device.

    `notes` stand above it as comments, and what a point is `now`, by its name, behind it.
    """
    lines = [f"# {printable(note)}" for note in notes]
    head = [f"{key}: {flow(value)}" for key, value in keys.items() if value is not None]
    lines += [f"- {head[0]}", *(f"  {line}" for line in head[1:])]
    listed = [
        f"    {point(each)}" + (f"  # now {printable(now[each['name']])}" if each["name"] in now else "")
        for each in points
    ]
    lines += ["  points:", *listed] if listed else ["  points: []"]
    return "\n".join(lines)


def flow(value: Any) -> str:
    """Return `value` as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return str(text).removesuffix("\n").removesuffix("\n...")


def printable(text: str) -> str:
    """Return `text` as one line that cannot steer a terminal, whatever a device says."""
    return "".join(character if character.isprintable() else "?" for character in text)


class Names:
    """Gives points names that the configuration allows, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, wanted: str) -> str:
        """Return `wanted`, or what is nearest to it and still free."""
        plain = wanted.encode("ascii", "replace").decode().translate(UNSAFE).strip("_.-") or "point"
        plain = "".join(character for character in plain if character.isprintable())[:LONGEST_NAME]
        name, number = plain, 2
        while name in self._taken:
            tail = f"_{number}"
            name, number = plain[: LONGEST_NAME - len(tail)] + tail, number + 1
        self._taken.add(name)
        return name
