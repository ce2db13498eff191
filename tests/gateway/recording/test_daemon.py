"""The daemon with a recorder: what it polled is a recording when it has stopped, and can be replayed."""

import asyncio

from gateway import cli
from gateway.app import Gateway
from gateway.config.loader import load
from gateway.orders import Order
from gateway.recording.opened import opened
from protocols.model import Batch
from simulator import scenario
from simulator.substation import serve

CONFIG = """
gateway: {{site: s, name: g, state_dir: {folder}/state}}
uplink: {{url: mqtt://127.0.0.1:1}}
recorder: {{every_s: 0.1}}
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://127.0.0.1:{port}
    every_s: 0.1
    points:
      - {{name: va, address: "holding:100", type: float32, unit: V, limits: {{high: 1}}}}
"""


async def polled(gateway, before=None):
    """Wait until a plant other than `before` has some readings; return it."""
    for _ in range(1200):
        plant = getattr(gateway, "plant", None)
        if plant is not before and plant.pipeline.readings > 8:
            return plant
        await asyncio.sleep(0.05)
    raise TimeoutError


async def test_what_was_polled_can_be_replayed(tmp_path, capsys):
    """From a real poll through the recorder's thread and file to the alarm of a replay; a reload goes on recording."""
    path = tmp_path / "gateway.yaml"
    async with serve(scenario.load("normal")) as substation:
        path.write_text(CONFIG.format(folder=tmp_path, port=substation.ports["feeder1"]))
        gateway = Gateway(path, load(path))
        running = asyncio.create_task(gateway.run())
        async with asyncio.timeout(120):
            before = await polled(gateway)
            gateway.order(Order.RELOAD)
            await polled(gateway, before)
            gateway.order(Order.STOP)
            await running

    folder = tmp_path / "state" / "recording"
    assert sorted(file.name for file in folder.iterdir()) == ["00000001.rec", "00000002.rec"]
    source = opened(folder, gateway.plant.points)
    values = [each.values.tolist() for each in source.told() if isinstance(each, Batch)]
    assert len(values) > 8
    assert source.notes == []

    assert cli.main(["replay", str(path), str(folder)]) == 0
    assert "is above high 1 V" in capsys.readouterr().out


def test_off_unless_asked_for(tmp_path):
    """Without the section nothing is recorded; with an empty one the defaults hold."""
    path = tmp_path / "gateway.yaml"
    head = "gateway: {site: s, name: g}\nuplink: {url: mqtt://b}\n"

    path.write_text(head)
    assert load(path).recorder is None
    path.write_text(f"{head}recorder: {{}}\n")
    assert load(path).recorder.every_s == 1
