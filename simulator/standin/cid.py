"""A CID file made from addresses: the logical nodes, types, data sets and report control blocks that they name.

    IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX]  =  logical device / node . data object . sub object . attribute [constraint]

Quality and time stand beside the attribute, as the common data classes of IEC 61850-7-3 have them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from simulator.standin.words import Device

ADDRESS: Final = re.compile(r"(\w+)/(\w+)((?:\.\w+)+)\[(\w\w)\]")
BLOCK: Final = re.compile(r"(\w+)/(\w+)\.(\w+)")
TOPMOST: Final = frozenset(
    {
        *("mag", "instMag", "cVal", "instCVal", "stVal", "actVal", "frVal", "valWTr", "mxVal"),
        *("setMag", "setVal", "subVal", "subMag", "subCVal", "origin"),
    }
)
"""Attributes that may have parts; what stands above them are data objects. Elsewhere the last name is the attribute."""
WIRE: Final = {
    "bool": "BOOLEAN", "dbpos": "Dbpos", "switch": "Dbpos", "enum": "Enum",
    "int8": "INT8", "int32": "INT32", "int64": "INT64", "float32": "FLOAT32", "float64": "FLOAT64",
}  # fmt: skip
"""A switch is off or on, told as a double position."""
TOLD: Final = ("ST", "MX")
"""Functional constraints of what has a quality and a time."""
INSTANCES: Final = 3
"""Of each report control block: one a client."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: `objects` from the data object down, `attribute` from the topmost down."""

    domain: str
    node: str
    objects: tuple[str, ...]
    attribute: tuple[str, ...]
    constraint: str

    @classmethod
    def parse(cls, address: str) -> "Place":
        """Read an address.

        Raises:
            ValueError: it names no attribute of a data object.
        """
        match = ADDRESS.fullmatch(address)
        if match is None or match[3].count(".") < 2:
            raise ValueError(f"'{address}' is no attribute of a data object")
        names = tuple(match[3][1:].split("."))
        at = next((place for place, name in enumerate(names) if place and name in TOPMOST), len(names) - 1)
        return cls(match[1], match[2], names[:at], names[at:], match[4])

    def beside(self, name: str) -> str:
        """Return the address of the quality or time that stands beside it."""
        return f"{self.domain}/{self.node}.{'.'.join(self.objects)}.{name}[{self.constraint}]"


@dataclass(slots=True)
class _Object:
    """A data object: those below it, and its attributes by constraint and name, each a type or a tree of types."""

    below: dict[str, "_Object"] = field(default_factory=dict)
    attributes: dict[str, dict[str, object]] = field(default_factory=dict)


def cid(device: Device) -> str:
    """Return the text of the CID file of `device`."""
    domains = _domains(device)
    types, devices = _Types(), []
    for number, (domain, nodes) in enumerate(domains.items()):
        devices.append(f'<LDevice inst="LD{number}" ldName="{domain}">')
        for node in sorted(nodes, key=lambda name: name != "LLN0"):
            tag = "LN0" if node == "LLN0" else "LN"
            devices.append(f'<{tag} lnClass="{node}" inst="" lnType="{types.node(domain, node, nodes[node])}">')
            devices.extend(_controls(device, domain, node, list(domains)))
            devices.append(f"</{tag}>")
        devices.append("</LDevice>")
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B"><Header id="standin"/>',
            '<IED name="STANDIN"><Services>',
            '<ReportSettings optFields="Dyn" bufTime="Dyn" trgOps="Dyn" intgPd="Dyn" resvTms="true"/></Services>',
            '<AccessPoint name="P1"><Server><Authentication/>',
            *devices,
            "</Server></AccessPoint></IED><DataTypeTemplates>",
            *types.written,
            "</DataTypeTemplates></SCL>",
        ]
    )


def _domains(device: Device) -> dict[str, dict[str, dict[str, _Object]]]:
    """Return logical devices, their nodes, and the data objects of these; each device has an LLN0."""
    found: dict[str, dict[str, dict[str, _Object]]] = {}
    for signal in device.signals:
        place = Place.parse(signal.address)
        nodes = found.setdefault(place.domain, {"LLN0": {}})
        objects, one = nodes.setdefault(place.node, {}), _Object()
        for name in place.objects:
            one = objects.setdefault(name, _Object())
            objects = one.below
        tree = one.attributes.setdefault(place.constraint, {})
        for name in place.attribute[:-1]:
            tree = tree.setdefault(name, {})  # type: ignore[assignment]
        tree[place.attribute[-1]] = WIRE[signal.kind]
    for match in filter(None, map(BLOCK.fullmatch, (*device.blocks, *device.data_sets))):
        found.setdefault(match[1], {"LLN0": {}}).setdefault(match[2], {})
    return found


