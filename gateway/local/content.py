"""What a report holds, as lines of text: whatever kind it is of."""

from collections.abc import Iterator, Mapping
from typing import Any

LISTED = 6
"""Items shown of a list."""


def content(body: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield `key value` for all of `body`; what lies within another key has its path."""
    for key, value in body.items():
        if isinstance(value, Mapping):
            yield from content(value, f"{path}{key}.")
        else:
            yield f"{path}{plain(key)}  {_told(value)}"


def plain(text: str) -> str:
    """Return `text` without what a terminal would obey: names and texts come from devices and brokers."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def _told(value: Any) -> str:
    if isinstance(value, list):
        more = len(value) - LISTED
        return ", ".join(map(_told, value[:LISTED])) + (f" and {more} more" if more > 0 else "")
    return f"{value:g}" if isinstance(value, float) else "-" if value is None else plain(str(value))
