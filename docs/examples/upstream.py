"""Carries what all gateways say from a broker into PostgreSQL, each message once; upstream.sql does the storing.

    pip install paho-mqtt 'psycopg[binary]'
    psql -f upstream.sql grid
    python3 upstream.py mqtt://broker.example 'dbname=grid'

The broker keeps the session while this program or the database is away. A message is acknowledged only once it is
committed; what then comes again is a duplicate, which the database knows. So it may be killed at any moment. Several
may share the work: give each the same --group, and a --client-id of its own.
"""

import argparse
import os
import queue
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

Arrived: TypeAlias = tuple[int, MQTTMessage]
"""A message, and the number of the connection that brought it."""

AT_ONCE = 200
"""Messages of one transaction, and most that the broker sends without an acknowledgement."""
KEPT_S = 7 * 24 * 3600
"""How long the broker keeps the session; how much it keeps is its own setting."""
QUIET_S = 0.5
RETRY_S = 2.0
STORE = """
SELECT gridsentinel.store(topic, payload)
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS message (topic, payload, n) ORDER BY n
"""
TOPICS = ("telemetry/+", "change/+", "alarm", "report/+/+", "gap", "status", "birth")


class Carrier:
    """Takes messages from the broker in the order they come, and acknowledges them when the database has them."""

    def __init__(self, client: Client, database: str) -> None:
        self.verdicts: Counter[str] = Counter()
        self._client, self._database = client, database
        self._inbox: queue.Queue[Arrived] = queue.Queue()
        self._link = 0
        client.on_message = lambda _client, _data, message: self._inbox.put((self._link, message))
        client.on_disconnect = self._on_disconnect

    def run(self, stop: threading.Event) -> None:
        """Carry until told to stop; a database that is away is tried again."""
        kept: list[Arrived] = []
        while not stop.is_set():
            try:
                with psycopg.connect(self._database) as database:
                    while not stop.is_set():
                        kept = kept or self._batch()
                        if kept:
                            self._store(database, kept)
                            kept = []
            except psycopg.OperationalError as error:
                _say(f"the database is away: {error}")
                stop.wait(RETRY_S)

    def _batch(self) -> list[Arrived]:
        """Return what has come, waiting a moment for the first."""
        batch: list[Arrived] = []
        try:
            batch.append(self._inbox.get(timeout=QUIET_S))
            while len(batch) < AT_ONCE:
                batch.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _store(self, database: "psycopg.Connection[tuple[str]]", batch: Sequence[Arrived]) -> None:
        """Store a batch in one transaction, then acknowledge it."""
        payloads = [message.payload.decode(errors="backslashreplace").replace("\0", "") for _, message in batch]
        found = database.execute(STORE, ([message.topic for _, message in batch], payloads)).fetchall()
        database.commit()
        self.verdicts.update(verdict for (verdict,) in found)
        for link, message in batch:
            if link == self._link:  # else the broker sends it again, and its identifier may mean another message then
                self._client.ack(message.mid, message.qos)

    def _on_disconnect(self, *_: object) -> None:
        self._link += 1


def main(words: Sequence[str] | None = None) -> int:
    """Carry until a signal comes, then say what was carried."""
    asked = _arguments().parse_args(words)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=asked.client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    if asked.username:
        client.username_pw_set(asked.username, os.environ.get("MQTT_PASSWORD"))
    group = f"$share/{asked.group}/" if asked.group else ""
    topics = [(f"{group}gridsentinel/+/+/{topic}", 1) for topic in TOPICS]
    client.on_connect = lambda client, *_: client.subscribe(topics)
    carrier = Carrier(client, asked.database)
    parts = urlsplit(asked.url)
    if parts.scheme == "mqtts":
        client.tls_set()
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval, properties.ReceiveMaximum = KEPT_S, AT_ONCE
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    client.connect(parts.hostname or "", port, clean_start=False, properties=properties)
    client.loop_start()
    carrier.run(stop)
    client.disconnect()
    client.loop_stop()
    _say(dict(carrier.verdicts))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Carry what all gateways say into PostgreSQL.")
    parser.add_argument("url", help="mqtt://HOST:PORT or mqtts://HOST:PORT")
    parser.add_argument("database", help="what psql takes: 'host=db dbname=grid', postgresql://db/grid")
    parser.add_argument("--username", help="MQTT user; its password in the environment, MQTT_PASSWORD")
    parser.add_argument("--client-id", default="upstream", help="name of the session at the broker")
    parser.add_argument("--group", help="share the messages with others of this name (MQTT 5 shared subscription)")
    return parser


def _say(what: object) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
