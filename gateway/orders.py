"""What the gateway can be told while it runs, in the order in which it was told."""

import asyncio
from enum import Enum


class Order(Enum):
    """What is told twice before its turn is done once."""

    STOP = "stop"
    RELOAD = "reload"
    RECOLLECT = "recollect"


class Orders:
    """Orders that wait for their turn; a stop waits for none. `stopping` is set as soon as one is told."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._waiting: dict[Order, None] = {}
        self._news = asyncio.Event()

    def give(self, order: Order) -> None:
        """Take an order."""
        self._waiting[order] = None
        self._news.set()
        if order is Order.STOP:
            self.stopping.set()

    async def next(self) -> Order:
        """Return the order whose turn it is, as soon as there is one."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        order = Order.STOP if self.stopping.is_set() else next(iter(self._waiting))
        del self._waiting[order]
        return order
