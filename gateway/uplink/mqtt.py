"""One conversation with an MQTT broker, driven by the event loop; it and `client` are the only files that know paho.

- A connection is made once and ends once. There is no reconnect and no resending below the publisher, so paho never
  holds more than the window, and a row is on its way at most once a connection.
- Only an answer counts: a PUBACK or, for QoS 0, which has none, the answer to a ping that went behind the message. A
  message that waits for one longer than 1.5 keep-alives ends the connection, and so does a broker that says nothing for
  so long, although it was pinged after one: the link is silent, whatever TCP believes.
- Host names, TCP and TLS are resolved and shaken in a thread of their own, which never stands in the way of the loop.
- MQTT 5 is tried first. A broker that refuses it (CONNACK reason 132, CONNACK code 1, a close without any CONNACK, or
  silence) is asked in 3.1.1.

The loop reads and writes the socket itself: 55 us CPU a message (300 bytes, 20 in flight) where paho's own thread,
which wakes the loop for each PUBACK, takes 145.
"""

import asyncio
import math
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.beat import until_next
from gateway.config.model import Uplink
from gateway.uplink.client import INCOMING_BYTES, Client
from gateway.uplink.endpoint import BrokerLost, password, reach, sentence
from gateway.uplink.message import Incoming, Outgoing
from gateway.uplink.proof import Proof

PATIENCE = 1.5
"""Keep-alives until the broker counts as silent; MQTT 5 clause 3.1.2.10 gives clients the same."""
LOOK_S = 1.0
"""How often the link is looked at, and pinged when its time has come."""
LARGEST_PACKET = 268_435_455
"""MQTT 5 clause 1.5.5: the largest packet, when the broker names no limit of its own."""
UNSUPPORTED_VERSION = 132
"""MQTT 5 clause 3.2.2.2."""
FAREWELL_S = 0.3
"""How long the last bytes of a clean disconnect may take."""


class Version(StrEnum):
    """Versions of MQTT, as people say them."""

    V5 = "5"
    V311 = "3.1.1"


class VersionRefused(BrokerLost):
    """The broker may not speak this version of MQTT; `told` when it said so, and did not only close or keep silent."""

    def __init__(self, text: str, *, told: bool = False) -> None:
        super().__init__(text)
        self.told = told


class Oversized(BrokerLost):
    """The broker sent more than a command can be."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of it: `acked` with the identifier of a message that the broker has, `received` with what it sent."""

    acked: Callable[[int], None]
    received: Callable[[Incoming], None]
    ended: Callable[[], None]


