"""Which addresses of a table answer: large blocks first, then the halves of what was refused, within a bound.

Going breadth first, the bound is spent on the whole range before it is spent on details, and what it does not reach is
named, not guessed.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.decode.options import Failed, Options
from gateway.decode.registers import block_of
from gateway.decode.unit import Unit, halves, numbers
from protocols.modbus.codec import Refusal
from protocols.modbus.config import LAST_ADDRESS
from protocols.modbus.planner import Block

DEFAULT_COUNT = 1000
"""Eight requests where everything answers."""


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring addresses with one outcome; `used` are those that are not 0."""

    start: int
    end: int
    outcome: str
    used: int = 0

    def json(self, table: str) -> dict[str, Any]:
        """As it is printed for machines."""
        found = {"first": f"{table}:{self.start}", "count": self.end - self.start, "outcome": self.outcome}
        return found | ({"not_zero": self.used} if self.outcome == "answers" else {})


async def look(unit: Unit, options: Options) -> dict[str, Any]:
    """Ask the range that `options` name, and say which of it answers.

    Raises:
        Failed: nothing does.
    """
    asked = block_of(options, LAST_ADDRESS + 1, DEFAULT_COUNT)
    parts = joined(await _parts(unit, asked, options.most))
    if not any(part.outcome == "answers" for part in parts):
        raise Failed(
            f"unit {unit.config.unit} answers nothing from {asked.table}:{asked.start} to {asked.end - 1} "
            f"({parts[0].outcome}): try another table or range"
        )
    return {
        "asked": {"table": asked.table, "start": asked.start, "count": asked.count},
        "requests": unit.asked,
        "parts": [part.json(asked.table) for part in parts],
    }


async def _parts(unit: Unit, asked: Block, most: int) -> list[Part]:
    waiting = deque(_pieces(asked, unit.config.max_bits if asked.bits else unit.config.max_registers))
    found: list[Part] = []
    while waiting and unit.asked < most:
        block = waiting.popleft()
        answer = await unit.read(block)
        if isinstance(answer, bytes):
            used = sum(number != 0 for number in numbers(block, answer))
            found.append(Part(block.start, block.end, "answers", used))
        elif block.count == 1 or not answer.of_address:
            found.append(Part(block.start, block.end, _said(answer)))
        else:
            waiting.extend(halves(block))
    return found + [Part(block.start, block.end, "not known") for block in waiting]


def _pieces(block: Block, size: int) -> Iterator[Block]:
    for start in range(block.start, block.end, size):
        yield Block(block.table, start, min(size, block.end - start))


def _said(refusal: Refusal) -> str:
    return f"refused: {refusal}"


def joined(parts: Iterable[Part]) -> list[Part]:
    """Return `parts` by address, neighbours of one outcome as one."""
    found: list[Part] = []
    for part in sorted(parts, key=lambda part: part.start):
        if found and found[-1].outcome == part.outcome and found[-1].end == part.start:
            before = found.pop()
            found.append(Part(before.start, part.end, part.outcome, before.used + part.used))
        else:
            found.append(part)
    return found


def page(found: dict[str, Any]) -> str:
    """Return what `look` found, for people."""
    lines = [f"{found['requests']} requests"]
    for part in found["parts"]:
        table, first = part["first"].split(":")
        last = int(first) + part["count"] - 1
        span = f"{table}:{first}" + (f" to {last}" if part["count"] > 1 else "")
        used = f", {part['not_zero']} not 0" if "not_zero" in part else ""
        lines.append(f"  {span:26} {part['count']:6}  {part['outcome']}{used}")
    if any(part["outcome"] == "not known" for part in found["parts"]):
        lines.append("not known: refused together or not asked; ask again with that range, or with a higher --most")
    return "\n".join(lines)
