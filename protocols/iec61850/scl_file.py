"""An SCL file (IEC 61850-6) as it lies there: its IEDs with their selectors, and the types of their logical nodes."""

from collections.abc import Iterator, Sequence
from pathlib import Path as File
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from open61850.scl import SclError, SclIed, find_ied, load_ieds

from protocols.iec61850.config import Iec61850Device, Type

MOST_BYTES: Final = 134_217_728
"""Largest file that is read; an SCD of a large substation has 60 MB."""
MOST_DEPTH: Final = 16
MOST_PARTS: Final = 500_000
"""Parts of types that are walked through in one file: types in types multiply, and nothing in a file ends that."""
TYPES: Final[dict[str, Type]] = {
    "BOOLEAN": "bool", "Enum": "enum", "Dbpos": "dbpos", "FLOAT32": "float64", "FLOAT64": "float64",
    "INT8": "int64", "INT16": "int64", "INT24": "int64", "INT32": "int64", "INT64": "int64",
    "INT8U": "int64", "INT16U": "int64", "INT24U": "int64", "INT32U": "int64",
}  # fmt: skip


class Attribute(NamedTuple):
    """A basic data attribute below something: the names down to it, its type, and whether it triggers reports."""

    names: tuple[str, ...]
    type: Type
    triggers: bool


class SclFile:
    """An SCL file: its IEDs, and its templates."""

    def __init__(self, path: File) -> None:
        if path.stat().st_size > MOST_BYTES:
            raise SclError(f"{path.stat().st_size} bytes are over {MOST_BYTES}")
        self._ieds = load_ieds(path)
        self._root = ET.parse(path).getroot()  # noqa: S314  the engineer's own file, in a process of its own
        self._templates = {
            (_local(each), each.get("id", "")): each
            for part in self._root
            if _local(part) == "DataTypeTemplates"
            for each in part
        }
        self._objects: dict[tuple[str, str, str], list[Attribute]] = {}
        self._parts = 0
        self.lacks = f"is not in {path}"

    def ied(self, device: Iec61850Device) -> SclIed:
        """Return the IED that `device` is: by its name, by its address, or the only one."""
        names = ", ".join(each.name for each in self._ieds[:10])
        if device.ied is None:
            found = find_ied(self._ieds, urlsplit(device.url).hostname or "")
            if found is None:
                raise SclError(f"no IED has the address of the url; name one as ied: {names}")
        else:
            found = next((each for each in self._ieds if each.name == device.ied), None)
            if found is None:
                raise SclError(f"it has no IED {device.ied}; it has {names}")
        return found

    def node_types(self, ied: SclIed) -> dict[tuple[str, str], str]:
        """Return the type of each logical node, by logical device and name."""
        devices = (
            device
            for part in self._root
            if _local(part) == "IED" and part.get("name") == ied.name
            for device in part.iter()
            if _local(device) == "LDevice"
        )
        return {
            (ied.domain(device.get("inst", "")), name): node.get("lnType", "")
            for device in devices
            for node in device
            if (name := _name(node)) is not None
        }

    def below(self, node_type: str, names: Sequence[str], constraint: str) -> list[Attribute]:
        """Return the numbers below `names` in a logical node, which have this functional constraint."""
        key, rest = (node_type, names[0], constraint), tuple(names[1:])
        if key not in self._objects:
            template = self._templates.get(("LNodeType", node_type))
            part = next((each for each in (() if template is None else template) if each.get("name") == names[0]), None)
            inner = None if part is None else self._templates.get(("DOType", part.get("type", "")))
            self._objects[key] = list(self._walk(inner, constraint, (), MOST_DEPTH))
        return [each for each in self._objects[key] if each.names[: len(rest)] == rest]

    def _walk(
        self,
        template: ET.Element | None,
        constraint: str,
        names: tuple[str, ...],
        depth: int,
        triggers: bool = False,  # noqa: FBT001, FBT002
    ) -> Iterator[Attribute]:
        if template is None or not depth:
            return
        for part in template:
            self._parts += 1
            if self._parts > MOST_PARTS:
                raise SclError(f"its types have over {MOST_PARTS} parts: one is perhaps part of itself")
            kind, name, basic = _local(part), (*names, part.get("name", "")), part.get("bType", "")
            if kind == "SDO":
                yield from self._walk(
                    self._templates.get(("DOType", part.get("type", ""))), constraint, name, depth - 1
                )
            elif kind == "BDA" or (kind == "DA" and part.get("fc") == constraint):
                fires = triggers or part.get("dchg") == "true"
                if basic == "Struct":
                    inner = self._templates.get(("DAType", part.get("type", "")))
                    yield from self._walk(inner, constraint, name, depth - 1, fires)
                elif basic in TYPES and not part.get("count"):
                    yield Attribute(name, TYPES[basic], fires)

    def selectors(self, device: Iec61850Device, ied: SclIed) -> dict[str, str]:
        """Return the selectors of the access point, where the device has those that are left out."""
        keys = {"OSI-TSEL": "t_selector", "OSI-SSEL": "s_selector", "OSI-PSEL": "p_selector"}
        for part in self._root.iter():
            if _local(part) == "ConnectedAP" and part.get("iedName") == ied.name:
                told = {each.get("type", ""): (each.text or "").strip() for each in part.iter() if _local(each) == "P"}
                host = urlsplit(device.url).hostname
                if len(ied.addresses) > 1 and told.get("IP") != host:
                    continue
                found = {key: told[word] for word, key in keys.items() if _is_selector(told.get(word, ""))}
                left_out = {key: Iec61850Device.__dataclass_fields__[key].default for key in keys.values()}
                return {key: value for key, value in found.items() if getattr(device, key) == _default(left_out[key])}
        return {}


def _local(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _name(node: ET.Element) -> str | None:
    if _local(node) == "LN0":
        return "LLN0"
    parts = (node.get("prefix", ""), node.get("lnClass", ""), node.get("inst", ""))
    return "".join(parts) if _local(node) == "LN" else None


def _is_selector(text: str) -> bool:
    try:
        return 0 < len(bytes.fromhex(text)) <= 16
    except ValueError:
        return False


def _default(field: object) -> object:
    return getattr(field, "default", field)
