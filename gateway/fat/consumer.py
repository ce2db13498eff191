"""The independent consumer at the broker: paho, subscribed to all that one gateway says, handed to the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

CONNECT_S = 30.0


@asynccontextmanager
async def consuming(host: str, port: int, topic: str, take: Callable[[str, bytes], None]) -> AsyncIterator[None]:
    """Call `take` on the event loop with topic and body of every message, while the context lasts.

    Raises:
        TimeoutError: the broker does not answer.
        OSError: there is no broker.
    """
    loop, subscribed = asyncio.get_running_loop(), asyncio.Event()

    def heard(_client: Client, _data: Any, message: MQTTMessage) -> None:
        loop.call_soon_threadsafe(take, message.topic, bytes(message.payload))

    def connected(client: Client, *_: Any) -> None:
        client.subscribe(topic, qos=1)

    def ready(*_: Any) -> None:
        loop.call_soon_threadsafe(subscribed.set)

    client = Client(CallbackAPIVersion.VERSION2, client_id="gridsentinel-fat")
    client.on_message, client.on_connect, client.on_subscribe = heard, connected, ready
    await asyncio.to_thread(client.connect, host, port)
    client.loop_start()
    try:
        async with asyncio.timeout(CONNECT_S):
            await subscribed.wait()
        yield
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
