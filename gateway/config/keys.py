"""What the configuration classes allow: which keys, which kinds, which ranges."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from protocols.settings import Path

MIB = 1024 * 1024
BOUNDS = ("ge", "gt", "le", "lt")


def fields(cls: Any) -> Mapping[str, FieldInfo]:
    """Return the keys of a configuration class."""
    found: Mapping[str, FieldInfo] = cls.__pydantic_fields__
    return found


def classes(annotation: Any) -> Iterator[Any]:
    """Yield the configuration classes within `annotation`: of a union, a list, an optional value."""
    if hasattr(annotation, "__pydantic_fields__"):
        yield annotation
        return
    for argument in get_args(annotation):
        yield from classes(argument)


def all_classes(cls: Any) -> Iterator[Any]:
    """Yield `cls` and every class below it, each once."""
    seen, waiting = {cls}, [cls]
    while waiting:
        here = waiting.pop(0)
        yield here
        below = [one for field in fields(here).values() for one in classes(field.annotation) if one not in seen]
        seen.update(below)
        waiting += dict.fromkeys(below)


def about(cls: Any, key: str) -> str:
    """Return what is said of `key`: below it, in `cls` or the class it is inherited from, or by the class it holds."""
    bases = [base for base in cls.__mro__ if key in getattr(base, "__pydantic_fields__", ())]
    said = [_said(base).get(key) for base in bases]
    held = [one.__doc__ for base in bases for one in classes(fields(base)[key].annotation)]
    return next((text for text in (*said, *held) if text), "")


@cache
def _said(cls: Any) -> Mapping[str, str]:
    """Return what stands below each key in the source of `cls`: read when it is asked for, not at every start."""
    (written,) = ast.parse(dedent(inspect.getsource(cls))).body
    assert isinstance(written, ast.ClassDef)
    return {
        key.target.id: inspect.cleandoc(below.value.value)
        for key, below in pairwise(written.body)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }


def kinds(annotation: Any, tag: str) -> dict[str, Any]:
    """Return the classes of a union by the word that chooses among them, as `protocol: modbus` does."""
    return {word: cls for cls in classes(annotation) for word in get_args(get_type_hints(cls)[tag])}


def owner(cls: Any, path: Path) -> Any:
    """Return the class whose keys stand at `path` below `cls`, or None."""
    for step in path:
        if isinstance(step, str):
            field = fields(cls).get(step)
            cls = next(classes(field.annotation), None) if field is not None else None
        if cls is None:
            return None
    return cls


def field_at(cls: Any, path: Path) -> FieldInfo | None:
    """Return what is known of the key at `path` below `cls`."""
    words = [step for step in path if isinstance(step, str)]
    above = owner(cls, tuple(words[:-1]))
    return fields(above).get(words[-1]) if words and above is not None else None


def allowed_range(key: str, field: FieldInfo) -> str:
    """Return the range of a number with its unit: `1 to 3600 s`, `more than 0`."""
    bounds = {word: getattr(item, word) for item in _metadata(field) for word in BOUNDS if hasattr(item, word)}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    unit = "" if high is None and key.endswith("_bytes") else unit_of(key)
    if "ge" in bounds and "le" in bounds:
        return f"{amount(key, low)} to {amount(key, high)}{unit}"
    least = "" if low is None else f"{amount(key, low)} or more" if "ge" in bounds else f"more than {amount(key, low)}"
    most = (
        "" if high is None else f"at most {amount(key, high)}" if "le" in bounds else f"less than {amount(key, high)}"
    )
    return " and ".join(part for part in (least, most) if part) + unit


def unit_of(key: str) -> str:
    """Return the unit that the name of `key` carries."""
    return " a second" if key.endswith("_per_s") else " s" if key.endswith("_s") else ""


def amount(key: str, value: Any) -> str:
    """Write a number as the file would: sizes in MiB, no needless digits."""
    if key.endswith("_bytes") and value % MIB == 0:
        return f"{int(value) // MIB}MiB"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    yield from _annotated(field.annotation)


def _annotated(annotation: Any) -> Iterator[Any]:
    """Yield what Annotated says within an optional value."""
    for item in getattr(annotation, "__metadata__", ()):
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)
    for argument in get_args(annotation):
        yield from _annotated(argument)
