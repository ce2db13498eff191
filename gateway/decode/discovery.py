"""What a Modbus unit says of itself: its identification, and the SunSpec models it has, as a device to paste."""

from typing import Any

from gateway.decode import paste, sunspec
from gateway.decode.options import Failed, Options, head
from gateway.decode.unit import Unit, numbers
from protocols.modbus.config import LAST_ADDRESS
from protocols.modbus.planner import Block


async def look(unit: Unit, options: Options) -> dict[str, Any]:
    """Ask for identification and SunSpec models.

    Raises:
        Failed: the unit has neither.
    """
    models = await chain(unit)
    identity = await unit.identity()
    if not models and identity is None:
        raise Failed(
            f"unit {unit.config.unit} answers, but says nothing of itself, neither identification nor SunSpec models: "
            f"ask an address such as holding:0, or find its blocks with holding:0 --count 1000 --map"
        )
    name = paste.Names()
    points = [{**point, "name": name(point["name"])} for model in models for point in sunspec.points(model)]
    found: dict[str, Any] = {
        "identity": identity,
        "models": [
            {
                "id": model.id,
                "title": model.title,
                "address": f"holding:{model.start}",
                "registers": len(model.body),
                "readable": model.id in sunspec.LAYOUTS,
            }
            for model in models
        ],
        "common": next((sunspec.common(model) for model in models if model.id == sunspec.COMMON), {}),
    }
    if points:
        keys = head(unit.config, options, "unit")
        found["device"] = {**keys, "points": [{k: v for k, v in one.items() if v is not None} for one in points]}
    return found


async def chain(unit: Unit) -> list[sunspec.Model]:
    """Return the SunSpec models, or none."""
    for base in sunspec.BASES:
        if await _registers(unit, base, 2) == list(sunspec.MARK):
            return await _models(unit, base + 2)
    return []


async def _models(unit: Unit, start: int) -> list[sunspec.Model]:
    found: list[sunspec.Model] = []
    while len(found) < sunspec.MOST_MODELS and start < LAST_ADDRESS:
        head = await _registers(unit, start, 2)
        if len(head) < 2 or head[0] == sunspec.END:
            break
        wanted = head[0] in sunspec.LAYOUTS or head[0] == sunspec.COMMON
        body = await _registers(unit, start + 2, head[1]) if wanted else [0] * head[1]
        found.append(sunspec.Model(head[0], start, body))
        start += 2 + head[1]
    return found


async def _registers(unit: Unit, start: int, count: int) -> list[int]:
    """Return the registers up to the first that is refused."""
    found: list[int] = []
    end = min(start + count, LAST_ADDRESS + 1)
    while start < end:
        block = Block("holding", start, min(unit.config.max_registers, end - start))
        answer = await unit.read(block)
        if not isinstance(answer, bytes):
            break
        found += numbers(block, answer)
        start = block.end
    return found


def page(found: dict[str, Any]) -> str:
    """Return what `look` found as YAML: the models as comments, then the device."""
    notes = [f"this is {found['identity']}"] if found["identity"] else []
    notes += [f"{key}: {value}" for key, value in found["common"].items()]
    notes += [_model(one) for one in found["models"]]
    if "device" not in found:
        return "\n".join(f"# {paste.printable(note)}" for note in notes)
    if any("scale" in point for point in found["device"]["points"]):
        notes.append("scales are the scale factors that the device has now; ask again after it was configured anew")
    keys = {key: value for key, value in found["device"].items() if key != "points"}
    return paste.device(keys, found["device"]["points"], notes)


def _model(one: dict[str, Any]) -> str:
    note = "" if one["readable"] or one["id"] == sunspec.COMMON else "; its points are not written here"
    return f"SunSpec model {one['id']}, {one['title']}: {one['registers']} registers from {one['address']}{note}"
