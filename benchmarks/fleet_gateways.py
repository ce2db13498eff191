"""Gateways of a fleet without their devices: what a daemon has behind its pipeline, a store on disk and a publisher.

fleet_gateways.py FIRST COUNT PORT FOLDER RETRY_FIRST_S: they produce until there is a line on standard input, and send
until they are killed.
"""

import asyncio
import logging
import random
import sys
import time
from pathlib import Path

import numpy as np
import structlog

from gateway.config.model import Identity, StoreBudget, Uplink
from gateway.core.messages import Summary
from gateway.store.packing import to_record
from gateway.store.store import Store
from gateway.uplink.format import Sources
from gateway.uplink.formats import build
from gateway.uplink.publisher import Publisher

DEVICES, POINTS, WINDOW_S = 10, 20, 10.0
STATUS_S = 5.0
COMMIT_S = 2.0
"""Their disk is one: what is measured is the broker."""


async def gateways(first: int, count: int, port: int, folder: Path, retry_first_s: float) -> None:
    """Run `count` gateways, numbered from `first` on, against the broker at `port`; their stores lie in `folder`."""
    quiet = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, lambda: (sys.stdin.readline(), quiet.set()))
    async with asyncio.TaskGroup() as group:
        for number in range(first, first + count):
            group.create_task(_gateway(number, port, folder, retry_first_s, quiet))


async def _gateway(number: int, port: int, folder: Path, retry_first_s: float, quiet: asyncio.Event) -> None:
    identity = Identity(site="fleet", name=f"gw{number}")
    uplink = Uplink(url=f"mqtt://127.0.0.1:{port}", status_every_s=STATUS_S, retry_first_s=retry_first_s)
    (folder / identity.name).mkdir(exist_ok=True)
    store = await Store.open(folder / identity.name, StoreBudget(commit_s=COMMIT_S))
    sources = Sources(
        birth=lambda: {"devices": {}},
        status=lambda: {"store": {"waiting": dict(store.stats.rows), "last_seq": dict(store.stats.last)}},
        gaps=store.losses,
        command=lambda _: {},
        readings=lambda _: (),
        links=dict,
        alarms=tuple,
        states=store,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(Publisher(uplink, identity, store, build(uplink, identity, sources)).run())
        await asyncio.sleep(random.uniform(0, WINDOW_S))
        turn = 0
        while not quiet.is_set():
            store.append([to_record(_summary(turn % DEVICES))])
            turn += 1
            await asyncio.sleep(WINDOW_S / DEVICES)


def _summary(device: int) -> Summary:
    values = np.random.default_rng().uniform(225, 235, POINTS)
    return Summary(
        device=f"d{device}",
        start_ns=time.time_ns() - int(WINDOW_S * 1e9),
        length_ns=int(WINDOW_S * 1e9),
        points=tuple(f"p{n}" for n in range(POINTS)),
        count=np.full(POINTS, 10, np.uint32),
        min=values,
        max=values + 1,
        mean=values + 0.5,
        last=values,
        quality=np.zeros(POINTS, np.uint16),
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    asyncio.run(gateways(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5])))
