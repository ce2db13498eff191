"""The recorder of the daemon: the image of the plant, every so often, into the bounded folder of a `Shelf`.

The event loop copies the image into the open block, some microseconds; a thread deflates and writes it when it is full.
A kill loses the open block: what was seen since the last one, a minute at most at one look a second.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import numpy as np
import structlog

from gateway.config.model import RecorderBudget
from gateway.core.image import Image
from gateway.recording.segment import Block
from gateway.recording.shelf import Shelf
from protocols.points import Points

log = structlog.get_logger()

LOOKS = 60
"""Most looks in a block: what a kill may lose."""
BLOCK_BYTES = 4 * 1024 * 1024
"""Most bytes of the open block in RAM: with many points a block has fewer looks."""
LOOK_BYTES = 8 + 2 + 1
"""Of a point in a look: value, quality, whether it is fresh."""
WAITING = 2
"""Most full blocks that wait for the disk; if more, the newest falls out, counted, and that is logged once."""
JOIN_S = 0.3
"""How long a stop waits for the last block; the thread is no reason for the process to stay."""


class Recorder:
    """Copies the image with each `look`. `dropped` blocks found no room, or the disk refused them."""

    def __init__(self, folder: Path, points: Points, budget: RecorderBudget) -> None:
        self.dropped = self.written = 0
        self._every_s = budget.every_s
        labels = [points.label(row) for row in range(len(points))]
        self._shelf = Shelf(folder, labels, budget.max_bytes)
        looks = min(LOOKS, max(1, BLOCK_BYTES // (LOOK_BYTES * max(len(points), 1))))
        self._open = _empty(looks, len(points))
        self._arrived_ns = np.zeros(len(points), np.int64)
        self._filled, self._last_ns = 0, 0
        self._fault = ""
        self._full: Queue[Block | None] = Queue()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    async def run(self, image: Image, clock: Callable[[], int]) -> None:
        """Look at `image` on a steady grid, for ever."""
        due_s = time.monotonic()
        while True:
            self.look(image, clock())
            due_s = max(due_s + self._every_s, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    def look(self, image: Image, now_ns: int) -> None:
        """Copy `image` as it is at `now_ns`; a clock that was set back begins a new block."""
        if now_ns <= self._last_ns and self._filled:
            self._hand_on()
        self._last_ns = now_ns
        k, block = self._filled, self._open
        block.times_ns[k], block.values[k], block.quality[k] = now_ns, image.values, image.quality
        np.not_equal(image.arrival_ns, self._arrived_ns, out=block.fresh[k])
        self._arrived_ns[:] = image.arrival_ns
        self._filled = k + 1
        if self._filled == len(block.times_ns):
            self._hand_on()

    def close(self, timeout_s: float = JOIN_S) -> None:
        """Write what was seen, unless the disk takes longer than `timeout_s`."""
        if self._filled:
            self._hand_on()
        self._full.put_nowait(None)
        self._thread.join(timeout_s)

    def _hand_on(self) -> None:
        block, k = self._open, self._filled
        self._open, self._filled = _empty(*block.values.shape), 0
        if self._full.qsize() >= WAITING:
            self._drop("the disk does not keep up")
            return
        self._full.put_nowait(Block(block.times_ns[:k], block.values[:k], block.quality[:k], block.fresh[:k]))

    def _work(self) -> None:
        """Write block after block; in the thread."""
        while (block := self._full.get()) is not None:
            try:
                self.written += self._shelf.write(block)
            except OSError as error:
                self._drop(str(error))
            else:
                self._well()
        self._shelf.close()

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        if not self._fault:
            log.error("recorder_fault", reason=reason)
        self._fault = reason

    def _well(self) -> None:
        if self._fault:
            log.info("recorder_recovered", after=self._fault, dropped=self.dropped)
            self._fault = ""


def _empty(looks: int, points: int) -> Block:
    return Block(
        np.zeros(looks, np.int64),
        np.zeros((looks, points)),
        np.zeros((looks, points), np.uint16),
        np.zeros((looks, points), bool),
    )
