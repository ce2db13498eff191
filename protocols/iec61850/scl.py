"""SCL files (IEC 61850-6): the members of data sets become points. Only loading a configuration needs this.

A member that is a whole data object gives the attributes in it that have the trigger option data change, which are what
reports are about; quality and time go with them. A point is named after its place, without what every value of its
kind ends with: IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX] is LD0.MMXU1.A.phsA.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from open61850.scl import Fcda, SclDataSet, SclError, SclIed

from protocols.iec61850.config import Address, Iec61850Device, Iec61850Point, Type
from protocols.iec61850.scl_file import Attribute, SclFile
from protocols.settings import Fault

MOST_POINTS: Final = 20_000
"""Points from one file: a data set has 1,000 members at most in what is sold, and a bay twenty of them."""
ENDINGS: Final = (".cVal.mag.f", ".mag.f", ".mag.i", ".stVal", ".actVal", ".valWTr.posVal")
NAME_LENGTH: Final = 64


def resolved(device: Iec61850Device) -> tuple[Iec61850Device, Sequence[Fault]]:
    """Return `device` with a point for each value in its data sets; points of its own keep what they say."""
    assert device.scl is not None
    try:
        file = SclFile(device.scl)
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


def brought(device: Iec61850Device) -> dict[tuple[str, int], frozenset[str]]:
    """Return the addresses in the data set of each report, `("reports", index)`, and in each of its `data_sets`.

    Raises:
        SclError, OSError, ValueError: the file is not what it was when `device` was resolved.
    """
    assert device.scl is not None
    file = SclFile(device.scl)
    ied = file.ied(device)
    return {
        (str(path[0]), int(path[1])): frozenset(
            address for address, _, _ in _attributes(file, ied, [(path, name, found)])
        )
        for path, name, found in _data_sets(device, ied)
    }


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
    file: SclFile, ied: SclIed, names: Sequence[tuple[object, str, SclDataSet | None]]
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


def _of_member(file: SclFile, node_type: str, member: Fcda) -> list[Attribute]:
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
