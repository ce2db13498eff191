"""A range of registers or bits, raw and decoded, and what it most likely is."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.decode import paste
from gateway.decode.decodings import NARROW, ORDERS, WIDE, decodings
from gateway.decode.likely import likely
from gateway.decode.options import Failed, Options, WrongUse
from gateway.decode.unit import Contents, Unit
from protocols.modbus.config import LAST_ADDRESS, Address
from protocols.modbus.planner import Block

MOST_COUNT = 125
"""Most addresses at once: one request of registers (V1.1b3, clause 6.3); more is what --map is for."""
DEFAULT_COUNT = 4
"""The longest value."""


def block_of(options: Options, most: int = MOST_COUNT, default: int = DEFAULT_COUNT) -> Block:
    """Return the range that is asked.

    Raises:
        WrongUse: it is none.
    """
    try:
        place = Address.parse(options.address or "")
    except ValueError as error:
        raise WrongUse(str(error)) from None
    if place.bit is not None:
        raise WrongUse(f"address '{options.address}' is one bit: ask the register, {place.table}:{place.offset}")
    room = LAST_ADDRESS + 1 - place.offset
    count = min(default, room) if options.count is None else options.count
    if not 1 <= count <= min(most, room):
        raise WrongUse(f"--count {count} is not from 1 to {min(most, room)}" + _more(count, most, room))
    block = Block(place.table, place.offset, count)
    if options.expect is not None and block.bits:
        raise WrongUse(f"--expect is for numbers; a {place.table} is 0 or 1")
    if options.expect == 0:
        raise WrongUse("--expect 0 tells nothing, as everything idle is 0: expect a value that the device shows")
    return block


def _more(count: int, most: int, room: int) -> str:
    return "; --map looks at more" if most < count <= room else ""


async def look(unit: Unit, options: Options) -> dict[str, Any]:
    """Read the range with a neighbour on each side, and decode it.

    Raises:
        Failed: every address is refused.
    """
    block = block_of(options)
    contents = await unit.contents(block)
    if not contents.values:
        raise Failed(
            f"unit {unit.config.unit} refuses {_span(block)} ({next(iter(contents.refused.values()))}): "
            f"try the other table, an address one lower, or --map"
        )
    found: dict[str, Any] = {"asked": {"table": block.table, "start": block.start, "count": block.count}}
    found["refused"] = [
        {"address": f"{block.table}:{address}", "reason": str(why)} for address, why in contents.refused.items()
    ]
    if block.bits:
        return found | {"bits": [_bit(block.table, *pair) for pair in contents.values.items()]}
    around = await _around(unit, block)
    registers = {**contents.values, **around.values}
    every = decodings(block.table, registers, (*NARROW, *WIDE))
    found["registers"] = [_register(block, *pair) for pair in sorted(registers.items())]
    found["decodings"] = [one.json for one in every if one.type in WIDE]
    if options.expect is not None:
        found["expected"] = options.expect
        found["likely"] = [one.json for one in likely(every, options.expect, block.start)]
    return found


async def _around(unit: Unit, block: Block) -> Contents:
    """Read the registers before and behind, for addresses that are off by one; they may well be refused."""
    values: dict[int, int] = {}
    for address in (block.start - 1, block.end):
        if 0 <= address <= LAST_ADDRESS:
            values.update((await unit.contents(Block(block.table, address, 1))).values)
    return Contents(block.table, values, {})


def _register(block: Block, address: int, number: int) -> dict[str, Any]:
    data = number.to_bytes(2, "big")
    return {
        "address": f"{block.table}:{address}",
        "asked": block.start <= address < block.end,
        "hex": f"{number:04X}",
        "uint16": number,
        "int16": int.from_bytes(data, "big", signed=True),
        "text": "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data),
    }


def _bit(table: str, address: int, value: int) -> dict[str, Any]:
    return {"address": f"{table}:{address}", "value": value}


def page(found: dict[str, Any]) -> str:
    """Return what `look` found, for people."""
    parts = list(_parts(found))
    return "\n\n".join("\n".join(part) for part in parts if part)


def _parts(found: dict[str, Any]) -> Iterator[Sequence[str]]:
    yield [f"refused: {one['address']} ({one['reason']})" for one in found["refused"]]
    if "bits" in found:
        yield [f"{one['address']:>16}  {one['value']}" for one in found["bits"]]
        return
    yield [
        f"{'':2}{'address':>14}  {'hex':>4} {'uint16':>7} {'int16':>7}  text",
        *(
            f"{_mark(one['asked'])}{one['address']:>14}  {one['hex']} {one['uint16']:7} {one['int16']:7}  {one['text']}"
            for one in found["registers"]
        ),
    ]
    for kind in WIDE:
        yield list(_table(kind, found))
    if "likely" in found:
        yield list(_likely(found))


def _table(kind: str, found: dict[str, Any]) -> Iterator[str]:
    rows: dict[str, list[str]] = {}
    for one in found["decodings"]:
        if one["type"] == kind:
            rows.setdefault(one["address"], []).append(number(one["value"]))
    if rows:
        yield f"{'':2}{kind:>14}" + "".join(f"{f'{order} {letters}':>21}" for order, letters in ORDERS.items())
    asked = {one["address"] for one in found["registers"] if one["asked"]}
    for address, values in rows.items():
        yield f"{_mark(address in asked)}{address:>14}" + "".join(f"{value:>21}" for value in values)


def _likely(found: dict[str, Any]) -> Iterator[str]:
    if not found["likely"]:
        yield f"nothing here is near {found['expected']:g}: try the other table, or --map to see which blocks answer"
        return
    yield f"near {found['expected']:g}, the likeliest first:"
    for one in found["likely"]:
        same = f", reads the same as {one['same_as']}" if one["same_as"] else ""
        yield f"  {paste.point(one['point'])}  # now {number(one['value'])}{same}"


def number(value: float | None) -> str:
    """Write a number as a person compares it."""
    return "-" if value is None else f"{value:.10g}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def _mark(asked: bool) -> str:  # noqa: FBT001  a mark in a column
    return "> " if asked else "  "


def _span(block: Block) -> str:
    return f"{block.table}:{block.start}" if block.count == 1 else f"{block.table}:{block.start} to {block.end - 1}"
