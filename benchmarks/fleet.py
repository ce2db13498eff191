"""A fleet against one Mosquitto that goes away and comes back.

fleet.py [--gateways 200] [--processes 4]

Each gateway is what a daemon has behind its pipeline: a store on disk and a publisher, one message a second (ten
devices of 20 points, windows of 10 s). They live in a few processes of their own, so that the broker's CPU is the
broker's. A subscriber with a kept session enters all messages in the ledgers of docs/examples. Exit code 1 if a message
is missing, contradictory, or overtakes another.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import broker
from child import cpu_s, rss_mb
from fleet_gateways import STATUS_S
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from station import DISK
from table import Section, Target

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs" / "examples"))
from completeness import Ledger

CHILD = Path(__file__).resolve().parent / "fleet_gateways.py"
PATIENCE_S = 300.0
CASES = {"restart": (0.5, 1.0), "restart, retry 5": (0.5, 5.0), "away 30 s": (30.0, 1.0)}
"""How long the broker is away, and `uplink.retry_first_s`."""
LEGEND = (
    "one Mosquitto; seconds from the moment that it listens again; connections are the first status of each gateway"
)


class Broker:
    """A Mosquitto on one port, whose sessions outlive a stop."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._file = folder / "mosquitto.conf"
        lines = ("user root", f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0")
        self._file.write_text("\n".join([*lines, "persistence true", f"persistence_location {folder}/", ""]))
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it; it listens when this returns."""
        self.process = subprocess.Popen([broker.program(), "-c", self._file], stderr=subprocess.DEVNULL)
        broker.wait_until_open(self.port)

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait()


class Watcher:
    """Enters everything in ledgers; knows when each gateway came back, and who overtook whom."""

    def __init__(self, port: int) -> None:
        self.ledgers: dict[str, Ledger] = defaultdict(Ledger)
        self.came_s: dict[str, float] = {}
        self.settled_s = 0.0
        self.overtaken = self.messages = self.twice = 0
        self._newest: Counter[tuple[str, str, bool]] = Counter()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="watcher", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("gridsentinel/#", qos=1)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def forget(self) -> None:
        """Begin to count anew who comes back."""
        self.came_s = {}

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def settled(self) -> bool:
        """Whether all that was given out has come."""
        return all(ledger.settled and ledger.complete for ledger in list(self.ledgers.values()))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        now_s, told = time.monotonic(), json.loads(message.payload)
        _, _, name, topic, *_ = message.topic.split("/")
        if topic == "status" and told["online"] and not message.retain:
            self.came_s.setdefault(name, now_s)
        verdict = self.ledgers[name].enter(topic, told)
        if verdict is None:
            return
        self.messages, self.twice = self.messages + 1, self.twice + (verdict == "duplicate")
        if verdict == "new":
            order = (name, topic, told["historical"])
            self.overtaken += told["seq"] < self._newest[order]
            self._newest[order] = max(self._newest[order], told["seq"])
            if told["historical"]:
                self.settled_s = now_s


def measure(case: str, into: Section, count: int, processes: int) -> None:
    """Run a fleet, take its broker away, and give it back."""
    away_s, retry_first_s = CASES[case]
    with TemporaryDirectory(prefix="fleet-", dir=DISK) as made:
        folder = Path(made)
        server = Broker(folder)
        server.start()
        watcher = Watcher(server.port)
        share = -(-count // processes)
        words = [
            [str(n), str(min(share, count - n)), str(server.port), made, str(retry_first_s)]
            for n in range(0, count, share)
        ]
        fleet = [subprocess.Popen([sys.executable, CHILD, *each], stdin=subprocess.PIPE) for each in words]
        try:
            _until(lambda: len(watcher.came_s) == count, "all connect")
            time.sleep(12)  # longer than a connection must last to count as steady
            server.stop()
            watcher.forget()
            time.sleep(away_s)
            server.start()
            began_s = time.monotonic()
            _until(lambda: len(watcher.came_s) == count, "all come back")
            time.sleep(3 * STATUS_S)
            for child in fleet:
                child.stdin.write(b"quiet\n")  # type: ignore[union-attr]
                child.stdin.flush()  # type: ignore[union-attr]
            _until(watcher.settled, "all is counted")
            spent = cpu_s(server.process.pid)
            _add(into, case, watcher, began_s=began_s, spent_s=spent, server=server.process.pid)
        finally:
            for child in fleet:
                child.kill()
                child.wait()
            watcher.close()
            server.stop()


def _add(into: Section, case: str, watcher: Watcher, *, began_s: float, spent_s: float, server: int) -> None:
    back = sorted(at_s - began_s for at_s in watcher.came_s.values())
    books = [book for ledger in watcher.ledgers.values() for book in ledger.books.values()]
    figures: Mapping[str, float] = {
        "half are back after, s": back[len(back) // 2],
        "all are back after, s": back[-1],
        "most in a second": max(Counter(int(at_s) for at_s in back).values()),
        "all is drained after, s": watcher.settled_s - began_s,
        "CPU of the broker since, s": spent_s,
        "RSS of the broker, MB": rss_mb(server),
        "messages": watcher.messages,
        "came twice": watcher.twice,
        "overtaken": watcher.overtaken,
        "missing": sum(last - first + 1 for book in books for first, last in book.missing()),
        "contradictory": sum(book.counts["contradictory"] for book in books),  # type: ignore[index]
    }
    for figure, value in figures.items():
        into.add(figure, case, value)


def _until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {what} within {PATIENCE_S:g} s")
        time.sleep(0.1)


def main() -> int:
    """Measure all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=200)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    DISK.mkdir(exist_ok=True)
    section = Section(f"{asked.gateways} gateways", list(CASES), LEGEND)
    section.targets = dict.fromkeys(("overtaken", "missing", "contradictory"), Target("0", lambda value: value == 0))
    for case in CASES:
        measure(case, section, asked.gateways, asked.processes)
    print("\n".join(section.lines()), f"\n{LEGEND}", sep="")
    return int(any(section.met(figure) is False for figure in section.targets))


if __name__ == "__main__":
    raise SystemExit(main())
