"""What the page is read from: the parts of one gateway."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.config.model import Identity
from gateway.health import Health
from gateway.local.server import Answer
from gateway.plant import Plant
from gateway.poll.poller import Put
from gateway.uplink.commands import Commands
from protocols.driver import Clock


class Note(Protocol):
    """Enters a login in the audit log."""

    def __call__(self, *, done: bool, who: str, peer: str) -> None:
        """Enter that `who` has come in from `peer`, or that somebody failed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A gateway. `plant` is the present one, which a reload replaces; `report` answers what the status socket does.

    `commands` takes commands on alarms and enters them in the audit log, `note` enters logins; `put`
    hands on what was seen.
    """

    identity: Identity
    plant: Callable[[], Plant]
    report: Answer
    health: Callable[[], Health]
    clock: Clock
    commands: Commands
    note: Note
    put: Put
