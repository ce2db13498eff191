"""How configuration classes are made: frozen, with slots; checked by pydantic where files are read, plain elsewhere.

The running daemon gets its configuration from a process that has checked it, so it does without pydantic, which would
take 11 MB of memory and a quarter of a second: `gridsentinel run` sets GRIDSENTINEL_PLAIN before the first import, and
every class is then an ordinary dataclass of the same name and slots.
"""

import os
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform

PLAIN = "GRIDSENTINEL_PLAIN"
"""Set in the environment of a process whose configuration another one has checked."""

if TYPE_CHECKING or PLAIN not in os.environ:
    from pydantic import AfterValidator, ByteSize, ConfigDict, Field
    from pydantic.dataclasses import dataclass

    RULES: dict[str, Any] = {
        # a file has few of the devices and checks there are; what it has not is not built
        "config": ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True),
    }
else:
    from dataclasses import dataclass, field

    RULES = {}
    ByteSize = int

    def AfterValidator(_function: Any) -> None:  # noqa: N802 - stands in for pydantic's
        """Check nothing: it was checked."""

    def Field(**rules: Any) -> Any:  # noqa: N802 - stands in for pydantic's
        """Keep the default of a key and nothing else."""
        return field(**{key: rules[key] for key in ("default", "default_factory") if key in rules})


__all__ = ["PLAIN", "AfterValidator", "Bytes", "Fault", "Field", "Name", "Path", "Seconds", "Timezone", "settings"]

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Where a fault stands below a configuration object: keys and indices."""

Fault = tuple[Path, str]
"""A fault that only shows between keys: where, and what is wrong and allowed."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A name that is safe in an MQTT topic, a file name and a log line."""

if TYPE_CHECKING:
    Bytes = int
else:
    Bytes = Annotated[ByteSize, AfterValidator(int)]
"""A size: a number of bytes, or a text like 256MiB; an int once read."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _timezone(name: str) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where files are read

    try:
        if name != "UTC":
            ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"'{name}' is no time zone that this computer knows: a name such as Africa/Nairobi") from None
    return name


if TYPE_CHECKING:
    Timezone = str
else:
    Timezone = Annotated[str, AfterValidator(_timezone)]
    """An IANA name; UTC needs no data of the system."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def settings(cls: type[T]) -> type[T]:
    """Make `cls` a configuration class: its annotations are the keys, `Field` gives default, range and doc."""
    make: Any = dataclass
    return make(cls, frozen=True, slots=True, kw_only=True, **RULES)  # type: ignore[no-any-return]
