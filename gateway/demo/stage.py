"""Everything the demonstration needs, started in one process: substation, broker, link, gateway and consumer.

substation ──every protocol──► gateway ──MQTT──► link (is cut for a while) ──► broker ──► consumer (counts)
"""

import asyncio
import json
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amqtt.client import MQTTClient
from amqtt.mqtt.constants import QOS_1

from gateway.app import Gateway
from gateway.config import Config
from gateway.config.loader import load
from gateway.demo.broker import embedded
from gateway.demo.ledger import STREAMS, Ledger
from gateway.demo.link import Link
from gateway.demo.voices import Voices, agreed, voices
from gateway.orders import Order
from gateway.resources import config_folder
from gateway.store.record import Stream
from gateway.timeline import Timeline
from protocols.tap.config import TapDevice
from simulator.configuration import device_name
from simulator.scenario import Scenario
from simulator.speakers import SPEAKERS
from simulator.steps import Step
from simulator.substation import Substation, serve

GRACE_S = 30.0
"""How long the end of the demonstration waits for everything to arrive, and for the protocols to agree."""
SETTLE_S = 2.5
"""How long the substation stands still at the end, so that every protocol tells of the same instant: scans are 1 s."""
STORY = 8
"""Lines of the story that are remembered for the view."""
HEARD = 4096
"""Alarms that are remembered as they arrived, the newest."""


Heard = tuple[int, Mapping[str, Any]]
"""When an alarm arrived, UTC in nanoseconds, and what it said."""


class Stage:
    """The demonstration under way, as the view shows it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.ledger = Ledger()
        self.alarms: dict[str, Mapping[str, Any]] = {}
        self.story: deque[tuple[float, str]] = deque(maxlen=STORY)
        self.heard: deque[Heard] = deque(maxlen=HEARD)
        self.came = asyncio.Event()
        self.began = 0.0
        self.compared: Voices = {}
        self.folder: Path
        self.substation: Substation
        self.gateway: Gateway
        self.link: Link

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return asyncio.get_running_loop().time() - self.began

    def tell(self, text: str) -> None:
        """Add a line to the story."""
        self.story.append((self.seconds, text))

    def missing(self) -> int:
        """Return how many messages that the gateway ever numbered have not arrived."""
        return self.ledger.missing({stream: self.gateway.store.last(Stream(stream)) for stream in STREAMS})

    async def settle(self) -> None:
        """Let the substation stand still until every protocol has told of the same instant, and note what they say."""
        self.tell("the substation stands still, so that the protocols can be compared")
        self.substation.freeze()
        for _ in range(round(GRACE_S / SETTLE_S)):
            await asyncio.sleep(SETTLE_S)
            self.compared = voices(self.gateway.plant)
            if agreed(self.compared):
                break

    def take(self, body: bytes) -> None:
        """Enter what the consumer received."""
        self.came.set()
        message = json.loads(body)
        if "seq" in message and self.ledger.add(message) and message["stream"] == "alarm":
            self._alarm(message)

    def _alarm(self, message: Mapping[str, Any]) -> None:
        self.heard.append((time.time_ns(), message))
        self.alarms.pop(message["id"], None)
        self.alarms[message["id"]] = message
        self.tell(f"alarm {message['state'].replace('_', ' ')}: {message['text']}")


class Scene:
    """How the stage is set: who serves, what is different in the configuration, and which clock the gateway has."""

    def clock(self) -> Timeline:
        """Return the gateway's clock."""
        return Timeline()

    def serve(self, stage: Stage) -> AbstractAsyncContextManager[Substation]:
        """Serve the substation."""
        return serve(stage.scenario, tell=_teller(stage), ways=tuple(SPEAKERS))

    def adapt(self, config: Config) -> Config:
        """Return the configuration that the gateway is given."""
        return config


@asynccontextmanager
async def staged(scenario: Scenario, broker_url: str | None, scene: Scene | None = None) -> AsyncIterator[Stage]:
    """Start everything; at the end stop the gateway as a service would be, and wait for what is on its way."""
    stage, scene = Stage(scenario), scene or Scene()
    stage.began = asyncio.get_running_loop().time()
    async with AsyncExitStack() as stack:
        stage.folder = folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridsentinel-demo-")))
        host, port = await _broker(stack, broker_url)
        stage.link = Link(host, port)
        stack.push_async_callback(stage.link.cut)
        await stage.link.mend()
        consumer = await _consume(stack, stage, f"mqtt://{host}:{port}/")
        stage.substation = await stack.enter_async_context(scene.serve(stage))
        stage.began = asyncio.get_running_loop().time()
        stage.gateway = Gateway(folder, scene.adapt(_config(folder, stage)), grace_s=GRACE_S, clock=scene.clock())
        running = asyncio.create_task(stage.gateway.run(), name="gateway")
        try:
            yield stage
        finally:
            await stage.link.cut()
            await stage.link.mend()
            stage.gateway.order(Order.STOP)
            await running
            await _arrived(stage)
            consumer.cancel()


async def _broker(stack: AsyncExitStack, url: str | None) -> tuple[str, int]:
    """Start the embedded broker on a free port, or take the one that was named."""
    if url is not None:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or 1883
    return await stack.enter_async_context(embedded())


async def _consume(stack: AsyncExitStack, stage: Stage, url: str) -> asyncio.Task[None]:
    """Subscribe to all that the gateway says, past the link: what the broker has, the consumer gets."""
    client = MQTTClient(client_id="gridsentinel-demo-consumer", config={"auto_reconnect": False})
    await client.connect(url, cleansession=True)
    stack.push_async_callback(client.disconnect)
    await client.subscribe([("gridsentinel/demo/#", QOS_1)])

    async def receive() -> None:
        while True:
            message = await client.deliver_message()
            if message is not None:
                stage.take(bytes(message.data))

    task = asyncio.create_task(receive(), name="consumer")
    stack.callback(task.cancel)
    return task


def _config(folder: Path, stage: Stage) -> Config:
    """The demonstration's configuration, with the ports that were free here."""
    config = load(config_folder() / "demo.yaml")
    urls = {device_name(word, bay): url for word, bays in stage.substation.urls.items() for bay, url in bays.items()}
    return replace(
        config,
        gateway=replace(config.gateway, state_dir=folder),
        uplink=replace(
            config.uplink, url=f"mqtt://127.0.0.1:{stage.link.port}", retry_max_s=2.0, connect_timeout_s=1.0
        ),
        devices=tuple(
            device if isinstance(device, TapDevice) else replace(device, url=urls[device.name])
            for device in config.devices
        ),
    )


def _teller(stage: Stage) -> Any:
    def tell(step: Step, begins: bool) -> None:  # noqa: FBT001 - the simulator calls it so
        stage.tell(f"substation: {step.text}" if begins else f"substation: over: {step.text}")

    return tell


async def _arrived(stage: Stage) -> None:
    """Wait for the consumer to have what the broker has acknowledged, a little while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            while stage.missing():
                stage.came.clear()
                await stage.came.wait()
