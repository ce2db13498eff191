"""JSON as it is stored: encoded without NaN, and read back with every type looked at, for the disk may be damaged.

The readers raise TypeError or ValueError for anything else than what they are named after.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def encode(value: Any) -> bytes:
    """Encode compactly; NaN becomes null."""
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(_without_nan(value), separators=(",", ":"), default=_plain)
    return text.encode()


def word(value: Any) -> str:
    """Return `value` if it is a text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def content(value: Any) -> bytes:
    """Return `value` if it is bytes."""
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r:.40} is no content")
    return value


def maybe_word(value: Any) -> str | None:
    """Return `value` if it is a text, or None."""
    return None if value is None else word(value)


def words(value: Any) -> tuple[str, ...]:
    """Return `value` as texts."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    return tuple(word(item) for item in value)


def whole(value: Any, bits: int = 63) -> int:
    """Return `value` if it is an integer of so many bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not -1 << 63 <= value < 1 << bits:
        raise TypeError(f"{value!r:.40} is no integer of {bits} bits")
    if bits < 63 and value < 0:
        raise ValueError(f"{value} is negative")
    return value


def number(value: Any) -> float:
    """Return `value` as a number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is no number")
    return float(value)


def maybe_number(value: Any) -> float | None:
    """Return `value` as a number, or None."""
    if value is None:
        return None
    return number(value)


def flag(value: Any) -> bool:
    """Return `value` if it is true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is neither true nor false")
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is a mapping."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.40} is no mapping")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return _without_nan(value.tolist())
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _without_nan(value: Any) -> Any:
    match value:
        case float():
            return None if math.isnan(value) else value
        case Mapping():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case _:
            return value
