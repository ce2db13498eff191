"""Modbus: a range decoded, a map of what answers, or what the unit says of itself."""

from typing import Any

from gateway.decode import discovery, mapping, registers
from gateway.decode.options import Options, WrongUse
from gateway.decode.unit import conversation


async def look(options: Options) -> dict[str, Any]:
    """Ask what `options` say.

    Raises:
        Failed, WrongUse: why not, and what to do next.
    """
    if options.address is None and (options.map or options.count is not None or options.expect is not None):
        raise WrongUse("--map, --count and --expect need an ADDRESS, such as holding:100")
    if options.address is not None:
        registers.block_of(options, *((65_536, mapping.DEFAULT_COUNT) if options.map else ()))
    async with conversation(options) as unit:
        if options.address is None:
            found = await discovery.look(unit, options)
        else:
            found = await (mapping if options.map else registers).look(unit, options)
            found["identity"] = await unit.identity()
        return {"url": options.url, "protocol": "modbus", "unit": unit.config.unit, **found}


def page(found: dict[str, Any]) -> str:
    """Return what was found, for people."""
    if "models" in found:
        return discovery.page(found)
    shown = mapping.page(found) if "parts" in found else registers.page(found)
    return f"this is {found['identity']}\n\n{shown}" if found["identity"] else shown
