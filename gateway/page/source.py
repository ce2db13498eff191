"""What the page is read from: the parts of one gateway, as they are when they are asked."""

import time
from typing import Final

from gateway.config.model import Identity
from gateway.health import Health
from gateway.local.server import Answer
from gateway.plant import Plant
from gateway.running import Running
from gateway.uplink.commands import Commands, Outcome, Reply
from gateway.uplink.logbook import Logbook
from protocols.model import Read

WORD: Final = "page"
"""Under it the audit log has what users of the page did."""


class Source:
    """A gateway. `report` answers what the status socket answers; `commands` takes commands on alarms."""

    def __init__(self, running: Running, report: Answer) -> None:
        self.report = report
        self._running = running
        self._journal = Logbook(running.audit, running.clock, time.monotonic, WORD)
        self.commands = Commands(
            alarms=running.command, gaps=_none, rebirth=_nothing, kept=running.store.flush, journal=self._journal
        )

    @property
    def identity(self) -> Identity:
        """Who the gateway is."""
        return self._running.config.gateway

    @property
    def plant(self) -> Plant:
        """What is polled and checked now; a reload replaces it."""
        return self._running.plant

    @property
    def now_ns(self) -> int:
        """UTC, in nanoseconds."""
        return self._running.clock()

    def health(self) -> Health:
        """Return how the gateway is."""
        return self._running.health()

    def note_login(self, who: str, peer: str, *, done: bool) -> None:
        """Enter in the audit log that `who` has come in from `peer`, or failed to."""
        outcome = Outcome.DONE if done else Outcome.REFUSED
        self._journal.command(outcome, {"do": "login", "by": who, "from": peer})

    async def put(self, seen: Read) -> None:
        """Let the checks see something."""
        await self._running.plant.flow.put(seen)

    def close(self) -> None:
        """Enter how many commands had no entry of their own."""
        self._journal.tell(now=True)


async def _none() -> Reply:
    """Tell no gaps: the status does."""
    return {}


def _nothing() -> None:
    """Ask for no rebirth: that is the broker's."""
