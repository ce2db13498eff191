"""What `gridsentinel decode` was asked: which device, over which protocol, and what to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

PROTOCOL_OF_SCHEME = {
    "opc.tcp": "opcua",
    "serial": "dnp3",
    "rtu": "modbus",
    "rtu+tcp": "modbus",
}
PROTOCOL_OF_PORT = {102: "iec61850", 3782: "iec61850", 19999: "dnp3", 20000: "dnp3", 4840: "opcua"}
"""Registered ports: ISO-TSAP and its TLS, DNP and DNP-SEC, OPC UA; any other is Modbus."""
SCHEMES = ("tcp", "tls", *PROTOCOL_OF_SCHEME)


class WrongUse(Exception):
    """What was asked cannot be done; says in one sentence what can be asked instead."""


class Failed(Exception):
    """The device did not give what was asked; says in one sentence what to do next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One question to one device. `keys` are of its configuration, as texts."""

    url: str
    protocol: str
    address: str | None = None
    count: int | None = None
    expect: float | None = None
    map: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    pause_s: float = 0.02
    most: int = 1000


def protocol_of(url: str) -> str:
    """Return the protocol that scheme and port of `url` tell.

    Raises:
        WrongUse: they tell none.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise WrongUse(f"url '{url}' has no port from 1 to 65535") from None
    if parts.scheme not in SCHEMES:
        raise WrongUse(f"url '{url}' begins with none of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    return PROTOCOL_OF_SCHEME.get(parts.scheme) or PROTOCOL_OF_PORT.get(port or 0, "modbus")


def device(cls: Any, options: Options) -> Any:
    """Return the device of class `cls` that `options` describe, without points, checked as a configuration is.

    Raises:
        WrongUse: a key is unknown or wrong.
    """
    given: dict[str, Any] = {"name": "device", "protocol": options.protocol, "url": options.url}
    given |= {} if options.timeout_s is None else {"timeout_s": options.timeout_s}
    given |= options.keys
    try:
        found = TypeAdapter(cls).validate_python(given)
    except ValidationError as errors:
        first = errors.errors(include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        said = "no such key" if first["type"] == "unexpected_keyword_argument" else said[:1].lower() + said[1:]
        raise WrongUse(_about(first["loc"], said, options)) from None
    for path, text in found.faults():
        raise WrongUse(_about(path, text, options))
    return found


def _about(path: tuple[str | int, ...], said: str, options: Options) -> str:
    key = ".".join(map(str, path))
    return f"{said} ({options.protocol})" if said.startswith(f"{key} ") else f"{key}: {said} ({options.protocol})"


def head(config: Any, options: Options, *always: str, name: str = "") -> dict[str, Any]:
    """Return the keys of a device to paste: name, protocol, url, those in `always`, and what was asked with.

    `name` is what the device calls itself; a name that was asked with comes before it.
    """
    keys = [*always, *(key for key in options.keys if key not in (*always, "name", "protocol", "url"))]
    keys += [] if options.timeout_s is None or "timeout_s" in keys else ["timeout_s"]
    called = config.name if "name" in options.keys else name or config.name
    found = {"name": called, "protocol": options.protocol, "url": config.url}
    return found | {key: _plain(getattr(config, key)) for key in keys}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
