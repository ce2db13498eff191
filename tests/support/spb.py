"""Sparkplug as a host sees it: what matters of MQTT packets, messages by verb, and what has been told."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from wire import Packet, Wire

from gateway.uplink.sparkplug.wire import parse

HISTORICAL, LIVE = True, False


class Reader:
    """Takes fields off the body of a packet."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, count: int) -> bytes:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def field(self) -> bytes:
        return self.take(self.number(2))

    def properties(self, packet: Packet) -> bytes:
        """Properties of less than 128 bytes, as ours are."""
        return self.take(self.number(1)) if packet.version == 5 else b""


@dataclass(frozen=True)
class Connect:
    """A CONNECT and its last will."""

    version: int
    clean: bool
    keepalive_s: int
    properties: bytes
    topic: str
    payload: bytes
    qos: int
    retain: bool

    @classmethod
    def of(cls, packet: Packet) -> "Connect":
        read = Reader(packet.body)
        read.field()
        version, flags, keepalive_s = read.number(1), read.number(1), read.number(2)
        properties = read.properties(packet)
        read.field()
        assert flags & 0x04, "no last will"
        read.properties(packet)
        will = read.field().decode(), read.field(), flags >> 3 & 3, bool(flags & 0x20)
        return cls(version, bool(flags & 0x02), keepalive_s, properties, *will)


def topics(packet: Packet) -> dict[str, int]:
    """Return the topics of a SUBSCRIBE with their QoS."""
    read = Reader(packet.body)
    read.take(2)
    read.properties(packet)
    asked = {}
    while read.rest:
        topic = read.field().decode()
        asked[topic] = read.number(1) & 3
    return asked


def reason(packet: Packet) -> int:
    """Return the reason of a DISCONNECT."""
    return packet.body[0] if packet.body else 0


class Message:
    """A Sparkplug message as it went over the wire."""

    def __init__(self, packet: Packet) -> None:
        self.packet = packet

    @cached_property
    def payload(self) -> Any:
        return parse(self.packet.payload)

    @property
    def verb(self) -> str:
        return self.packet.topic.split("/")[2]

    @property
    def device(self) -> str:
        return "/".join(self.packet.topic.split("/")[4:])

    @property
    def names(self) -> list[str]:
        return [metric.name for metric in self.payload.metrics]

    def __getitem__(self, name: str) -> Any:
        return next(metric for metric in self.payload.metrics if metric.name == name)


def said(packets: Iterable[Packet], *verbs: str, link: int | None = None) -> list[Message]:
    """Return what the gateway published, of `verbs` or all, on one connection or all."""
    ours = (p for p in packets if p.ours and p.kind == "publish" and link in (None, p.link))
    return [Message(p) for p in ours if not verbs or p.topic.split("/")[2] in verbs]


async def until(wire: Wire, enough: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until `enough` holds after some packet."""
    try:
        await wire.seen(lambda _: bool(enough()), timeout_s)
    except TimeoutError:
        seen = [(p.kind, p.link, p.topic if p.kind == "publish" else "") for p in wire.packets[-20:]]
        raise AssertionError(seen) from None


class Host:
    """Follows one edge node as the specification asks of a host; anything out of turn is an error of the test.

    `values` (device, metric, milliseconds) to its value, one of each; `born` names by alias; `faults` in words.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, int], Any] = {}
        self.now: dict[tuple[str, str], Any] = {}
        self.born: dict[str, dict[int, str]] = {}
        self.faults: list[str] = []
        self.sessions = 0
        self._bdseq = -1
        self._seq = 0

    def take(self, topic: str, body: bytes) -> None:
        """Take the next message."""
        _, _, verb, _, *rest = topic.split("/")
        payload, device = parse(body), "/".join(rest)
        if verb == "NDEATH":
            if payload.metrics[0].long_value == self._bdseq:
                self.born.clear()
        elif verb[1:] in ("BIRTH", "DATA", "DEATH"):
            self._follow(verb, device, payload)

    def told(self, metric: str, device: str) -> set[Any]:
        """Return every value of a metric."""
        return {value for (of, name, _), value in self.values.items() if (of, name) == (device, metric)}

    def _follow(self, verb: str, device: str, payload: Any) -> None:
        if verb == "NBIRTH":
            self.born.clear()
            self.sessions += 1
            self._bdseq = next(m.long_value for m in payload.metrics if m.name == "bdSeq")
        elif not self.born:
            self.faults.append(f"{verb} of {device} before NBIRTH")
            return
        elif payload.seq != (self._seq + 1) % 256:
            self.faults.append(f"{verb} of {device} has seq {payload.seq} after {self._seq}")
        self._seq = payload.seq
        if verb.endswith("BIRTH"):
            self.born[device] = {m.alias: m.name for m in payload.metrics}
        elif verb == "DDEATH":
            self.born.pop(device, None)
        names = self.born.get(device, {})
        for metric in payload.metrics:
            self._keep(verb, device, names.get(metric.alias), metric)

    def _keep(self, verb: str, device: str, name: str | None, metric: Any) -> None:
        if name is None:
            self.faults.append(f"{verb} of {device} tells alias {metric.alias}, which was not born")
            return
        value = value_of(metric)
        self.values[device, name, metric.timestamp] = value
        if not metric.is_historical:
            self.now[device, name] = value


def listen(messages: Sequence[Any]) -> Host:
    """Return a host that has heard `messages`, which a subscriber received."""
    host = Host()
    for message in messages:
        if message.topic.startswith("spBv1.0/") and "/STATE/" not in message.topic and "/NCMD/" not in message.topic:
            host.take(message.topic, message.payload)
    return host


def value_of(metric: Any) -> Any:
    """Return the value of a metric, None for null."""
    kind = metric.WhichOneof("value")
    return None if kind is None else getattr(metric, kind)


def properties(metric: Any) -> Mapping[str, Any]:
    """Return the properties of a metric."""
    found = metric.properties
    return {key: getattr(value, value.WhichOneof("value")) for key, value in zip(found.keys, found.values, strict=True)}


class HostApplication:
    """A real host: last will, subscription, then its STATE at every session; keeps what it hears in `follows`."""

    def __init__(self, port: int, name: str = "scada") -> None:
        self.follows = Host()
        self._lock = threading.Condition()
        self._topic = f"spBv1.0/STATE/{name}"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.reconnect_delay_set(1, 1)
        self._client.will_set(self._topic, self._state(online=False), qos=1, retain=True)
        self._client.on_connect = lambda client, *_: client.subscribe("spBv1.0/#")
        self._client.on_subscribe = lambda *_: self._client.publish(
            self._topic, self._state(online=True), 1, retain=True
        )
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    async def until(self, enough: Callable[[Host], object], timeout_s: float = 30.0) -> None:
        """Wait until `enough` holds."""
        assert await asyncio.to_thread(self._wait, enough, timeout_s), (self.follows.faults, len(self.follows.values))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()

    def _wait(self, enough: Callable[[Host], object], timeout_s: float) -> bool:
        with self._lock:
            return self._lock.wait_for(lambda: bool(enough(self.follows)), timeout_s)

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if "/STATE/" not in message.topic and "/NCMD/" not in message.topic:
            with self._lock:
                self.follows.take(message.topic, message.payload)
                self._lock.notify_all()

    def _state(self, *, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": time.time_ns() // 1_000_000}).encode()
