"""What a driver has handed on: drained until there is enough, and asked for by row and by kind."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from protocols.driver import LinkLost
from protocols.model import Batch, Event, EventKind
from protocols.sighting import Sighting

PATIENCE_S = 60.0
"""Nothing here takes so long, unless it is broken or the machine is busy."""


async def drained(driver: Any, enough: Callable[[list[Any]], object]) -> list[Any]:
    """Drain until `enough` of what came; return all of it."""
    found: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while not enough(found):
            found.extend(await driver.read(driver.scans[-1]))
            await asyncio.sleep(0.01)
    return found


async def outlasted(driver: Any, enough: Callable[[list[Any]], object], *, scans: int = 1) -> list[Any]:
    """Do `drained` with the last `scans`, and connect anew whenever the link is lost, as the poller does."""
    found: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while not enough(found):
            try:
                for scan in driver.scans[-scans:]:
                    found.extend(await driver.read(scan))
            except LinkLost as lost:
                found.extend(lost.events)
                await driver.close()
                with suppress(OSError, LinkLost, TimeoutError):
                    found.extend(await driver.connect())
            await asyncio.sleep(0.01)
    return found


def readings(found: Iterable[Any], row: int = 0) -> list[tuple[float, int, int]]:
    """Return (value, quality, time) of every reading of `row`, in order."""
    return [
        (float(seen.values[at]), int(seen.quality[at]), int(seen.time_ns[at]))
        for seen in found
        if isinstance(seen, Batch)
        for at in np.flatnonzero(seen.rows == row)
    ]


def events(found: Iterable[Any], kind: EventKind) -> list[str]:
    """Return what was said of one kind."""
    said = [seen for seen in found if isinstance(seen, Event) and not isinstance(seen, Sighting)]
    return [seen.detail for seen in said if seen.kind is kind]
