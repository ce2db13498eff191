"""docs/examples/mosquitto.acl on a real Mosquitto: a gateway writes its own topics and reads its own commands only."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.config.model import Uplink
from gateway.uplink.mqtt import Listener, Outgoing, Version, connect

ROOT = Path(__file__).resolve().parents[2]
USERS = {"nairobi-west/gw1": "one", "nairobi-west/gw2": "two", "upstream": "three", "control-room": "four"}
OURS, OTHERS = "gridsentinel/nairobi-west/gw1/", "gridsentinel/nairobi-west/gw2/"
PATIENCE_S = 60
WRITTEN = ("status", "birth", "telemetry/feeder1", "change/feeder1", "alarm", "gap", "reply")


@pytest.fixture
def broker(make_mosquitto):
    broker = make_mosquitto(f"acl_file {ROOT / 'docs/examples/mosquitto.acl'}")
    broker.with_users(USERS)
    broker.start()
    return broker


@pytest.fixture
async def gateway(broker, tmp_path):
    """Speak as the gateway gw1, with the gateway's own connection; return what the broker says to a message."""
    secret = tmp_path / "secret"
    secret.write_text("one")
    uplink = Uplink(url=broker.url, username="nairobi-west/gw1", password_file=secret)
    made = []

    class Gateway:
        def __init__(self):
            self.acked = asyncio.Queue()
            self.received = asyncio.Queue()

        async def open(self, will):
            listener = Listener(acked=self.acked.put_nowait, received=self.received.put_nowait, ended=lambda: None)
            self.connection = await connect(
                uplink,
                version=Version.V5,
                client_id=f"c{len(made)}",
                will=lambda: Outgoing(will, b"{}"),
                listener=listener,
            )
            made.append(self.connection)
            return self

        async def allowed(self, topic):
            """Return whether the broker takes a message on this topic; one that it refuses ends the connection."""
            mid = self.connection.publish(Outgoing(topic, b"{}"))
            acked = asyncio.ensure_future(self.acked.get())
            await asyncio.wait((acked, self.connection.closed), return_when=asyncio.FIRST_COMPLETED)
            if acked.done():
                assert acked.result() == mid
                return True
            acked.cancel()
            return "Not authorized" not in str(self.connection.closed.result())

    async def speak(will=f"{OURS}status"):
        return await Gateway().open(will)

    yield speak
    for connection in made:
        connection.abort()


async def test_a_gateway_writes_its_own_topics(broker, gateway):
    """All that a gateway says, and its last will."""
    speaks = await gateway()

    assert [topic for topic in WRITTEN if not await speaks.allowed(OURS + topic)] == []
    assert speaks.connection.closed.done() is False


async def test_a_gateway_writes_nothing_else(gateway):
    """Neither what another gateway says, nor a command, nor anything else: the broker says that it may not."""
    topics = [*(OTHERS + topic for topic in WRITTEN), OURS + "command", OTHERS + "command", OURS + "telemetry/a/b", "x"]

    assert [topic for topic in topics if await (await gateway()).allowed(topic)] == []


async def test_a_gateway_reads_its_own_commands(broker, gateway, subscribe):
    """What the control room asks of it, and not what it asks of another, whatever the gateway subscribes to."""
    speaks = await gateway()
    assert await speaks.connection.subscribe([f"{OURS}command"])
    other = await gateway()
    await other.connection.subscribe([f"{OTHERS}command", f"{OTHERS}telemetry/+", "#"])
    room = subscribe(broker, f"{OURS}command", user=("control-room", "four"))
    room.say(f"{OTHERS}command", b'{"id":"not yours"}')
    room.say(f"{OURS}command", b'{"id":"1"}')
    await room.until(lambda room: room.messages)
    async with asyncio.timeout(PATIENCE_S):
        first = await speaks.received.get()

    assert json.loads(first.payload)["id"] == "1"
    assert speaks.received.empty()
    assert [json.loads(other.received.get_nowait().payload)["id"] for _ in range(other.received.qsize())] in ([], ["1"])


async def test_upstream_reads_and_writes_not(broker, gateway, subscribe):
    """The consumer hears all gateways, no commands, and cannot say anything in their name."""
    upstream = subscribe(broker, "gridsentinel/#", user=("upstream", "three"))
    room = subscribe(broker, "gridsentinel/#", user=("control-room", "four"))
    upstream.say(f"{OURS}telemetry/feeder1", b'"forged"')
    upstream.say(f"{OURS}command", b'"forged"')
    room.say(f"{OURS}command", b'"real"')
    speaks = await gateway()
    assert await speaks.allowed(f"{OURS}telemetry/feeder1")
    await upstream.until(lambda upstream: upstream.messages)
    await room.until(lambda room: len(room.messages) >= 2)

    assert [message.payload for message in upstream.messages] == [b"{}"]
    assert sorted(message.payload for message in room.messages) == [b'"real"', b"{}"]
