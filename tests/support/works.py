"""A substation, and a gateway that polls it, at work in a thread: what the commands of the pages talk to."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from gateway.app import Gateway, Order
from gateway.config.loader import load
from simulator import scenario
from simulator.configuration import demo_urls
from simulator.substation import Substation, serve

PATIENCE_S = 90.0
WAYS = ("modbus", "dnp3", "iec61850", "opcua")
Places: TypeAlias = Mapping[str, str]
"""HOST:PORT of each server of the substation, by the HOST:PORT that it has in the pages and in config/demo.yaml."""


@contextmanager
def substation(name: str = "normal", *, speed: float = 1.0, ways: Sequence[str] = WAYS) -> Iterator[Places]:
    """Serve the simulated substation."""

    async def serving(told: Future[Places], over: asyncio.Event) -> None:
        async with serve(scenario.load(name, speed=speed), ways=ways) as served:
            told.set_result(_places(served))
            await over.wait()

    with _elsewhere(serving) as places:
        yield places


@contextmanager
def gateway(path: Path) -> Iterator[None]:
    """Let a gateway work by the configuration in `path`."""

    async def working(told: Future[None], over: asyncio.Event) -> None:
        made = Gateway(path, load(path))
        running = asyncio.create_task(made.run())
        told.set_result(None)
        await over.wait()
        made.order(Order.STOP)
        await running

    with _elsewhere(working):
        yield


def _places(served: Substation) -> Places:
    shown = demo_urls()
    return {
        shown[way][bay].split("//")[1]: url.split("//")[1]
        for way, bays in served.urls.items()
        for bay, url in bays.items()
    }


@contextmanager
def _elsewhere(work: Callable[..., object]) -> Iterator[object]:
    """Let `work(told, over)` go on in a thread with a loop of its own; what it told is yielded."""
    told: Future[object] = Future()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        try:
            loop.run_until_complete(work(told, over))
        except BaseException as error:
            if told.done():
                raise
            told.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield told.result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
