"""One Modbus unit, asked politely: one request at a time, a pause after each, and only what reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from gateway.decode.options import Failed, Options, device
from protocols.driver import LinkLost
from protocols.modbus.codec import Answer, Refusal, Request, Violation
from protocols.modbus.config import ModbusDevice
from protocols.modbus.conversation import Conversation, Garbled, Manners
from protocols.modbus.identity import described, identify
from protocols.modbus.link import Link
from protocols.modbus.planner import Block
from protocols.reason import reason

CONNECT_S: Final = 2.0
"""How long a connection may take besides the time for a request: a handshake with certificates on a slow device."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a unit has at the addresses of one table: registers (or bits), and why others were refused."""

    table: str
    values: Mapping[int, int]
    refused: Mapping[int, Refusal]


class Unit:
    """A unit in conversation. `asked` counts requests."""

    def __init__(self, conversation: Conversation, config: ModbusDevice, pause_s: float) -> None:
        self.config = config
        self.asked = 0
        self._conversation = conversation
        self._manners = Manners(
            max(pause_s, config.pause_ms / 1000), lenient=config.unit_echo == "lenient", retries=config.retries
        )

    async def request(self, request: Request) -> Answer:
        """Ask once.

        Raises:
            Failed: the unit is silent, or the connection is over.
        """
        unit, timeout_s = self.config.unit, self.config.timeout_s
        try:
            answer = await self._ask(request)
        except Garbled as garbled:
            raise Failed(
                f"{garbled}: check rate, parity and termination of the line, and that no other master is on it"
            ) from None
        except TimeoutError:
            raise Failed(
                f"unit {unit} did not answer in {timeout_s:g} s: try another --unit, --timeout or --protocol"
            ) from None
        except LinkLost as lost:
            raise Failed(f"the connection to {self.config.url} ended ({lost}): is this port Modbus?") from None
        if isinstance(answer, Refusal) and answer.of_gateway:
            raise Failed(f"the gateway says that unit {unit} is silent ({answer}): try another --unit")
        return answer

    async def identity(self) -> str | None:
        """Return who the unit says it is (43/14); None where it does not say, which is no fault."""
        if self.config.identify == "never":
            return None
        try:
            return described(await identify(self._ask)) or None
        except (TimeoutError, LinkLost, Violation):
            return None

    async def _ask(self, request: Request) -> Answer:
        self.asked += 1
        return await self._conversation.request(self.config.unit, request, self.config.timeout_s, self._manners)

    async def read(self, block: Block) -> Answer:
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
    if "identify" not in options.keys:  # a person asks, and looks at what comes
        config = replace(config, identify="ask")
    try:
        async with asyncio.timeout(config.timeout_s + CONNECT_S):
            opened = await Link(config).open()
    except (OSError, TimeoutError) as error:
        raise Failed(f"nobody answers at {config.url} ({reason(error)}): check address, port and cable") from None
    try:
        await asyncio.sleep(config.settle_ms / 1000)
        yield Unit(opened, config, options.pause_s)
    finally:
        await opened.close()
