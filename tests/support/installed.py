"""The gateway of a machine as others see it: its unit, its log, its status, and what reaches the broker."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

from follow import PATIENCE_S
from nspawn import Machine

STATE: Final = "/var/lib/gridsentinel"
PRIVATE: Final = frozenset((STATE, "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"))
"""Where it may write: its own directory, and what nobody else sees and is gone with it."""
WRITABLE: Final = (
    "nsenter -t $(systemctl show gridsentinel --value --property=MainPID) --user --mount"
    " -S $(id -u gridsentinel) -G $(id -g gridsentinel)"
    " find / -path /proc -prune -o -type d -writable -print 2> /dev/null"
)
"""Prints the directories in which the running service may write, and ends with 1, as it may not look into all."""
CONFIGURATION: Final = "etc/gridsentinel/gateway.yaml"
JOURNAL: Final = "journalctl --unit gridsentinel --follow --lines all --output json"
LISTENER: Final = (
    "mosquitto_sub -h 127.0.0.1 -i acceptance --disable-clean-session -q 1 -t gridsentinel/# -F '%r %t %p'"
)
"""One session for the whole story: the broker keeps for it what comes while nobody listens."""


class Installed:
    """What is asked again and again of an installed gateway."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.file = machine.root / CONFIGURATION
        self.journal = machine.follow(JOURNAL)
        self._heard: list[str] = []

    def listen(self) -> None:
        """Begin to listen at the broker: what is sent from now on comes."""
        self.machine.run(f"{LISTENER} -E")  # ends when the broker has the session, and nothing can be in it yet
        self.broker = self.machine.follow(LISTENER)

    def reboot(self) -> None:
        """Start the machine anew, and listen again."""
        heard = self.broker
        self.polls(since=heard.mark())  # the next comes a window later: none is cut off between acknowledged and told
        self.machine.reboot()
        self._heard += heard.lines
        self.journal = self.machine.follow(JOURNAL)
        self.broker = self.machine.follow(LISTENER)

    def unit(self, key: str) -> str:
        """Return what systemd knows of the unit."""
        return self.machine.run(f"systemctl show gridsentinel --value --property={key}").strip()

    def other(self, before: str) -> str:
        """Wait until another process than `before` is at work, and return its number."""
        end = time.monotonic() + PATIENCE_S
        while (pid := self.unit("MainPID")) in ("0", before) or self.unit("ActiveState") != "active":
            assert time.monotonic() < end, f"process {pid} after {before}, {self.unit('ActiveState')}"
        return pid

    def status(self) -> Any:
        """Return the answer of the running gateway."""
        return json.loads(self.machine.run("gridsentinel status --json"))

    def logged(self, word: str, *, since: int = 0) -> str:
        """Wait for a line of the log with this word, and return it."""
        return self.journal.until(lambda line: word in line, f"{word} in the log", since=since)

    def polls(self, *points: str, since: int = 0) -> Any:
        """Wait for a window of the broker in which feeder1 and these points were read well, and return it."""

        def good(line: str) -> bool:
            retained, topic, text = line.split(" ", 2)
            if retained != "0" or "/telemetry/" not in topic:
                return False
            told = json.loads(text)
            read = told["points"].values()
            return (
                not told["historical"]
                and {*points} <= {*told["points"]}
                and all(each["n"] and not each["q"] for each in read)
            )

        line = self.broker.until(good, "telemetry at the broker", since=since)
        return json.loads(line.split(" ", 2)[2])

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Yield first and last number of every window that the broker has had."""
        for line in (*self._heard, *self.broker.lines):
            _, topic, text = line.split(" ", 2)
            if "/telemetry/" in topic:
                told = json.loads(text)
                first, last = told.get("covers", (told["seq"], told["seq"]))
                yield first, last
