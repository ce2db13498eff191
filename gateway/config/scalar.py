"""What a word without quotes means: the core schema of YAML 1.2, clause 10.3.2, so `yes` and `on` stay texts."""

import re
import sys
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
DECIMAL = re.compile(r"[-+]?[0-9]{1,300}")
PREFIXED = re.compile(r"0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
SHORT = 32
"""Longest text, in characters, that is kept once however often it stands in the file: words like `float32`."""


def resolve(text: str) -> Scalar:
    """Return what the plain scalar `text` means."""
    if text in WORDS:
        return WORDS[text]
    if text[0] in "0123456789+-.":
        return _number(text)
    return shared(text)


def shared(text: str) -> str:
    """Return `text`, the same object for the same short text."""
    return sys.intern(text) if len(text) <= SHORT else text


def _number(text: str) -> Scalar:
    if DECIMAL.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if PREFIXED.fullmatch(text):
        return int(text, 0)
    return float(text.replace(".", "")) if INFINITE.fullmatch(text) else shared(text)
