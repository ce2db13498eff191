"""Writes docs/configuration.md: every key of config/schema.json, with its value in config/gateway.yaml."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.config import keys

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "config/schema.json").read_text())
CLASSES: dict[str, dict[str, Any]] = SCHEMA["$defs"]
COMMENTED_KEY = re.compile(r"^( *)#(\w+:)", re.MULTILINE)
"""A key that gateway.yaml shows without using it."""
UNITS = {"_per_s": "a second", "_ms": "ms", "_s": "s", "_minutes": "min", "_h": "h", "_d": "days", "_bytes": "bytes"}
UNITS |= {"_ka": "kA", "_k": "K", "_c": "degC", "percent": "%"}
"""The unit of a number, by the end of its key; the first that fits."""
NAME = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
HEAD = "| key | what it is | allowed | default | example |\n|---|---|---|---|---|"
INTRODUCTION = """# Every key

For whoever writes `gateway.yaml`, or must know what stands in it. `make schema` writes this page from
`config/schema.json`, with the examples of `config/gateway.yaml`; `gridsentinel check FILE` holds your file against it.

- A key may be left out unless its default is **required**. A default of *none* means that there is no such thing.
- Numbers are plain and in the unit that is named here and at the end of the key. Sizes may be written as 4MiB or 1GiB.
- A name has up to 64 letters, digits, `_`, `.` and `-`, and begins with a letter or digit.
- A text that looks like a number, or has `: ` or ` #` in it, needs quotes.
- Files are relative to the file that names them. Files with secrets may be readable by their owner only.
- Begin with `config/minimal.yaml` and keep your file short. Which keys a running gateway takes up is in
  [operations](operations.md#reload).
"""


def page() -> str:
    """Return the whole page."""
    lists = ("devices", "detectors")
    parts = [INTRODUCTION, "## The sections", table(SCHEMA, "")]
    for key, about in SCHEMA["properties"].items():
        parts += [part for name in classes_in(about) if key not in lists for part in section(key, name)]
    parts += union("devices", "Devices", "protocol")
    parts += union("detectors", "Checks", "detector")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def union(key: str, title: str, tag: str) -> Iterator[str]:
    """Yield the part on a list whose items are of different classes: what they share, then each."""
    kinds = {word: name_of(ref) for word, ref in SCHEMA["properties"][key]["items"]["discriminator"]["mapping"].items()}
    yield f"## {title}"
    yield f"The list `{key}`. {SCHEMA['properties'][key]['description']} The `{tag}` of an item says which keys it has."
    shared = common(kinds.values())
    yield f"### Keys of every {tag}"
    yield rows(shared, next(iter(kinds.values())), required=("name",))
    points = [name for name in map(point_of, kinds.values()) if name]
    of_points = common(points) if points else {}
    if points:
        yield "### Keys of every point"
        yield rows(of_points, points[0], required=("name",))
        for inner in of_points:
            yield from (part for name in classes_in(of_points[inner]) for part in section(inner, name))
    for word, name in kinds.items():
        yield f"### {tag}: {word}"
        yield said(CLASSES[name])
        yield from own(name, shared, skip=tag)
        if point_of(name):
            yield f"Each of its `points`: {said(CLASSES[point_of(name)])}"
            yield from own(point_of(name), of_points, skip="")


def own(name: str, shared: dict[str, Any], skip: str) -> Iterator[str]:
    """Yield the table of the keys that a class has for itself, and what stands within them."""
    found = {
        key: about for key, about in CLASSES[name]["properties"].items() if shared.get(key) != about and key != skip
    }
    yield rows(found, name, CLASSES[name].get("required", ())) if found else "It has no keys of its own."
    yield from within(found, but=point_of(name))


def within(found: dict[str, Any], but: str = "") -> Iterator[str]:
    """Yield the tables of what stands within keys."""
    for key, about in found.items():
        for inner in classes_in(about):
            if inner != but:
                yield f"Within `{key}`: {said(CLASSES[inner])}"
                yield table(CLASSES[inner], inner)


def section(key: str, name: str) -> Iterator[str]:
    """Yield the part on one class."""
    yield f"### {key}"
    yield said(CLASSES[name])
    yield table(CLASSES[name], name)
    yield from within(CLASSES[name]["properties"])


def common(names: Iterable[str]) -> dict[str, Any]:
    """Return the keys that all of the classes have, in the words that most of them use."""
    all_of = [CLASSES[name]["properties"] for name in names]
    found = {}
    for key in all_of[0]:
        wordings = [json.dumps(each[key]) for each in all_of if key in each]
        if len(wordings) == len(all_of) and (most := Counter(wordings).most_common(1)[0])[1] > 1:
            found[key] = json.loads(most[0])
    return found


def table(described: dict[str, Any], name: str) -> str:
    """Return the table of all keys of a class."""
    return rows(described["properties"], name, described.get("required", ()))


def rows(found: dict[str, Any], name: str, required: Any = ()) -> str:
    """Return the table of some keys of a class."""
    lines = [HEAD]
    for key, about in found.items():
        default = "**required**" if key in required else shown_default(key, about)
        shown = "" if classes_in(about) or "discriminator" in about.get("items", {}) else example(name, key)
        cells = (f"`{key}`", said(about), allowed(key, about), default, shown)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def allowed(key: str, about: dict[str, Any]) -> str:
    """Say what a key takes: words, a range with its unit, a list of what."""
    ways = [way for way in about.get("anyOf", [about]) if way.get("type") != "null"]
    if key.endswith("_bytes"):
        return span(key, about | ways[-1], low="ge", high="le")
    kind = ways[0].get("type")
    if "enum" in ways[0]:
        return words(ways[0])
    if kind == "array":
        return listed(ways[0])
    if kind in ("integer", "number"):
        return span(key, ways[0])
    return text(ways[0]) if kind == "string" else "`true`, `false`" if kind == "boolean" else mapping(ways[0])


def words(way: dict[str, Any]) -> str:
    """Say which words are allowed."""
    return ", ".join(f"`{word}`" for word in way["enum"])


def listed(way: dict[str, Any]) -> str:
    """Say what a list holds."""
    if "prefixItems" in way:
        return "list of two"
    items = way["items"]
    if "enum" in items:
        return f"list of {words(items)}"
    kinds = {"string": "list of texts", "array": "list of pairs"}
    return kinds.get(items.get("type", ""), "list, see below")


def mapping(way: dict[str, Any]) -> str:
    """Say what stands within a key."""
    return f"keys with {words(way['additionalProperties'])}" if "additionalProperties" in way else "keys, see below"


def span(key: str, way: dict[str, Any], low: str = "minimum", high: str = "maximum") -> str:
    """Say the range of a number, with its unit."""
    unit = next((f" {unit}" for end, unit in UNITS.items() if key.endswith(end)), "")
    least, most = way.get(low), way.get(high)
    over, under = way.get("exclusiveMinimum"), way.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f"{keys.amount(key, least)} to {keys.amount(key, most)}{'' if 'bytes' in unit else unit}"
    ends = {"{} or more": least, "more than {}": over, "at most {}": most, "less than {}": under}
    said = ", ".join(end.format(keys.amount(key, value)) for end, value in ends.items() if value is not None)
    return (said or "a number") + ("" if "MiB" in said else unit)


def text(way: dict[str, Any]) -> str:
    """Say what a text may be."""
    if way.get("pattern") == NAME:
        return "a name"
    longest = way.get("maxLength")
    return "a path" if way.get("format") == "path" else f"text, up to {longest} characters" if longest else "text"


def shown_default(key: str, about: dict[str, Any]) -> str:
    """Return what holds when the key is left out."""
    value = about.get("default")
    if value in (None, [], {}, ""):
        return "what stands below" if "default" not in about and classes_in(about) else "*none*"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"`{keys.amount(key, value) if number else written(value)}`"


def classes_in(about: dict[str, Any]) -> list[str]:
    """Return the classes that a key holds, but those of a list of different ones."""
    ways = [about, about.get("items", {}), *about.get("anyOf", ())]
    return [name_of(way["$ref"]) for way in ways if "$ref" in way]


def name_of(reference: str) -> str:
    """Return the class that a reference names."""
    return reference.rpartition("/")[2]


def point_of(name: str) -> str:
    """Return the class of the points of a device, or nothing."""
    points = CLASSES[name]["properties"].get("points", {})
    return next(iter(classes_in(points)), "")


def said(about: dict[str, Any]) -> str:
    """Return a description on one line, without the name of the section that it describes."""
    words = re.sub(r"^Section `\w+`: ", "", re.sub(r"\s+", " ", about["description"]))
    return words[0].upper() + words[1:] if words != about["description"] else words


def examples() -> dict[tuple[str, str], Any]:
    """Return the first value that gateway.yaml has for each key of each class."""
    found: dict[tuple[str, str], Any] = {}
    shown = yaml.safe_load(COMMENTED_KEY.sub(r"\1\2", (ROOT / "config/gateway.yaml").read_text()))
    collect(found, "", SCHEMA, shown)
    return found


def collect(found: dict[tuple[str, str], Any], name: str, described: dict[str, Any], value: dict[str, Any]) -> None:
    """Take the values of one mapping, and of what stands within it."""
    for key, inner in value.items():
        about = described["properties"][key]
        found.setdefault((name, key), inner)
        for item in inner if isinstance(inner, list) else [inner]:
            for below in kinds_of(about, item) if isinstance(item, dict) else ():
                collect(found, below, CLASSES[below], item)


def kinds_of(about: dict[str, Any], item: dict[str, Any]) -> list[str]:
    """Return the class of an item."""
    told = about.get("items", {}).get("discriminator")
    return [name_of(told["mapping"][item[told["propertyName"]]])] if told else classes_in(about)


def example(name: str, key: str) -> str:
    """Return the example of a key as code."""
    value = SHOWN.get((name, key))
    return "" if value in (None, [], {}) else f"`{written(value)}`"


def written(value: Any) -> str:
    """Write a value as the file would."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()


SHOWN = examples()

if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - it is what is kept
