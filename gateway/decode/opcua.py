"""OPC UA: what a server shows below its Objects folder, as far as it is a number or on and off.

Nodes are browsed breadth first and each once, so a bound on their number cuts off depth, never a neighbour. The
server's own diagnostics (namespace 0) are left out.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway import number
from gateway.decode import paste
from gateway.decode.options import Failed, Options, WrongUse, device, head
from protocols.driver import LinkLost
from protocols.opcua.binary import NO_NUMBER, Found, Violation
from protocols.opcua.browse import Reference, browse, browse_next, browsed
from protocols.opcua.codec import Refused, Service
from protocols.opcua.config import Address, OpcuaDevice
from protocols.opcua.encoding import node as encoded
from protocols.opcua.session import Session, read_requests
from protocols.reason import reason

OBJECTS: Final = Address.parse("i=85")
NAMESPACES: Final = 2255
BOOLEAN: Final = 1
"""Node ids and a built-in type of OPC 10000-5 and 10000-6."""
AT_ONCE: Final = 50
"""Nodes browsed in one request: 50 KiB with 20 references each."""
DEEPEST: Final = 16
"""Levels below the Objects folder; companion specifications need 6 to 10."""
MOST_CONTINUED: Final = 256
"""Continuations of one answer: a folder of 25,000 nodes at 100 in each; a server that always has more never ends."""
NAMES_KEPT: Final = 3
"""Last names of the path that make the name of a point."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node that was found: where, and the names that lead to it."""

    id: Address
    path: tuple[str, ...]
    variable: bool


async def look(options: Options) -> dict[str, Any]:
    """Browse, and read every variable once.

    Raises:
        Failed, WrongUse: why not, and what to do next.
    """
    if options.address is not None or options.map:
        raise WrongUse("an ADDRESS and --map are for Modbus; an OPC UA server tells its nodes by itself")
    config: OpcuaDevice = device(OpcuaDevice, options)
    try:
        async with asyncio.timeout(2 * config.timeout_s):
            session = await Session.open(config, time.time_ns)
    except (OSError, LinkLost, Refused, Violation) as error:
        said = reason(error)
        raise Failed(f"no session with {config.url}: {said}; check address, port and security") from None
    try:
        nodes, known = await _browse(session, options.most)
        [names] = await session.facts([NAMESPACES])
        values = await _values(session, nodes, config.timeout_s)
    except (LinkLost, Refused, TimeoutError, Violation) as error:
        raise Failed(f"{config.url} did not let itself be browsed: {error}") from None
    finally:
        await session.close()
    if not nodes:
        raise Failed(f"{config.url} shows no variables to this user: try --set username=USER --set password_file=FILE")
    return _answer(head(config, options), nodes, values, names if isinstance(names, tuple) else (), known)


async def _browse(session: Session, most: int) -> tuple[list[Node], bool]:
    """Return the variables, and whether that was all of them."""
    waiting, seen, found = deque([Node(OBJECTS, (), variable=False)]), {OBJECTS}, list[Node]()
    while waiting and len(seen) < most:
        chosen = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
        for parent, references in zip(chosen, await _references(session, [node.id for node in chosen]), strict=True):
            for reference in references:
                if reference.node in seen or reference.node.namespace == 0 or len(seen) >= most:
                    continue
                seen.add(reference.node)
                node = Node(reference.node, (*parent.path, reference.name), reference.variable)
                found += [node] if node.variable else []
                if len(node.path) < DEEPEST:
                    waiting.append(node)
    return found, not waiting


async def _references(session: Session, nodes: Sequence[Address]) -> list[list[Reference]]:
    """Return what each of `nodes` leads to; nothing where the server refuses one."""
    results = browsed(await session.ask(Service.BROWSE, browse(nodes)))
    if len(results) != len(nodes):
        raise Violation(f"{len(results)} results for {len(nodes)} nodes that were browsed")
    found = [list(result.references) for result in results]
    open_ = [(index, result.more) for index, result in enumerate(results) if result.more]
    for _ in range(MOST_CONTINUED):
        if not open_:
            break
        results = browsed(await session.ask(Service.BROWSE_NEXT, browse_next([point for _, point in open_])))
        for (index, _), result in zip(open_, results, strict=False):
            found[index] += result.references
        open_ = [(i, r.more) for (i, _), r in zip(open_, results, strict=False) if r.more]
    return found


async def _values(session: Session, nodes: Sequence[Node], timeout_s: float) -> list[Found]:
    requests = read_requests([encoded(node.id, node.id.namespace) for node in nodes], session.most_read)
    return await session.read(requests, timeout_s)


def _answer(
    keys: dict[str, Any],
    nodes: Sequence[Node],
    values: Sequence[Found],
    namespaces: Sequence[str],
    whole: bool,  # noqa: FBT001
) -> dict[str, Any]:
    name = paste.Names()
    points, now, others = list[dict[str, Any]](), dict[str, str](), Counter[str]()
    for node, value in zip(nodes, values, strict=False):
        if value.kind & NO_NUMBER or not value.kind:
            others["without a value" if not value.kind else "no single number"] += 1
            continue
        chosen = name(".".join(node.path[-NAMES_KEPT:]))
        points.append({"name": chosen, "address": address(node.id, namespaces)})
        points[-1] |= {"type": "bool"} if value.kind == BOOLEAN else {}
        now[chosen] = number.shown(value.value)
        now[chosen] += f", status {value.status:#010x}" if value.status else ""
    return {
        "url": keys["url"],
        "protocol": "opcua",
        "namespaces": list(namespaces),
        "variables": len(nodes),
        "left_out": dict(others),
        "whole": whole,
        "now": now,
        "device": {**keys, "points": points},
    }


def address(node: Address, namespaces: Sequence[str]) -> str:
    """Return a node id by the name of its namespace, which lasts longer than its index."""
    index = node.namespace
    named = 0 < index < len(namespaces)
    return str(replace(node, uri=namespaces[index]) if named else node)


def page(found: dict[str, Any]) -> str:
    """Return what was found as YAML: what the server shows as comments, then the device."""
    notes = [f"namespace {index}: {uri}" for index, uri in enumerate(found["namespaces"]) if index]
    notes.append(f"{found['variables']} variables")
    notes += [f"{count} of them {why}, left out" for why, count in found["left_out"].items()]
    if not found["whole"]:
        notes.append("there are more nodes: ask again with a higher --most")
    keys = {key: value for key, value in found["device"].items() if key != "points"}
    return paste.device(keys, found["device"]["points"], notes, found["now"])
