"""One Modbus unit, asked politely: one request at a time, a pause after each, and only what reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.decode.options import Failed, Options, device
from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.config import ModbusDevice
from protocols.modbus.conversation import Conversation
from protocols.modbus.planner import Block


@dataclass(frozen=True, slots=True)
class Contents:
    """What a unit has at the addresses of one table: registers (or bits), and why others were refused."""

    table: str
    values: Mapping[int, int]
    refused: Mapping[int, Refusal]


class Unit:
    """A unit in conversation. `asked` counts requests."""

    def __init__(self, conversation: Any, config: ModbusDevice, pause_s: float) -> None:
        self.config = config
        self.asked = 0
        self._conversation = conversation
        self._pause_s = pause_s

    async def request(self, request: Request) -> bytes | Refusal:
        """Ask once.

        Raises:
            Failed: the unit is silent, or the connection is over.
        """
        unit, timeout_s = self.config.unit, self.config.timeout_s
        if self.asked:
            await asyncio.sleep(self._pause_s)
        self.asked += 1
        try:
            answer: bytes | Refusal = await self._conversation.request(unit, request, timeout_s)
        except TimeoutError:
            raise Failed(
                f"unit {unit} did not answer in {timeout_s:g} s: try another --unit, or a longer --timeout"
            ) from None
        except LinkLost as lost:
            raise Failed(f"the connection to {self.config.url} ended ({lost}): is this port Modbus?") from None
        if isinstance(answer, Refusal) and answer.of_gateway:
            raise Failed(f"the gateway says that unit {unit} is silent ({answer}): try another --unit")
        return answer

    async def read(self, block: Block) -> bytes | Refusal:
        """Ask for one block."""
        return await self.request(Request.read(block))

    async def contents(self, block: Block) -> Contents:
        """Return what is at each address of `block`; what is refused together is asked by halves."""
        values: dict[int, int] = {}
        refused: dict[int, Refusal] = {}
        waiting = [block]
        while waiting:
            part = waiting.pop()
            answer = await self.read(part)
            if isinstance(answer, bytes):
                values.update(zip(range(part.start, part.end), numbers(part, answer), strict=True))
            elif part.count == 1 or not answer.of_address:
                refused.update(dict.fromkeys(range(part.start, part.end), answer))
            else:
                waiting += reversed(halves(part))
        return Contents(block.table, values, refused)


def halves(block: Block) -> tuple[Block, Block]:
    """Return both halves of `block`."""
    middle = block.count // 2
    return (
        Block(block.table, block.start, middle),
        Block(block.table, block.start + middle, block.count - middle),
    )


def numbers(block: Block, data: bytes) -> list[int]:
    """Return the registers, or the bits, of an answer."""
    if block.bits:
        return [data[index // 8] >> index % 8 & 1 for index in range(block.count)]
    return [data[index] << 8 | data[index + 1] for index in range(0, len(data), 2)]


@asynccontextmanager
async def conversation(options: Options) -> AsyncIterator[Unit]:
    """Connect, and hang up afterwards.

    Raises:
        Failed: nobody answers.
        WrongUse: the URL or a key is wrong.
    """
    config: ModbusDevice = device(ModbusDevice, options)
    url = urlsplit(config.url)
    try:
        async with asyncio.timeout(options.timeout_s + 2):
            opened = await Conversation.open(url.hostname or "", url.port or 502)
    except (OSError, TimeoutError) as error:
        raise Failed(
            f"nobody answers at {config.url} ({error or 'no answer'}): check address, port and cable"
        ) from None
    try:
        yield Unit(opened, config, options.pause_s)
    finally:
        await opened.close()
