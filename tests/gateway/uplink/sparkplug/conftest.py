"""An uplink with a real store, a wire to a real Mosquitto that records every packet, and a host that can speak."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from spb import Message, said, until
from wire import Wire

from detectors.model import Severity
from gateway.config.model import Identity, StoreBudget, Uplink
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.store.packing import to_record
from gateway.store.record import Gap
from gateway.store.store import Store
from gateway.uplink.format import Sources
from gateway.uplink.formats import build
from gateway.uplink.publisher import Publisher
from gateway.uplink.sparkplug.wire import Payload

IDENTITY = Identity(site="hill", name="gw1")
NODE = "spBv1.0/hill/{}/gw1"
POINTS = {
    "feeder1": {
        "va": {"unit": "V", "type": "float32", "role": {"bay": "feeder1", "quantity": "voltage", "phase": "a"}},
        "cb": {"unit": "", "type": "bool", "role": {}},
    },
    "feeder2": {"p": {"unit": "MW", "type": "int16", "role": {}}},
    "dead": {"x": {"unit": "", "type": "float32", "role": {}}},
}


class Edge:
    """What stands behind the format: points, readings, links, alarms, and a real store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.points: dict[str, Any] = json.loads(json.dumps(POINTS))
        self.links = {"feeder1": True, "feeder2": True, "dead": False}
        self.values = {"feeder1": [230.5, 1.0], "feeder2": [3.0], "dead": [np.nan]}
        self.alarms: list[Alarm] = []
        self.commands: list[Mapping[str, Any]] = []
        self.start_ns = (time.time_ns() // 10**9 - 1000) * 10**9

    def sources(self) -> Sources:
        return Sources(
            birth=self.birth,
            status=lambda: {"version": "1", "state": "operational", "health": 100 - len(self.alarms), "why": []},
            gaps=self.gaps,
            command=self._command,
            readings=self.readings,
            links=lambda: self.links,
            alarms=lambda: self.alarms,
            states=self.store,
        )

    def birth(self) -> Mapping[str, Any]:
        devices = {name: {"protocol": "modbus", "every_s": 1, "points": points} for name, points in self.points.items()}
        return {"config_hash": "c0ffee", "devices": devices}

    def readings(self, device: str) -> Any:
        values = np.array(self.values[device])
        quality = np.where(np.isnan(values), 5, 0).astype(np.uint16)
        return (
            tuple(self.points[device]),
            values,
            quality,
            np.where(np.isnan(values), 0, self.start_ns).astype(np.int64),
        )

    async def gaps(self) -> Sequence[Gap]:
        return await self.store.gaps()

    def put(self, *messages: Summary | Change | Alarm) -> None:
        self.store.append([to_record(message) for message in messages])

    def summary(
        self, value: float, *, device: str = "feeder1", count: int = 10, quality: int = 0, s: float = 1
    ) -> Summary:
        """Return a window that ended `s` after the start, and differs in every number."""
        names = tuple(POINTS.get(device, {"gone": {}}))
        n = len(names)
        values = np.full(n, value if count else np.nan)
        return Summary(
            device=device,
            start_ns=self.start_ns + int(s * 1e9) - 10**9,
            length_ns=10**9,
            points=names,
            count=np.full(n, count, np.uint32),
            min=values - 1,
            max=values + 1,
            mean=values,
            last=np.where([POINTS[device][name]["type"] == "bool" for name in names], 1.0, values + 0.5)
            if device in POINTS
            else values,
            quality=np.full(n, quality, np.uint16),
        )

    def change(
        self, value: float, *, point: str = "cb", device: str = "feeder1", quality: int = 0, s: float = 1
    ) -> Change:
        at_ns = self.start_ns + int(s * 1e9)
        return Change(
            device, at_ns, (point,), np.array([value]), np.array([quality], np.uint16), np.array([at_ns], np.int64)
        )

    def alarm(self, state: AlarmState = AlarmState.ACTIVE_UNACKED) -> Alarm:
        at_ns = time.time_ns()
        return Alarm(
            "feeder1/va/limit_high", state, Severity.WARNING, "limit_high", "limits", "feeder1", ("va",), at_ns, at_ns,
            1, "feeder1.va 254 V is above 253 V", value=254.0, active=True,
        )  # fmt: skip

    def _command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        self.commands.append(command)
        return {}


@dataclass
class Stage:
    """A broker, a wire, a gateway's uplink, a host that hears everything and can speak."""

    wire: Wire
    edge: Edge
    host: Any
    broker: Any
    publishers: list[Publisher] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, **keys: Any) -> Publisher:
        """Let the gateway connect."""
        defaults = {"keepalive_s": 5, "retry_max_s": 1.0, "connect_timeout_s": 3.0, "status_every_s": 60}
        uplink = Uplink(url=self.wire.url, format="sparkplug_b", **defaults | keys)
        publisher = Publisher(
            uplink, IDENTITY, self.edge.store, build(uplink, IDENTITY, self.edge.sources()), random=lambda: 0.05
        )
        self.publishers.append(publisher)
        self.tasks.append(asyncio.create_task(publisher.run(), name="publisher"))
        return publisher

    async def kill(self) -> None:
        """End the gateway's uplink without a word."""
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        self.tasks.clear()

    def said(self, *verbs: str, link: int | None = None) -> list[Message]:
        """Return what the gateway published."""
        return said(self.wire.packets, *verbs, link=link)

    async def until(self, enough: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Wait until `enough` holds after some packet."""
        await until(self.wire, enough, timeout_s)

    def command(self, **values: bool | str) -> None:
        """Publish an NCMD."""
        payload = Payload(timestamp=1)
        for name, value in values.items():
            metric = payload.metrics.add(name=f"Node Control/{name}", timestamp=1)
            if isinstance(value, bool):
                metric.boolean_value = value
            else:
                metric.string_value = value
        self.host.say(NODE.format("NCMD"), payload.SerializeToString())

    def state(self, online: bool, timestamp: int, host: str = "scada") -> None:  # noqa: FBT001 - as the payload has it
        body = json.dumps({"online": online, "timestamp": timestamp}).encode()
        self.host.say(f"spBv1.0/STATE/{host}", body, retain=True)


@pytest.fixture
def make_stage(make_mosquitto: Any, subscribe: Any, tmp_path: Any) -> Callable[[], Any]:
    """Return a context that sets the stage; nothing is started before it is entered."""

    @asynccontextmanager
    async def made() -> AsyncIterator[Stage]:
        broker = make_mosquitto()
        await asyncio.to_thread(broker.start)
        wire = Wire(broker.port)
        await wire.mend()
        store = await Store.open(tmp_path / "state", StoreBudget(commit_s=0.02))
        stage = Stage(wire, Edge(store), await asyncio.to_thread(subscribe, broker), broker)
        try:
            yield stage
        finally:
            await stage.kill()
            await wire.close()
            await store.close()

    return made


@pytest.fixture
async def stage(make_stage: Callable[[], Any]) -> AsyncIterator[Stage]:
    """Set the stage; nobody is connected but the host."""
    async with make_stage() as made:
        yield made
