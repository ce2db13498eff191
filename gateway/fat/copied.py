"""A configuration in the words of the simulator: its points, its devices, and a configuration that points at them."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config import Config
from gateway.fat.subject import Subject
from gateway.lines import conversations
from protocols.config import Device
from protocols.modbus.config import WIDTH, ModbusDevice
from protocols.point import PointConfig
from simulator.standin import words
from simulator.standin.copy import NEEDS, possible

DNP3_WIRE = {"float64": "float32"}
"""Analogs are told as 32-bit floats (variation 5 of group 30)."""
COUNTED = {"actVal": "int64", "frVal": "int64", "posVal": "int8", "i": "int32"}
"""Attributes of IEC 61850-7-3 that are whole numbers whatever the point calls them."""
SECURED = (
    "ca_file", "cert_file", "key_file", "server_name", "certificate_file", "server_certificate_file", "username",
    "password_file", "profile", "scl", "ied",
)  # fmt: skip
"""Keys of a device that its copy has no use for."""
REPORTED_S = 0.6
"""What a DNP3 outstation or an OPC UA server may take beyond its own times to tell a change."""


def subjects(config: Config) -> list[Subject]:
    """Return every point of the configuration, in its order."""
    rows = [(device, point) for device in config.devices for point in device.points]
    return [_subject(config, device, point, rank) for rank, (device, point) in enumerate(rows)]


def _subject(config: Config, device: Device, point: PointConfig, rank: int) -> Subject:
    return Subject(
        device=device.name,
        point=point,
        kind=_wire(device, point),
        rank=rank,
        latency_s=_latency(config, device, point),
        why_not=_why_not(device, point),
    )


def _wire(device: Device, point: PointConfig) -> str:
    """Return the type on the wire."""
    any_point: Any = point
    match device.protocol:
        case "dnp3":
            return DNP3_WIRE.get(point.kind, point.kind)
        case "iec61850":
            names = str(any_point.address).partition("[")[0].split(".")
            if point.kind == "bool" and names[-2:] == ["Pos", "stVal"]:
                return "switch"
            if point.kind in ("float64", "int64"):
                return COUNTED.get(names[-1], "float32" if point.kind == "float64" else "int32")
            return point.kind
        case _:
            return point.kind


def _latency(config: Config, device: Device, point: PointConfig) -> float:
    """Return how long the gateway may take to hear of a change of `point`; seconds."""
    any_device: Any = device
    match device.protocol:
        case "dnp3":
            return float(any_device.events_every_s + any_device.timeout_s)
        case "opcua" if not point.deadband:
            return float((any_device.publishing_ms + any_device.sampling_ms) / 1000 + REPORTED_S)
        case "iec61850":
            gathers = max([each.buffer_ms or 0 for each in any_device.reports], default=0)
            return float((point.every_s or device.every_s) + gathers / 1000)
        case _:
            lines = sum(each.endpoint == device.endpoint for each in config.devices)
            return (point.every_s or device.every_s) + min(device.timeout_s, 0.1 * lines)


def _why_not(device: Device, point: PointConfig) -> str:
    any_point: Any = point
    if point.kind == "octets":
        return "a string of octets is no number"
    if point.scale == 0:
        return "its scale is 0"
    address = str(getattr(any_point, "address", ""))
    if isinstance(device, ModbusDevice) and (bits := _bits_within(device, any_point)):
        return f"its register is also read bit by bit, as {bits[0]}, and is tested by its bits"
    if device.protocol == "opcua" and not address.startswith(("ns=", "nsu=")):
        return "a node of the OPC UA standard itself has a value of its own"
    return ""


def _bits_within(device: ModbusDevice, point: Any) -> list[str]:
    """Return the points that are bits of the registers of `point`."""
    whole = point.place
    covered = range(whole.offset, whole.offset + WIDTH[point.kind]) if whole.bit is None else range(0)
    bits = (other for other in device.points if other.place.bit is not None and other.place.table == whole.table)
    return [other.name for other in bits if other.place.offset in covered]


def untold(device: Device) -> str:
    """Return why nobody can stand in for `device`; empty when somebody can."""
    if device.protocol == "tap":
        return "it only listens to a network; `gridsentinel demo --attacks` tries the checks of a tap"
    if device.protocol not in ("modbus", "dnp3", "iec61850", "opcua"):
        return f"the simulator has no server of {device.protocol}"
    if not possible(device.protocol):
        return f"the simulator needs {NEEDS[device.protocol]} for it: pip install 'gridsentinel[demo]'"
    return "" if device.points else "it has no points"


def spoken(devices: Sequence[Device], about: Sequence[Subject]) -> list[words.Conversation]:
    """Return the conversations of `devices`, whose points are among `about`, as the simulator knows them."""
    of = {(subject.device, subject.point.name): subject for subject in about}
    return [
        words.Conversation(
            key=key,
            way="modbus_rtu" if key.startswith("rtu") else members[0].protocol,
            serial=_serial(key),
            devices=[_device(member, of) for member in members],
        )
        for key, members in conversations(device for device in devices if not untold(device)).items()
    ]


def _serial(url: str) -> bool:
    return urlsplit(url).scheme in ("rtu", "serial")


def _device(device: Any, of: Mapping[tuple[str, str], Subject]) -> words.Device:
    return words.Device(
        name=device.name,
        station=getattr(device, "unit", getattr(device, "outstation", 0)),
        blocks=[report.block for report in getattr(device, "reports", ())],
        data_sets=list(getattr(device, "data_sets", ())),
        signals=[
            signal(of[device.name, point.name])
            for point in device.points
            if not (device.protocol == "opcua" and of[device.name, point.name].why_not)
        ],
    )


def signal(subject: Subject) -> words.Signal:
    """Return how a point is shown."""
    return words.Signal(
        name=subject.name,
        address=subject.address,
        kind=subject.kind,
        order=subject.order or "big",
        scale=subject.point.scale or 1.0,
        offset=subject.point.offset,
        value=subject.at_rest,
    )


def redirected(devices: Sequence[Device], places: Mapping[str, int | str], host: str) -> tuple[Device, ...]:
    """Return the devices that are stood in for, each with the url of its stand-in and without security."""
    urls = {
        member.name: _url(str(getattr(member, "url", "")), places[key], host)
        for key, members in conversations(devices).items()
        if key in places
        for member in members
    }
    return tuple(_redirected(device, urls[device.name]) for device in devices if device.name in urls)


def _redirected(device: Any, url: str) -> Device:
    has = {field.name for field in fields(device)}
    changes: dict[str, Any] = {key: None for key in SECURED if key in has}
    if "security_policy" in has:
        changes["security_policy"] = "none"
    return replace(device, url=url, **changes)  # type: ignore[no-any-return]


def _url(url: str, place: int | str, host: str) -> str:
    parts = urlsplit(url)
    if _serial(url):
        baud = next((word for word in parts.query.split("&") if word.startswith("baud=")), "baud=9600")
        return f"{parts.scheme}://{place}?{baud}&parity=N"
    scheme = {"tls": "tcp"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{host}:{place}"


def text(config: Config) -> str:
    """Return a configuration as YAML, complete in itself: what is as by default is left out."""
    return yaml.safe_dump(_plain(config), sort_keys=False, width=120, allow_unicode=True)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        said = {field.name: getattr(value, field.name) for field in fields(value)}
        own = {field.name for field in fields(value) if _is_default(field, said[field.name])}
        return {key: _plain(each) for key, each in said.items() if key in ("detector", "protocol") or key not in own}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def _is_default(field: Any, value: Any) -> bool:
    default = field.default
    if isinstance(default, FieldInfo):
        default = default.get_default(call_default_factory=True, validated_data={})
    elif default is MISSING and field.default_factory is not MISSING:
        default = field.default_factory()
    return default is not MISSING and default is not PydanticUndefined and bool(default == value)
