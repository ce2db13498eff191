"""What a reload and a start took is given back: no older plant lives on."""

import asyncio
import ctypes
import gc
import weakref
from contextlib import asynccontextmanager

import pytest

from gateway import spare
from gateway.app import Gateway
from gateway.config.loader import load
from gateway.orders import Order
from simulator import scenario
from simulator.substation import serve

CONFIG = """
gateway: {{site: s, name: g, state_dir: {folder}/state}}
uplink: {{url: mqtt://127.0.0.1:1}}
recorder: {{every_s: 0.1}}
devices:
  - {{name: changed, protocol: modbus, url: "tcp://127.0.0.1:{one}", every_s: 0.1, points: [{{{point}, limits: {{high: {limit}}}}}]}}
  - {{name: same, protocol: modbus, url: "tcp://127.0.0.1:{other}", every_s: 0.1, points: [{{{point}}}]}}
"""  # noqa: E501
POINT = 'name: va, address: "holding:100", type: float32, unit: V'
RELOADS = 2


async def until(true):
    """Wait until something holds that tells nobody."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


@pytest.fixture
async def site(tmp_path):
    """Return what starts a gateway of two devices, and what writes its file with another limit."""
    path = tmp_path / "gateway.yaml"
    async with serve(scenario.load("normal")) as substation:
        one, other = (substation.ports[bay] for bay in ("feeder1", "feeder2"))

        def write(limit):
            path.write_text(CONFIG.format(folder=tmp_path, one=one, other=other, point=POINT, limit=limit))

        @asynccontextmanager
        async def started():
            gateway = Gateway(path, load(path), grace_s=0)
            running = asyncio.create_task(gateway.run())
            await until(lambda: running.done() or (hasattr(gateway, "_running") and polled(gateway)))
            yield gateway
            gateway.order(Order.STOP)
            await running

        write(1e9)
        yield started, write


def polled(gateway):
    return len(gateway.plant.conversations) == 2 and gateway.plant.pipeline.readings > 4


@pytest.fixture
def only_told():
    """Let the cycle collector work only when it is told to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("only_told")
async def test_no_older_plant_lives_on(site):
    """After a reload the plant of before goes at once, with its pipeline and the conversations that ended."""
    started, write = site
    async with started() as gateway:
        for turn in range(RELOADS):
            plant = gateway.plant
            old = [weakref.ref(each) for each in (plant, plant.pipeline, plant.flow.pipeline.image)]
            stopped = next(each for each in plant.conversations.values() if "changed" in each.devices)
            old += [weakref.ref(stopped), weakref.ref(stopped.poller)]
            before = weakref.ref(plant)
            del plant, stopped
            write(1e9 + turn + 1)
            gateway.order(Order.RELOAD)
            await until(lambda before=before: gateway.plant is not before() and polled(gateway))
            await until(lambda old=old: not any(ref() for ref in old))


def test_another_c_library(monkeypatch):
    """Where there is no malloc_trim, nothing is done."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    spare._trim.cache_clear()
    spare.give_back()
    spare._trim.cache_clear()
