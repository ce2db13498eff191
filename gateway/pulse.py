"""The pulse: looks at the gateway's health each second, tells what changed of it, and feeds the watchdog."""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway.beat import until_next
from gateway.health import Health, notify, watchdog_s
from gateway.running import Running
from gateway.store.record import Stream
from gateway.uplink.logbook import Logbook
from gateway.uplink.publisher import Publisher

log = structlog.get_logger()

LOOK_S = 1.0
"""How often the gateway looks at its own health; a change is published at once."""
STALL_S = 120.0
"""A broker that is connected, while messages wait, acknowledges within this time, or the watchdog is no longer fed."""


class Pulse:
    """Lives as long as time passes in the pipeline.

    `forgetful` is whether the store could not be read when it was asked; `recollect` is called when it can be.
    """

    def __init__(
        self, running: Running, publisher: Publisher, logbook: Logbook, *, recollect: Callable[[], None]
    ) -> None:
        self._running, self._publisher, self._logbook, self._recollect = running, publisher, logbook, recollect
        self.forgetful = running.store.stats.fault is not None
        self._said, self._ticks = Health(100, "", ()), -1

    async def run(self) -> None:
        """Look for ever."""
        every_s = watchdog_s()
        look_s = min(LOOK_S, every_s / 2) if every_s else LOOK_S
        while True:
            await asyncio.sleep(until_next(look_s, asyncio.get_running_loop().time()))
            self._note_numbers()
            self._tell(self._running.condition())
            ticks, self._ticks = self._ticks, self._running.plant.flow.ticks
            if every_s and ticks != self._ticks and not self._stalled():
                notify("WATCHDOG=1")
            if self.forgetful and self._running.store.stats.fault is None:
                self.forgetful = False
                self._recollect()

    def _tell(self, health: Health) -> None:
        if health.state != self._said.state:
            log.info("health", state=health.state, score=health.score, why=list(self._running.health().why))
        if (health.state, health.score) != (self._said.state, self._said.score):
            self._said = health
            self._publisher.status_now()

    def _note_numbers(self) -> None:
        """Follow what only shows over time: the store's growth, and commands that nobody heard."""
        size = self._running.store.stats.bytes
        self._running.growth.look(time.monotonic(), sum(size.values()) - size.get(Stream.ALARM, 0))
        self._logbook.swallowed(self._publisher.commands_swallowed)
        self._logbook.tell()

    def _stalled(self) -> bool:
        """Whether messages wait and the broker is there, yet nothing has been acknowledged for too long."""
        silent_s = time.monotonic() - self._publisher.last_ack_s
        waiting = sum(self._running.store.stats.rows.values()) - self._publisher.held
        return self._publisher.connected and waiting > 0 and silent_s > STALL_S
