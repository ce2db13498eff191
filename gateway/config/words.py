"""What pydantic complains about, in the words of an engineer: what is wrong, what is allowed, did you mean."""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from typing import Any, TypeAlias

from pydantic_core import ErrorDetails

from gateway.config import keys
from protocols.settings import Path

MAX_SHOWN = 60
"""Longest part of a wrong value that is quoted, in characters."""

MAX_LISTED = 40
"""Most allowed words that are listed."""

WANTED = {
    "float_type": "a number", "int_type": "a whole number", "string_type": "a text", "bool_type": "true or false",
    "tuple_type": "a list", "dataclass_type": "a mapping of keys",
    "byte_size": "a size such as 256MiB", "byte_size_unit": "a size such as 256MiB",
}  # fmt: skip
NAMES = {
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": (
        "a name of 1 to 64 letters, digits, '_', '.' and '-' is allowed, the first a letter or digit"
    ),
}
SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def worded(cls: Any, error: ErrorDetails) -> str:
    """Return what is wrong with one key below `cls`."""
    kind, path, value = error["type"], error["loc"], error["input"]
    if kind == "missing":
        return missing(cls, path)
    if kind == "unexpected_keyword_argument":
        return unknown_key(cls, path)
    if kind in WANTED:
        return wrong_type(value, WANTED[kind])
    return WORDS.get(kind, _other)(cls, error)


def missing(cls: Any, path: Path) -> str:
    """Say what belongs where a key is missing."""
    above = keys.owner(cls, path[:-1])
    about = keys.about(above, str(path[-1])).rstrip(".") if above is not None else ""
    return f"this key is missing: {about}" if about else "this key is missing"


def unknown_key(cls: Any, path: Path) -> str:
    """Name the keys that are allowed beside it."""
    above = keys.owner(cls, path[:-1])
    allowed = tuple(keys.fields(above)) if above is not None else ()
    return f"unknown key; {listed(allowed)}{did_you_mean(str(path[-1]), allowed)}"


def unknown_word(value: Any, allowed: Iterable[str]) -> str:
    """Say which words are allowed instead of `value`."""
    choice = tuple(allowed)
    hint = did_you_mean(value, choice) if isinstance(value, str) else ""
    return f"{shown(value)} is unknown; {listed(choice)}{hint}"


def wrong_type(value: Any, wanted: str) -> str:
    """Say what kind of value stands there, and what kind is allowed."""
    if value is None:
        return f"there is no value; {wanted} is allowed, or leave the key out"
    if wanted == "a whole number" and isinstance(value, float):
        return f"{value:g} is not a whole number"
    return f"{shown(value)} is {_kind(value)}; {wanted} is allowed{_remedy(value, wanted)}"


def shown(value: Any) -> str:
    """Quote a wrong value, as far as it helps."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "this"
    text = f"'{value}'" if isinstance(value, str) else f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def listed(words: Iterable[str]) -> str:
    """Write which words are allowed."""
    found = tuple(words)
    more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    return f"allowed {'is' if len(found) == 1 else 'are'} {', '.join(found[:MAX_LISTED])}{more}"


@lru_cache(maxsize=1024)
def did_you_mean(word: str, allowed: tuple[str, ...]) -> str:
    """Return `; did you mean …?` where one of `allowed` looks like `word`, otherwise nothing."""
    near = _nearest(word[:MAX_SHOWN].lower(), allowed) or _nearest(word[:MAX_SHOWN], allowed)
    return f"; did you mean {near}?" if near else ""


def _nearest(word: str, allowed: tuple[str, ...]) -> str:
    """Return what looks most like `word`; of several that do, the one that is named first."""
    near = sorted(get_close_matches(word, allowed), key=allowed.index)
    return max(near, key=lambda each: SequenceMatcher(None, each, word).ratio(), default="")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names: Mapping[type, str] = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return names.get(type(value), type(value).__name__)


def _remedy(value: Any, wanted: str) -> str:
    if isinstance(value, str):
        switch = SWITCHES.get(value.lower(), "") if wanted == "true or false" else ""
        number = wanted.endswith("number") and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", value)
        return f"; did you mean {switch}?" if switch else "; take the quotes away" if number else ""
    return "; put it in quotes" if wanted == "a text" and isinstance(value, int | float) else ""


def _range(cls: Any, error: ErrorDetails) -> str:
    path, value = error["loc"], error["input"]
    field = keys.field_at(cls, path)
    if field is None:
        return _other(cls, error)
    key = next(str(step) for step in reversed(path) if isinstance(step, str))
    side = "small" if error["type"].startswith("greater") else "large"
    return f"{shown(value)} is too {side}; {keys.allowed_range(key, field)} is allowed"


def _literal(_cls: Any, error: ErrorDetails) -> str:
    return unknown_word(error["input"], re.findall(r"'([^']*)'", error["ctx"]["expected"]))


def _pattern(_cls: Any, error: ErrorDetails) -> str:
    pattern = error["ctx"]["pattern"]
    return f"{shown(error['input'])} does not fit; {NAMES.get(pattern, f'{pattern} is allowed')}"


def _own(_cls: Any, error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _infinite(_cls: Any, error: ErrorDetails) -> str:
    return f"{shown(error['input'])} is not a finite number"


def _too_long(_cls: Any, error: ErrorDetails) -> str:
    return f"a text of {len(error['input'])} characters is over {error['ctx']['max_length']}"


def _too_short(_cls: Any, error: ErrorDetails) -> str:
    return f"the list has too few entries; {error['ctx']['min_length']} or more are allowed"


def _other(_cls: Any, error: ErrorDetails) -> str:
    return error["msg"][:1].lower() + error["msg"][1:]


Wording: TypeAlias = Callable[[Any, ErrorDetails], str]
WORDS: dict[str, Wording] = {
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "value_error": _own,
    "finite_number": _infinite,
    "string_too_long": _too_long,
    "too_short": _too_short,
    "greater_than_equal": _range,
    "greater_than": _range,
    "less_than_equal": _range,
    "less_than": _range,
}
