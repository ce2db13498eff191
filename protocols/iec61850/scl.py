"""SCL files (IEC 61850-6): the members of data sets become points. Only loading a configuration needs this.

A member that is a whole data object gives the attributes in it that have the trigger option data change, which are what
reports are about; quality and time go with them. A point is named after its place, without what every value of its
kind ends with: IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX] is LD0.MMXU1.A.phsA.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from open61850.scl import Fcda, SclDataSet, SclError, SclIed, find_ied, load_ieds

from protocols.iec61850.config import Address, Iec61850Device, Iec61850Point, Type
from protocols.settings import Fault

MOST_POINTS: Final = 20_000
"""Points from one file: a data set has 1,000 members at most in what is sold, and a bay twenty of them."""
MOST_BYTES: Final = 134_217_728
"""Largest file that is read; an SCD of a large substation has 60 MB."""
MOST_DEPTH: Final = 16
MOST_PARTS: Final = 500_000
"""Parts of types that are walked through in one file: types in types multiply, and nothing in a file ends that."""
ENDINGS: Final = (".cVal.mag.f", ".mag.f", ".mag.i", ".stVal", ".actVal", ".valWTr.posVal")
TYPES: Final[dict[str, Type]] = {
    "BOOLEAN": "bool", "Enum": "enum", "Dbpos": "dbpos", "FLOAT32": "float64", "FLOAT64": "float64",
    "INT8": "int64", "INT16": "int64", "INT24": "int64", "INT32": "int64", "INT64": "int64",
    "INT8U": "int64", "INT16U": "int64", "INT24U": "int64", "INT32U": "int64",
}  # fmt: skip
NAME_LENGTH: Final = 64


class Attribute(NamedTuple):
    """A basic data attribute below something: the names down to it, its type, and whether it triggers reports."""

    names: tuple[str, ...]
    type: Type
    triggers: bool


def resolved(device: Iec61850Device) -> tuple[Iec61850Device, Sequence[Fault]]:
    """Return `device` with a point for each value in its data sets; points of its own keep what they say."""
    assert device.scl is not None
    try:
        file = _File(device.scl)
        ied = file.ied(device)
        names = list(_data_sets(device, ied))
        attributes = list(_attributes(file, ied, names))
    except (SclError, OSError, ValueError) as error:
        return device, [(("scl",), f"{device.scl}: {error}")]
    missing = [fault for path, wanted, found in names if found is None for fault in [(path, f"{wanted} {file.lacks}")]]
    if missing:
        return device, missing
    own = {point.address for point in device.points}
    taken = {point.name for point in device.points}
    points = list(device.points)
    for address, name, kind in attributes:
        if address not in own:
            own.add(address)
            points.append(Iec61850Point(name=_free(name, taken), address=address, type=kind))
    if len(points) > MOST_POINTS:
        return device, [(("scl",), f"{device.scl}: {len(points)} points are over {MOST_POINTS}")]
    selectors: dict[str, Any] = file.selectors(device, ied)
    return replace(device, points=tuple(points), **selectors), ()


class _File:
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


def _data_sets(device: Iec61850Device, ied: SclIed) -> Iterator[tuple[tuple[str | int, ...], str, SclDataSet | None]]:
    """Yield the data sets that the device names, itself or by a report control block, with where it does."""
    sets = {(each.domain, each.ln, each.name): each for each in ied.data_sets}
    for index, name in enumerate(device.data_sets):
        domain, _, item = name.partition("/")
        yield (
            ("data_sets", index),
            f"data set {name}",
            sets.get((domain, item.partition(".")[0], item.partition(".")[2])),
        )
    for index, report in enumerate(device.reports):
        domain, _, item = report.block.partition("/")
        node, _, wanted = item.partition(".")
        block = next(
            (
                each
                for each in ied.report_controls
                if (each.domain, each.ln) == (domain, node)
                and wanted in (each.name, *(one.item.rpartition("$")[2] for one in each.instances()))
            ),
            None,
        )
        found = None if block is None else sets.get((domain, node, block.dat_set or ""))
        yield ("reports", index, "block"), f"block {report.block} with a data set", found


def _attributes(
    file: _File, ied: SclIed, names: Sequence[tuple[object, str, SclDataSet | None]]
) -> Iterator[tuple[str, str, Type]]:
    """Yield address, name and type of each value in the data sets."""
    nodes = file.node_types(ied)
    for found in (each for _, _, each in names if each is not None):
        for member, domain in zip(found.members, found.member_domains, strict=True):
            for attribute in _of_member(file, nodes.get((domain, member.ln), ""), member):
                names_down = (*member.do_name.split(".")[:1], *attribute.names)
                place = ".".join((member.ln, *names_down))
                address = f"{domain}/{place}[{member.fc}]"
                Address.parse(address)
                inst = member.ld_inst if member.ld_inst in domain else domain
                yield address, _short(f"{inst or domain}.{place}"), attribute.type


def _of_member(file: _File, node_type: str, member: Fcda) -> list[Attribute]:
    down = [name for name in (*member.do_name.split("."), *member.da_name.split(".")) if name]
    found = file.below(node_type, down, member.fc) if down else []
    triggering = [each for each in found if each.triggers and each.names[-1] != "range"]
    return triggering or found


def _short(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name[-NAME_LENGTH:].lstrip("._-")


def _free(name: str, taken: set[str]) -> str:
    number, found = 2, name
    while found in taken:
        found = f"{name[: NAME_LENGTH - 4]}_{number}"
        number += 1
    taken.add(found)
    return found


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