class Connection:
    """A conversation with the broker. `closed` becomes the reason of its end; `window` and `max_bytes` its limits.

    `sure` unless 3.1.1 is spoken on a guess: a link that broke before the answer looks like an old broker.
    """

    sure = True

    def __init__(
        self,
        uplink: Uplink,
        *,
        version: Version,
        client_id: str,
        will: Callable[[], Outgoing],
        listener: Listener,
    ) -> None:
        self.version = version
        self.window = uplink.inflight
        self.max_bytes = LARGEST_PACKET
        self.closed: asyncio.Future[BrokerLost] = asyncio.get_running_loop().create_future()
        self._uplink = uplink
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[bool] = self._loop.create_future()
        self._will = will
        self._sent: dict[int, float] = {}
        self._heard_s = math.inf
        self._proof = Proof()
        self._timer: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        self._trouble = ""
        self._client = Client.of(client_id, older=version is Version.V311, window=uplink.inflight)

    async def open(self) -> None:
        """Connect, and wait until the broker has accepted; once.

        Raises:
            BrokerLost: nobody answers, or nobody who is trusted, or we are not.
        """
        try:
            async with asyncio.timeout(self._uplink.connect_timeout_s):
                secret = password(self._uplink.password_file)
                self._attach(await reach(self._uplink), secret)
                await self._answer()
        except (OSError, ValueError) as error:
            broker, within_s = self._uplink, self._uplink.connect_timeout_s
            self.abort(BrokerLost(sentence(error, broker.host, port=broker.port, within_s=within_s)))
        except BaseException:
            self.abort()
            raise
        if self.closed.done():
            raise self.closed.result()

    def publish(self, message: Outgoing) -> int:
        """Send `message` and return the identifier that `acked` will name.

        Raises:
            BrokerLost: the connection is over.
        """
        if self.closed.done():
            raise self.closed.result()
        info = self._client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(BrokerLost(f"a message could not be sent: {info.rc.name}"))
            raise self.closed.result()
        self._sent[info.mid] = time.monotonic()
        if not message.qos:
            self._proof.sent(info.mid)
            self._prove(self._uplink.inflight // 2)
        return info.mid

    def prove(self) -> None:
        """Ask the broker now for the proof that it has what went before."""
        self._prove(1)

    async def subscribe(self, topics: Sequence[str]) -> bool:
        """Ask for `topics` with QoS 1, once, and return whether the broker allows all of them.

        Raises:
            BrokerLost: the connection ended before the answer.
        """
        self._client.subscribe([(topic, 1) for topic in topics])
        await asyncio.wait((self._subscribed, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            raise self.closed.result()
        return self._subscribed.result()

    async def disconnect(self, *, with_will: bool = False) -> None:
        """End the conversation in order; the broker keeps the will to itself unless asked (in MQTT 5)."""
        self._client.leave(with_will=with_will)
        await asyncio.wait((self.closed,), timeout=FAREWELL_S)
        self.abort()

    def abort(self, reason: BrokerLost | None = None) -> None:
        """End the conversation without a word; may be called twice."""
        self._end(reason or BrokerLost("closed by the gateway"))

    async def _answer(self) -> None:
        """Wait for the CONNACK; half the time in MQTT 5, which some old brokers do not even refuse."""
        answer_s = self._uplink.connect_timeout_s / 2 if self.version is Version.V5 else None
        waited = (self._accepted, self.closed)
        answered, _ = await asyncio.wait(waited, timeout=answer_s, return_when=asyncio.FIRST_COMPLETED)
        if not answered:
            self._end(VersionRefused(f"the broker does not answer in MQTT {self.version}"))

    def _attach(self, sock: socket.socket, secret: str | None) -> None:
        """Hand the socket to paho and the loop, and send CONNECT."""
        client, uplink = self._client, self._uplink
        self._socket = client.ready = sock
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_message = self._on_publish, self._on_message
        client.on_subscribe, client.on_log = self._on_subscribe, self._on_log
        client.pinged, client.answered = self._proof.ask, self._on_answer
        client.on_socket_register_write = lambda *_: self._loop.add_writer(sock, client.loop_write)
        client.on_socket_unregister_write = lambda *_: self._stop_writing()
        client.on_socket_close = lambda *_: self._detach()
        will = self._will()
        client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        if uplink.username is not None:
            client.username_pw_set(uplink.username, secret)
        client.connect(uplink.host, uplink.port, uplink.keepalive_s, properties=client.greeting())
        self._loop.add_reader(sock, self._read)
        self._tick()

    def _stop_writing(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _detach(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        """Take what the broker sent, and with TLS also what already waits decrypted."""
        self._heard_s = time.monotonic()
        while self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS and not self.closed.done():
            if not isinstance(self._socket, ssl.SSLSocket) or not self._socket.pending():
                return

    def _tick(self) -> None:
        """Look every second, and exactly when the time is over, whether the link is alive."""
        now, patience_s = time.monotonic(), PATIENCE * self._uplink.keepalive_s
        waiting_s, silent_s = now - next(iter(self._sent.values()), now), now - self._heard_s
        left_s = patience_s - max(waiting_s, silent_s)
        if left_s <= 0:
            what = "acknowledged" if waiting_s >= patience_s else "said"
            self._end(BrokerLost(f"the broker {what} nothing for {patience_s:g} s"))
        else:
            self._client.loop_misc()
            self._prove(1)
        if not self.closed.done():
            look_s = until_next(LOOK_S, self._loop.time())
            self._timer = self._loop.call_later(min(look_s, self._uplink.keepalive_s / 4, left_s), self._tick)

    def _on_connect(
        self, _client: PahoClient, _data: Any, _flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._client.on_log = None
        if reason.value == UNSUPPORTED_VERSION:
            self._end(VersionRefused(f"the broker refuses MQTT {self.version}", told=True))
        elif reason.is_failure:
            who = f"user {self._uplink.username}" if self._uplink.username else "a client without user"
            self._end(BrokerLost(f"the broker refuses {who}: {reason}"))
        else:
            self.window = min(self.window, getattr(properties, "ReceiveMaximum", self.window))
            self.max_bytes = getattr(properties, "MaximumPacketSize", self.max_bytes)
            self._accepted.set_result(None)

    def _on_disconnect(self, _client: PahoClient, _data: Any, flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if self._client.refused_bytes:
            size = self._client.refused_bytes
            self._end(Oversized(f"the broker sent a packet of {size} bytes, over {INCOMING_BYTES}"))
        elif flags.is_disconnect_packet_from_server:
            self._end(BrokerLost(f"the broker closed the connection: {reason}"))
        elif self._accepted.done():
            self._end(BrokerLost("the connection broke"))
        elif self._trouble:
            self._end(BrokerLost(f"no TLS with {self._uplink.host}:{self._uplink.port}: {self._trouble}"))
        else:
            self._end(VersionRefused("the broker closed the connection without an answer"))

    def _on_publish(self, _client: PahoClient, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        if mid in self._proof:  # it was written, which says nothing of the broker
            return
        del self._sent[mid]
        if reason.is_failure:
            self._end(BrokerLost(f"the broker refuses a message: {reason}"))
        else:
            self._listener.acked(mid)

    def _on_answer(self) -> None:
        for mid in self._proof.answer():
            del self._sent[mid]
            self._listener.acked(mid)
        self._prove(self._uplink.inflight // 2)

    def _prove(self, least: int) -> None:
        """Ping if at least that many messages wait for their proof, one at a time."""
        if len(self._proof) >= max(1, least) and not self._proof.asked and not self.closed.done():
            self._client.ping()

    def _on_message(self, _client: PahoClient, _data: Any, message: MQTTMessage) -> None:
        self._listener.received(Incoming(message.topic, bytes(message.payload), message.retain))

    def _on_subscribe(
        self, _client: PahoClient, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        self._subscribed.set_result(not any(reason.is_failure for reason in reasons))

    def _on_log(self, _client: PahoClient, _data: Any, level: int, text: str) -> None:
        """Keep what TLS had against us: TLS 1.3 refuses a client's certificate only after the handshake."""
        if level == LogLevel.MQTT_LOG_ERR and "[SSL" in text:
            self._trouble = text[text.index("[SSL") :]

    def _end(self, reason: BrokerLost) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        if self._timer is not None:
            self._timer.cancel()
        self._detach()
        self._listener.ended()


async def connect(
    uplink: Uplink, *, version: Version, client_id: str, will: Callable[[], Outgoing], listener: Listener
) -> Connection:
    """Return a connection in `version`, or in 3.1.1 where the broker refuses 5; `will` is asked at each CONNECT.

    Raises:
        BrokerLost: there is none.
    """

    async def opened(attempt: Version) -> Connection:
        connection = Connection(uplink, version=attempt, client_id=client_id, will=will, listener=listener)
        await connection.open()
        return connection

    sure = True
    if version is Version.V5:
        try:
            return await opened(Version.V5)
        except VersionRefused as refused:
            sure = refused.told
    connection = await opened(Version.V311)
    connection.sure = sure
    return connection
