"""A real Mosquitto on a free port, and a subscriber that notes when each message came."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PEERS = Path(__file__).resolve().parent.parent / ".peers"
PATIENCE_S = 10.0


class Received(NamedTuple):
    """A message, and when it came, in nanoseconds of CLOCK_MONOTONIC."""

    at_ns: int
    topic: str
    body: bytes

    @property
    def json(self) -> Any:
        """What it says."""
        return json.loads(self.body)


class Subscriber:
    """Keeps every message on `topics`, unread: parsing here would take CPU from what is measured."""

    def __init__(self, port: int, *, topics: str = "gridsentinel/#") -> None:
        self.messages: list[Received] = []
        self._changed = threading.Condition()
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="benchmark")
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not subscribed.wait(PATIENCE_S):
            raise TimeoutError("mosquitto takes no subscription")

    def on(self, part: str) -> list[Received]:
        """Return what came on topics that contain `part`."""
        with self._changed:
            return [message for message in self.messages if part in message.topic]

    def until(self, enough: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `enough` holds; return whether it does."""
        with self._changed:
            return self._changed.wait_for(enough, timeout_s)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        at_ns = time.monotonic_ns()
        with self._changed:
            self.messages.append(Received(at_ns, message.topic, message.payload))
            self._changed.notify_all()


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Run a broker; give its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = folder / "mosquitto.conf"
    user = "" if os.geteuid() else "user root\n"
    config.write_text(f"{user}listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    with subprocess.Popen([program(), "-c", config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_open(port)
            yield port
        finally:
            process.terminate()


def program() -> str:
    """Return the broker's program."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=f"/usr/sbin:{PEERS}/usr/sbin")
    if found is None:
        raise FileNotFoundError("no mosquitto in PATH, /usr/sbin or .peers: run `make bench`, or install it")
    return found


def wait_until_open(port: int) -> None:
    """Wait until somebody listens on `port`."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
