"""How configuration classes are made: frozen, with slots, checked by pydantic, unknown keys refused."""

from typing import Annotated, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as _dataclass

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Where a fault stands below a configuration object: keys and indices."""

Fault = tuple[Path, str]
"""A fault that only shows between keys: where, and what is wrong and allowed."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A name that is safe in an MQTT topic, a file name and a log line."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def settings(cls: type[T]) -> type[T]:
    """Make `cls` a configuration class: its annotations are the keys, `Field` gives default, range and doc."""
    rules = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
    return _dataclass(cls, frozen=True, slots=True, kw_only=True, config=rules)  # type: ignore[return-value]
