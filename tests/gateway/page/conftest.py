"""A gateway that polls a simulated feeder and serves its page, in this process, with a user of each kind."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asking
import pytest
from asking import Told, asked

from gateway.app import Gateway
from gateway.config.loader import load
from gateway.orders import Order
from simulator import scenario
from simulator.substation import serve

CONFIG = """
gateway: {{site: s, name: g, state_dir: {folder}/state}}
uplink: {{url: "mqtt://127.0.0.1:1", window_s: 1}}
page:
  listen: 127.0.0.1:0
  hosts: [gw.example]
  users: [{{name: anna, token_file: anna, may: operate}}, {{name: ben, token_file: ben}}]
devices:
  - name: feeder1
    protocol: modbus
    url: tcp://127.0.0.1:{port}
    every_s: 0.1
    points:
      - {{name: va, address: "holding:100", type: float32, unit: V, limits: {{high: 1}},
         role: {{bay: feeder1, bus: bb1, quantity: voltage, phase: a}}}}
      - {{name: cb52, address: "discrete:0", role: {{bay: feeder1, quantity: breaker}}}}
      - {{name: f, address: "input:7", type: uint16, scale: 0.001, unit: Hz}}
detectors:
  - detector: cyber
"""
TOKENS = {"anna": "a" * 32, "ben": "b" * 32}
ALARM = "feeder1/va/limit_high"


@dataclass
class Site:
    """The running gateway, and whoever asks it."""

    gateway: Gateway
    path: Path
    log: list[Any] = field(default_factory=list)

    @property
    def page(self) -> Any:
        return self.gateway._local._page

    @property
    def port(self) -> int:
        return self.page.server.port

    @property
    def plant(self) -> Any:
        return self.gateway.plant

    @property
    def ready(self) -> bool:
        """Whether it serves its page, and has raised its alarm."""
        served = hasattr(self.gateway, "_local") and self.page and self.page.server and self.page.server.port
        return bool(served and self.plant.pipeline.alarms.get(ALARM))

    async def asked(self, path: str, user: str | None = "anna", **keys: Any) -> Told:
        """Ask below /api/v1/ with the token of `user`."""
        bearer = {"Authorization": f"Bearer {TOKENS[user]}"} if user else {}
        headers = {**bearer, **keys.pop("headers", {})}
        return await asked(self.port, f"/api/v1/{path}", headers=headers, **keys)

    async def until(self, true: Any) -> None:
        """Wait until something holds that tells nobody."""
        async with asyncio.timeout(asking.PATIENCE_S):
            while not true():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)

    async def reload(self) -> None:
        """Let the gateway take up its file, and wait until it has."""
        before = self.plant
        self.gateway.order(Order.RELOAD)
        await self.until(lambda: self.plant is not before and self.plant.pipeline.readings > 8)

    async def entrance_after(self, before: Any) -> None:
        """Wait until the page is served by another entrance than `before`: it is taken up behind the plant."""
        await self.until(lambda: self.page.entrance not in (None, before) and self.page.server.port)


@pytest.fixture
async def site(tmp_path):
    """Return it once it has polled and raised an alarm; it is stopped with the test."""
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(token)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "gateway.yaml"
    async with serve(scenario.load("normal")) as substation:
        path.write_text(CONFIG.format(folder=tmp_path, port=substation.ports["feeder1"]))
        gateway = Gateway(path, load(path), grace_s=0)
        running = asyncio.create_task(gateway.run())
        made = Site(gateway, path)
        await made.until(lambda: running.done() or made.ready)
        yield made
        gateway.order(Order.STOP)
        async with asyncio.timeout(asking.PATIENCE_S):
            await running
