"""IEC 61850: what an IED shows of its model: logical devices, data sets, report control blocks, and values.

It is only asked and read: no block is reserved, configured or enabled.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any, Final

from open61850.mms.pdu import ObjectName

from gateway import number
from gateway.decode import paste
from gateway.decode.options import Failed, Options, WrongUse, device, head
from protocols.driver import LinkLost
from protocols.iec61850.attributes import COMMON, Attributes
from protocols.iec61850.browse import Block, Model, address, logical_devices, model, values
from protocols.iec61850.codec import Refusal
from protocols.iec61850.config import Iec61850Device
from protocols.iec61850.layout import Image, Path, Wanted
from protocols.iec61850.polled import fetch, in_messages, variables
from protocols.iec61850.questions import Questions
from protocols.iec61850.session import Session
from protocols.iec61850.transport import Violation
from protocols.reason import reason

INSTANCE: Final = re.compile(r"\d\d$")
"""The number of an instance at the end of the name of a block (IEC 61850-6 clause 9.3.8)."""
ENDINGS: Final = (".cVal.mag.f", ".mag.f", ".mag.i", ".stVal", ".actVal", ".valWTr.posVal")
"""What values of their kind all end with, and names need not."""


@dataclass(slots=True)
class _Found:
    """What the IED has shown so far; `sets` by their references, with their members."""

    identity: str = ""
    models: list[Model] = field(default_factory=list)
    sets: dict[str, list[Path]] = field(default_factory=dict)
    blocks: list[tuple[Block, Attributes]] = field(default_factory=list)
    points: list[tuple[Path, str | None]] = field(default_factory=list)
    left_off: int = 0
    now: list[str] = field(default_factory=list)


async def look(options: Options) -> dict[str, Any]:
    """Ask for the model, and read every value once.

    Raises:
        Failed, WrongUse: why not, and what to do next.
    """
    if options.address is not None or options.map:
        raise WrongUse("an ADDRESS and --map are for Modbus; an IED tells its model by itself")
    config: Iec61850Device = device(Iec61850Device, options)
    try:
        async with asyncio.timeout(2 * config.timeout_s):
            session = await Session.open(config)
    except (OSError, LinkLost) as error:
        raise Failed(
            f"no association with {config.url}: {reason(error)}; check address and port, "
            "then the selectors (--set t_selector=0001 --set s_selector=0001 --set p_selector=00000001)"
        ) from None
    found = _Found()
    try:
        await _browse(Questions(session, config.timeout_s), found, options.most)
    except (LinkLost, TimeoutError, Violation) as error:
        raise Failed(f"{config.url} did not let itself be browsed: {error}") from None
    finally:
        session.conclude()
        await session.close()
    if not found.models:
        raise Failed(f"{config.url} answers, but shows no logical device: is it configured?")
    return _answer(config, options, found)


async def _browse(questions: Questions, found: _Found, most: int) -> None:
    found.identity = await questions.identity()
    for name in await logical_devices(questions):
        found.models.append(await model(questions, name))
    for each in found.models:
        for item in each.data_sets:
            members = await questions.directory(ObjectName(item, each.device))
            found.sets[f"{each.device}/{item}"] = [] if isinstance(members, Refusal) else members
        for block in each.blocks:
            item = f"{block.node}${block.constraint}${block.name}"
            found.blocks.append((block, await Attributes.read(questions, block.device, item, COMMON)))
    await _points(questions, found, most)
    found.now = await _now(questions, [path for path, _ in found.points])


async def _points(questions: Questions, found: _Found, most: int) -> None:
    """Choose the values: those in data sets first."""
    nodes = [node for each in found.models for node in each.nodes]
    await questions.learn(nodes)
    trees = [tree for node in nodes if (tree := questions.tree(node)) is not None]
    points = [point for tree in trees for point in values(tree.root, list(tree.leaves)) if _can_be_named(point[0])]
    roots = {member for members in found.sets.values() for member in members}
    points.sort(key=lambda point: not any(point[0][:depth] in roots for depth in range(3, len(point[0]) + 1)))
    found.points, found.left_off = points[:most], max(0, len(points) - most)


async def _now(questions: Questions, paths: Sequence[Path]) -> list[str]:
    image = Image(len(paths))
    wanted = [Wanted(path, place) for place, path in enumerate(paths)]
    for asked in in_messages(variables(questions, wanted, image), questions.max_pdu):
        await fetch(questions, asked, image)
    return [_shown(image.values[place], image.quality[place]) for place in range(len(paths))]


def _shown(value: float, quality: int) -> str:
    shown = number.shown(value)
    return f"{shown}, quality {quality:#06x}" if quality else shown


def _can_be_named(path: Path) -> bool:
    try:
        address(path)
    except ValueError:
        return False
    return True


def _answer(config: Iec61850Device, options: Options, found: _Found) -> dict[str, Any]:
    name, ied = paste.Names(), commonprefix([each.device for each in found.models])  # noqa: RUF071  of characters
    points, now = list[dict[str, Any]](), dict[str, str]()
    for (path, kind), value in zip(found.points, found.now, strict=True):
        chosen = name(_short(".".join((path[0], path[1], *path[3:]))))
        points.append({"name": chosen, "address": address(path), "type": kind})
        now[chosen] = value
    keys = head(config, options, name=paste.Names()(ied or found.models[0].device))
    reports = [{"block": each} for each in _chosen(found)]
    return {
        "url": config.url,
        "protocol": "iec61850",
        "identity": found.identity,
        "logical_devices": {each.device: len({node for _, node, *_ in each.nodes}) for each in found.models},
        "data_sets": {_reference(each): len(members) for each, members in found.sets.items()},
        "blocks": [_told(block, has) for block, has in found.blocks],
        "whole": all(each.whole for each in found.models),
        "left_off": found.left_off,
        "now": now,
        "device": {**keys, **({"reports": reports} if reports else {}), "points": points},
    }


def _chosen(found: _Found) -> Iterator[str]:
    """Yield a block for each data set that has one: buffered before unbuffered, its instances by one name."""
    taken = set[str]()
    for block, has in sorted(found.blocks, key=lambda each: each[0].constraint):
        wanted = has.text("DatSet")
        if wanted in found.sets and wanted not in taken:
            taken.add(wanted)
            yield INSTANCE.sub("", block.reference)


def _told(block: Block, has: Attributes) -> dict[str, Any]:
    return {
        "block": block.reference,
        "buffered": block.constraint == "BR",
        "data_set": _reference(has.text("DatSet")),
        "enabled": has.flag("RptEna"),
        "conf_rev": has.integer("ConfRev"),
        "integrity_ms": has.integer("IntgPd"),
        "buffer_ms": has.integer("BufTm"),
    }


def _reference(name: str) -> str:
    return name.replace("$", ".")


def _short(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name[-paste.LONGEST_NAME :]


def page(found: dict[str, Any]) -> str:
    """Return what was found as YAML: the model as comments, then the device."""
    notes = [found["identity"]] if found["identity"] else []
    notes += [f"logical device {name}: {count} logical nodes" for name, count in found["logical_devices"].items()]
    notes += [f"data set {name}: {count} members" for name, count in found["data_sets"].items()]
    notes += [_note(each) for each in found["blocks"]]
    if not found["whole"]:
        notes.append("the device did not tell all of its names")
    if found["left_off"]:
        notes.append(f"{found['left_off']} more points are left off: ask again with a higher --most")
    keys = {key: value for key, value in found["device"].items() if key != "points"}
    return paste.device(keys, found["device"]["points"], notes, found["now"])


def _note(block: dict[str, Any]) -> str:
    kind = "buffered" if block["buffered"] else "unbuffered"
    of = block["data_set"] or "no data set"
    return f"{kind} block {block['block']}: {of}" + (", a client has it now" if block["enabled"] else "")
