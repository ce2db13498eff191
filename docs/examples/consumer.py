"""Checks that everything a gateway said has arrived: exit code 0 if it has.

    python3 consumer.py mqtt://broker.example SITE NAME                 until Ctrl-C, then the report
    python3 consumer.py mqtt://broker.example SITE NAME --state book.json   goes on where it was ended
    … --once · … --until-complete --seconds 60                          for cron and scripts

Needs paho-mqtt 2 and a broker of MQTT 5. The broker keeps the session while this program is away, and a message is
acknowledged only once the book on disk has it, so nothing is lost between two runs with the same `--state`.

Exit codes: 0 complete · 1 something is missing or contradictory · 2 wrong use, or no broker · 3 outstanding: the
gateway still holds messages, ask again later.
"""

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from completeness import Book, Ledger, Verdict
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

Arrived: TypeAlias = tuple[int, MQTTMessage]
"""A message, and the number of the connection that brought it."""

KEPT_S = 7 * 24 * 3600
"""How long the broker keeps the session of a consumer that is away; its queue is bounded by the broker."""
AT_ONCE = 100
"""Messages that the broker may send before they are acknowledged: entered together, the book saved once."""
QUIET_S = 0.2
"""A look at the clock and the signals at least this often."""
COMPLETE, LOST, FAILED, OUTSTANDING = 0, 1, 2, 3


class Consumer:
    """Listens to one gateway and keeps its ledger.

    `heard` once the retained status has come, which the broker sends behind all that it kept for the session. A book
    that begins now waits for the gateway's next status: the retained one is older than the subscription.
    """

    def __init__(self, url: str, prefix: str, *, state: Path | None, from_now: bool, client: Client) -> None:
        self.ledger = Ledger(from_now=from_now)
        self.unreadable = 0
        self.heard = False
        self._prefix, self._state, self._client = prefix, state, client
        self._inbox: queue.Queue[Arrived] = queue.Queue()
        self._link = 0
        if state is not None and state.exists():
            books = {stream: Book.from_json(kept) for stream, kept in json.loads(state.read_text()).items()}
            self.ledger = Ledger(from_now=from_now and not any(book.last for book in books.values()))
            self.ledger.books = books
        client.on_connect = self._on_connect
        client.on_message = lambda _client, _data, message: self._inbox.put((self._link, message))
        client.on_disconnect = self._on_disconnect
        parts = urlsplit(url)
        if parts.scheme == "mqtts":
            client.tls_set()
        client.connect(
            parts.hostname or "",
            parts.port or (8883 if parts.scheme == "mqtts" else 1883),
            clean_start=False,
            properties=_expiry(PacketTypes.CONNECT, KEPT_S),
        )

    def take(self) -> int:
        """Enter what has come, save the book, acknowledge; return how many messages there were."""
        taken: list[Arrived] = []
        while len(taken) < AT_ONCE and (arrived := self._next(wait=not taken)) is not None:
            taken.append(arrived)
            self._enter(arrived[1])
        if taken:
            self._save()
        for link, message in taken:
            if link == self._link:  # else the broker sends it again, and its identifier may mean another message then
                self._client.ack(message.mid, message.qos)
        return len(taken)

    def _next(self, *, wait: bool) -> Arrived | None:
        try:
            return self._inbox.get(timeout=QUIET_S) if wait else self._inbox.get_nowait()
        except queue.Empty:
            return None

    def _enter(self, message: MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{self._prefix}/").partition("/")[0]
        if topic == "command":  # said to the gateway, by whoever may
            return
        if topic == "status" and message.retain and self.ledger.from_now:
            return
        self.heard |= topic == "status" and (message.retain or self.ledger.from_now) and not message.dup
        try:
            told = json.loads(message.payload)
            verdict = self.ledger.enter(topic, told)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.unreadable += 1
            _say(f"unreadable {message.topic}: {error!r}")
            return
        if verdict is Verdict.CONTRADICTORY:
            _say(f"contradictory {message.topic} seq={told.get('seq')}")

    def _save(self) -> None:
        if self._state is not None:
            fresh = self._state.with_suffix(".new")
            with fresh.open("w") as file:
                json.dump({stream: book.to_json() for stream, book in self.ledger.books.items()}, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._state)

    def _on_disconnect(self, *_: object) -> None:
        self._link += 1
        _say("not connected")

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _say(f"the broker refuses us: {reason}")
            return
        _say(f"connected, listening to {self._prefix}")
        client.subscribe(f"{self._prefix}/#", qos=1)


def main(words: Sequence[str] | None = None) -> int:
    """Listen until the time is over or a signal comes, and report."""
    asked = _arguments().parse_args(words)
    client = Client(
        CallbackAPIVersion.VERSION2,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
        client_id=asked.client_id or f"consumer-{asked.site}-{asked.name}",
    )
    if asked.username:
        client.username_pw_set(asked.username, os.environ.get("MQTT_PASSWORD"))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        consumer = Consumer(
            asked.url,
            f"gridsentinel/{asked.site}/{asked.name}",
            state=asked.state,
            from_now=asked.from_now,
            client=client,
        )
    except OSError as error:
        _say(f"no broker at {asked.url}: {error}")
        return FAILED
    client.loop_start()
    _listen(consumer, stop, time.monotonic() + asked.seconds if asked.seconds else None, asked=asked)
    client.disconnect(properties=None if asked.state else _expiry(PacketTypes.DISCONNECT, 0))
    client.loop_stop()
    print(json.dumps({**consumer.ledger.report(), "unreadable": consumer.unreadable}, indent=1))  # noqa: T201
    return _code(consumer)


def _listen(consumer: Consumer, stop: threading.Event, end_s: float | None, *, asked: argparse.Namespace) -> None:
    while not stop.is_set() and (end_s is None or time.monotonic() < end_s):
        consumer.take()
        if consumer.heard and (asked.once or (asked.until_complete and _code(consumer) == COMPLETE)):
            return


def _code(consumer: Consumer) -> int:
    if consumer.unreadable or not consumer.ledger.complete:
        return LOST
    return COMPLETE if consumer.ledger.settled else OUTSTANDING


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check that everything a gateway said has arrived.")
    parser.add_argument("url", help="mqtt://HOST:PORT or mqtts://HOST:PORT")
    parser.add_argument("site")
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, help="end after so long; without it Ctrl-C ends")
    parser.add_argument("--once", action="store_true", help="end as soon as all that the broker kept has come")
    parser.add_argument("--until-complete", action="store_true", help="end as soon as all that was given out has come")
    parser.add_argument("--from-now", action="store_true", help="leave out what was given out before the first run")
    parser.add_argument("--state", type=Path, help="file that keeps the book from one run to the next")
    parser.add_argument("--username", help="MQTT user; its password in the environment, MQTT_PASSWORD")
    parser.add_argument("--client-id", help="name of the session; consumer-SITE-NAME when left out")
    return parser


def _expiry(packet: int, seconds: int) -> Properties:
    properties = Properties(packet)
    properties.SessionExpiryInterval = seconds
    if packet == PacketTypes.CONNECT:
        properties.ReceiveMaximum = AT_ONCE
    return properties


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
