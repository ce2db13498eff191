"""How a point is read, in words for people: the request, where the value lies in it, and its octets."""

from collections.abc import Mapping

from protocols.driver import Scan
from protocols.modbus.codec import Request
from protocols.modbus.config import ModbusDevice
from protocols.modbus.planner import Block


def told(device: ModbusDevice, scan: Scan, block: Block, asked: Block | None, raw: bytes) -> Mapping[str, str]:
    """Return the words; `asked` is None where the device refuses the value."""
    if asked is None:
        request = "refused by the device; asked again now and then"
    else:
        function = Request.read(asked).function
        request = f"unit {device.unit}, function {function}, {_span(asked)}, every {scan.every_s:g} s"
    return {"request": request, "value": _span(block), "raw": raw.hex(" ")}


def _span(block: Block) -> str:
    word = "bit" if block.bits else "register"
    last = f" to {block.end - 1}" if block.count > 1 else ""
    return f"{block.table} {word}{'s' * (block.count > 1)} {block.start}{last}"
