"""What one scan asks of its unit, and what it has learned about what the unit refuses.

A refused block is halved on the borders of its values until what is refused stands alone, within the same read. Known
afterwards: `refused` values, which are left out and asked again now and then; `doubted` ones, which were refused and
are planned again; and `cuts`, values that begin a request because asking across (a gap that is refused, or more than
this device gives at once) failed where both sides did not.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.modbus.codec import Answer, Refusal, Request
from protocols.modbus.config import WIDTH, ModbusDevice, ModbusPoint
from protocols.modbus.decoder import Decoder, Image, Value
from protocols.modbus.planner import Block, Limits, cover, plan
from protocols.model import Qualities, Quality, Values

Ask: TypeAlias = Callable[[Sequence[Request]], Awaitable[Sequence[Answer]]]
"""Asks one after the other; the answers end with the last, or with the first refusal."""
Changed: TypeAlias = Callable[[Sequence[int], Refusal | None], None]
"""Told the positions of values that become refused, and with None when they answer again."""

ASK_AGAIN_READS: Final = 600
"""Refused values are asked again after so many reads: ten minutes at one a second, as maps change by hand."""
ASK_AGAIN_AT_ONCE: Final = 4
"""Most refused values asked again in one read, so that a hundred of them do not hold up the line."""
ISOLATING_AT_ONCE: Final = 64
"""Most refused blocks halved in one read: enough for six bad addresses; a whole table takes some reads to be known."""

_REFUSED: Final = Quality.INVALID | Quality.BAD_REFERENCE
_FAILED: Final = Quality.INVALID | Quality.FAILURE


class _Planned(NamedTuple):
    request: Request
    members: tuple[Block, ...]
    place: slice
    bits: bool


class Reading:
    """The points of one scan class of one unit. `values` and `quality` come in the order of `points`."""

    def __init__(self, device: ModbusDevice, points: Sequence[ModbusPoint], changed: Changed) -> None:
        self._limits = Limits(device.max_registers, device.max_bits, device.max_gap)
        self._changed = changed
        values = [_value(point) for point in points]
        self._positions = _positions(values)
        self._image = Image(list(self._positions), device.max_gap)
        self._decoder = Decoder(values, self._image)
        self._refused: dict[Block, None] = {}
        self._refused_rows: NDArray[np.intp] = np.empty(0, np.intp)
        self._doubted: set[Block] = set()
        self._failed: list[Block] = []
        self._cuts: set[Block] = set()
        self._ask_again: deque[Block] = deque()
        self._reads = 0
        self._halvings = 0
        self._stale = True
        self._replan()

    @property
    def requests(self) -> int:
        """How many round trips a read takes at present."""
        return len(self._plan)

    @property
    def asked(self) -> Sequence[Request]:
        """The requests of a read at present."""
        return [planned.request for planned in self._plan]

    def lies(self, position: int) -> tuple[Block, Block | None, bytes]:
        """Return where the value at `position` lies, the block asked for it (None: it is refused), its last octets."""
        block = next(each for each, positions in self._positions.items() if position in positions)
        asked = next((cover(planned.members) for planned in self._plan if block in planned.members), None)
        return block, asked, self._image.bytes[self._image.place(block)].tobytes()

    def reconnected(self) -> None:
        """Forget cuts and ask again what was refused: another device, or another map, may answer now."""
        self._cuts.clear()
        self._stale = True
        self._ask_again = deque(self._refused)

    async def read(self, ask: Ask) -> tuple[Values, Qualities]:
        """Ask everything once: float64[n] and uint16[n].

        Raises:
            TimeoutError: a gateway says that the unit is silent; and whatever `ask` raises.
        """
        self._reads += 1
        self._failed = []
        await self._ask_refused(ask)
        self._halvings = 0
        if self._stale:
            self._replan()
        left = self._plan
        while left:
            answers = await _answers([planned.request for planned in left], ask)
            if self._whole is not None and len(answers) == len(self._plan) and not self._doubted:
                data = [answer for answer in answers if isinstance(answer, bytes)]
                if len(data) == len(answers):
                    self._image.put(self._whole, b"".join(data), bits=False)
                    break
            for planned, answer in zip(left, answers, strict=False):
                await self._take(planned, answer, ask)
            left = left[len(answers) :]
        if self._stale:
            self._replan()
        return self._decode()

    def _decode(self) -> tuple[Values, Qualities]:
        values, quality = self._decoder.decode()
        values[self._refused_rows], quality[self._refused_rows] = np.nan, _REFUSED
        for block in self._failed:
            rows = list(self._positions[block])
            values[rows], quality[rows] = np.nan, _FAILED
        return values, quality

    def _replan(self) -> None:
        """Make the plan from what is known now."""
        good = [block for block in self._positions if block not in self._refused]
        runs = plan(good, self._limits, refused=self._refused, cuts=self._cuts)
        self._plan = [self._planned(members) for members in runs]
        self._whole = _whole(self._plan)
        rows = [row for block in self._refused for row in self._positions[block]]
        self._refused_rows = np.array(rows, np.intp)
        self._stale = False

    def _planned(self, members: Sequence[Block]) -> _Planned:
        block = cover(members)
        return _Planned(Request.read(block), tuple(members), self._image.place(block), block.bits)

    async def _take(self, planned: _Planned, answer: Answer, ask: Ask) -> bool:
        """Take what was answered, isolate what is refused, and return whether the whole block was answered."""
        if isinstance(answer, bytes):
            self._image.put(planned.place, answer, bits=planned.bits)
            if self._doubted:
                self._accept(planned.members)
            return True
        if not answer.of_address:
            self._failed.extend(planned.members)
        elif len(planned.members) == 1:
            self._refuse(planned.members[0], answer)
        elif self._halvings < ISOLATING_AT_ONCE:
            self._halvings += 1
            await self._isolate(planned.members, ask)
        else:
            self._failed.extend(planned.members)
        return False

    async def _fetch(self, members: Sequence[Block], ask: Ask) -> bool:
        planned = self._planned(members)
        return await self._take(planned, (await _answers((planned.request,), ask))[0], ask)

    async def _isolate(self, members: Sequence[Block], ask: Ask) -> None:
        """Ask both halves of what was refused; when both answer, only asking them together was wrong."""
        middle = len(members) // 2
        lower = await self._fetch(members[:middle], ask)
        upper = await self._fetch(members[middle:], ask)
        if lower and upper:
            self._cuts.add(members[middle])
            self._stale = True

    def _refuse(self, block: Block, refusal: Refusal) -> None:
        self._refused[block] = None
        self._stale = True
        if block not in self._doubted:
            self._changed(list(self._positions[block]), refusal)
        self._doubted.discard(block)

    def _accept(self, members: Sequence[Block]) -> None:
        for block in self._doubted.intersection(members):
            self._doubted.remove(block)
            self._changed(list(self._positions[block]), None)

    async def _ask_refused(self, ask: Ask) -> None:
        """Ask some of what was refused again; with nothing else to ask this is what shows that the unit lives.

        Also while so much is refused that it takes several reads to know it: a unit that starts up answers so.
        """
        due = self._reads % ASK_AGAIN_READS == 0 or not self._plan or self._halvings == ISOLATING_AT_ONCE
        if due and not self._ask_again:
            self._ask_again.extend(self._refused)
        for _ in range(min(ASK_AGAIN_AT_ONCE, len(self._ask_again))):
            answers = await _answers((Request.read(self._ask_again[0]),), ask)
            self._ask_again.popleft()
            if isinstance(answers[0], bytes):
                self._doubt_all()
                return

    def _doubt_all(self) -> None:
        """Plan all that was refused again: where one answers, the map has changed and others may answer too."""
        self._doubted.update(self._refused)
        self._refused.clear()
        self._ask_again.clear()
        self._stale = True


async def _answers(requests: Sequence[Request], ask: Ask) -> Sequence[Answer]:
    answers = await ask(requests)
    if isinstance(refusal := answers[-1], Refusal) and refusal.of_gateway:
        raise TimeoutError(str(refusal))
    return answers


def _whole(plan: Sequence[_Planned]) -> slice | None:
    """Return the place of all answers together, where they follow each other in the image as registers do."""
    follow = all(one.place.stop == other.place.start for one, other in pairwise(plan))
    if not plan or not follow or any(planned.bits for planned in plan):
        return None
    return slice(plan[0].place.start, plan[-1].place.stop)


def _value(point: ModbusPoint) -> Value:
    place = point.place
    block = Block(place.table, place.offset, WIDTH[point.kind])
    return Value(block, point.kind, point.order, place.bit or 0, point.scale, point.offset)


def _positions(values: Sequence[Value]) -> dict[Block, tuple[int, ...]]:
    """Return the positions of the values in each block: several where they are bits of one register."""
    found: dict[Block, list[int]] = {}
    for position, value in enumerate(values):
        found.setdefault(value.block, []).append(position)
    return {block: tuple(positions) for block, positions in found.items()}