class _Types:
    """The data type templates, written as they are needed."""

    def __init__(self) -> None:
        self.written = [
            '<DOType id="Beh" cdc="ENS"><DA name="stVal" bType="Enum" type="Any" fc="ST" dchg="true"/>',
            '<DA name="q" bType="Quality" fc="ST" qchg="true"/><DA name="t" bType="Timestamp" fc="ST"/></DOType>',
            '<EnumType id="Any"><EnumVal ord="1">on</EnumVal></EnumType>',
        ]

    def node(self, domain: str, name: str, objects: Mapping[str, _Object]) -> str:
        """Write the type of a logical node; return its name."""
        made = f"{domain}.{name}"
        behaviour = "" if "Beh" in objects else '<DO name="Beh" type="Beh"/>'
        parts = "".join(
            f'<DO name="{each}" type="{self._object(f"{made}.{each}", objects[each])}"/>' for each in objects
        )
        self.written.append(f'<LNodeType id="{made}" lnClass="{name}">{behaviour}{parts}</LNodeType>')
        return made

    def _object(self, made: str, one: _Object) -> str:
        parts = [f'<SDO name="{name}" type="{self._object(f"{made}.{name}", it)}"/>' for name, it in one.below.items()]
        for constraint, tree in one.attributes.items():
            change = f'fc="{constraint}" dchg="true"'
            parts.extend(
                f'<DA name="{name}" {self._part(f"{made}.{name}", it)} {change}/>' for name, it in tree.items()
            )
            if constraint in TOLD:
                parts.append(f'<DA name="q" bType="Quality" fc="{constraint}" qchg="true"/>')
                parts.append(f'<DA name="t" bType="Timestamp" fc="{constraint}"/>')
        self.written.append(f'<DOType id="{made}" cdc="ANY">{"".join(parts)}</DOType>')
        return made

    def _part(self, made: str, it: object) -> str:
        if not isinstance(it, dict):
            return f'bType="{it}" type="Any"' if it == "Enum" else f'bType="{it}"'
        parts = [f'<BDA name="{name}" {self._part(f"{made}.{name}", below)}/>' for name, below in it.items()]
        self.written.append(f'<DAType id="{made}">{"".join(parts)}</DAType>')
        return f'bType="Struct" type="{made}"'


def _controls(device: Device, domain: str, node: str, domains: Sequence[str]) -> Iterator[str]:
    """Yield the data sets and report control blocks of a logical node."""
    for match in filter(None, map(BLOCK.fullmatch, device.data_sets)):
        if match[1] == domain and match[2] == node:
            yield _data_set(match[3], _members(device, domain), domains)
    blocks = [match for match in map(BLOCK.fullmatch, device.blocks) if match and match[1] == domain]
    for number, match in enumerate(blocks):
        if match[2] == node:
            yield _data_set(f"ds{match[3]}", _share(_members(device, domain), number, len(blocks)), domains)
            yield _block(match[3])


def _members(device: Device, domain: str) -> list[Place]:
    """Return a place in each data object of a logical device, once."""
    places = (Place.parse(signal.address) for signal in device.signals)
    return list({place.beside(""): place for place in places if place.domain == domain}.values())


def _share(members: Sequence[Place], number: int, blocks: int) -> Sequence[Place]:
    """Return what the block of this number brings: the last one of several the states, the others what is measured."""
    mine = [each for each in members if (each.constraint == "ST") == (number == blocks - 1)]
    return mine if blocks > 1 and mine else members


def _data_set(name: str, members: Sequence[Place], domains: Sequence[str]) -> str:
    parts = (
        f'<FCDA ldInst="LD{domains.index(each.domain)}" lnClass="{each.node}" doName="{".".join(each.objects)}" '
        f'fc="{each.constraint}"/>'
        for each in members
    )
    return f'<DataSet name="{name}">{"".join(parts)}</DataSet>'


def _block(name: str) -> str:
    """Write a block: buffered unless its name says otherwise; with instances unless its name is that of one."""
    buffered = "false" if "urcb" in name.lower() or "unbuf" in name.lower() else "true"
    indexed = "false" if name[-2:].isdigit() else "true"
    return (
        f'<ReportControl name="{name}" datSet="ds{name}" confRev="1" buffered="{buffered}" indexed="{indexed}" '
        'bufTime="50" intgPd="0"><TrgOps dchg="true" qchg="true" period="true" gi="true"/>'
        '<OptFields seqNum="true" timeStamp="true" dataSet="true" reasonCode="true" entryID="true"/>'
        f'<RptEnabled max="{INSTANCES}"/></ReportControl>'
    )
