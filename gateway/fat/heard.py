"""What an independent consumer hears of the gateway: the last word about every point, and the life of every alarm.

It knows topics and payloads from docs/mqtt.md only, and none of the gateway's own code; of Sparkplug a host tells it.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from gateway.fat.host import Host, Message

Tamper: TypeAlias = Callable[[str, Message], Message | None]
"""Stands between broker and consumer in tests of the test itself; None takes a message away."""
NS = 1_000_000_000
RESOLUTION_NS = 1_000_000
"""Times are told in whole milliseconds."""
ALARMS_MAX = 64
"""Words about one alarm that are kept, the newest: a test of a limit takes two."""


class Word(NamedTuple):
    """The last word about a point: value (None for no number), quality, its own time if it was told with one."""

    value: float | None
    quality: int
    stream: str
    time_ns: int
    heard_ns: int


class Heard:
    """Takes every message; `points` has the last word about each, `alarms` the words about each by its id.

    `numbers` are the sequence numbers of each stream; `garbled` counts what could not be read. `host` reads Sparkplug.
    """

    def __init__(self, prefix: str, tamper: Tamper | None = None, *, host: Host | None = None) -> None:
        self.prefix = prefix
        self.points: dict[str, Word] = {}
        self.changes: dict[str, Word] = {}
        self.alarms: defaultdict[str, list[Message]] = defaultdict(list)
        self.birth: Message | None = None
        self.numbers: defaultdict[str, set[int]] = defaultdict(set)
        self.messages = 0
        self.garbled = 0
        self._tamper, self._host = tamper, host
        self._news = asyncio.Event()
        self._of_alarm: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def take(self, topic: str, body: bytes) -> None:
        """Take a message as it came."""
        try:
            for name, message in [(topic, json.loads(body))] if self._host is None else self._host.read(topic, body):
                self._enter(name, message)
        except ValueError:
            self.garbled += 1

    def _enter(self, topic: str, told: Message) -> None:
        message = told if self._tamper is None else self._tamper(topic, told)
        if message is None:
            return
        self.messages += 1
        kind, _, device = topic.removeprefix(f"{self.prefix}/").partition("/")
        if "seq" in message:
            self.numbers[message["stream"]].add(message["seq"])
        match kind:
            case "birth":
                self.birth = message
            case "telemetry" | "change":
                self._readings(kind, device, message)
            case "alarm":
                self._alarm(message)
        self._news.set()

    async def news(self, within_s: float) -> None:
        """Wait for the next message, at most so long."""
        self._news.clear()
        await _at_most(self._news, within_s)

    async def alarm(self, id_: str, *, active: bool, since_ns: int, within_s: float) -> Message | None:
        """Return the first word that the alarm is active, or is not, of what changed after `since_ns`; None if none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while True:
            self._of_alarm[id_].clear()
            found = self.said(id_, active=active, since_ns=since_ns)
            left_s = until - loop.time()
            if found is not None or left_s <= 0:
                return found
            await _at_most(self._of_alarm[id_], left_s)

    def said(self, id_: str, *, active: bool, since_ns: int) -> Message | None:
        """Return what `alarm` waits for, if it has come."""
        return next(
            (
                each
                for each in self.alarms[id_]
                if each["active"] is active and instant(each["last"]) >= since_ns - RESOLUTION_NS
            ),
            None,
        )

    def is_active(self, id_: str) -> bool:
        """Whether the last word about an alarm is that it is active."""
        return bool(self.alarms[id_]) and bool(self.alarms[id_][-1]["active"])

    def _readings(self, stream: str, device: str, message: Message) -> None:
        for name, told in message["points"].items():
            value = told["value"] if stream == "change" else told["last"]
            if stream == "telemetry" and not told["n"] and not told["q"]:
                continue  # nothing was read in this window: what was said before holds
            time_ns = instant(told["time"]) if stream == "change" and told["time"] else 0
            word = Word(value, told["q"], stream, time_ns, time.time_ns())
            self.points[f"{device}.{name}"] = word
            if stream == "change":
                self.changes[f"{device}.{name}"] = word

    def _alarm(self, message: Message) -> None:
        words = self.alarms[message["id"]]
        words.append(message)
        del words[:-ALARMS_MAX]
        self._of_alarm[message["id"]].set()


def instant(text: str) -> int:
    """Return a time of a message in ns since 1970, UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000


async def _at_most(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
