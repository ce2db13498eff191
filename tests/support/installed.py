"""The gateway of a machine as others see it: its unit, its log, its status, and what reaches the broker."""

import json
from collections.abc import Iterator
from typing import Any, Final

from nspawn import Machine

STATE: Final = "/var/lib/gridsentinel"
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
        """Begin to listen at the broker, or go on after a reboot."""
        self.broker = self.machine.follow(LISTENER)

    def reboot(self) -> None:
        """Start the machine anew, and listen again."""
        heard = self.broker
        self.machine.reboot()
        self._heard += heard.lines
        self.journal = self.machine.follow(JOURNAL)
        self.listen()

    def unit(self, key: str) -> str:
        """Return what systemd knows of the unit."""
        return self.machine.run(f"systemctl show gridsentinel --value --property={key}").strip()

    def status(self) -> Any:
        """Return the answer of the running gateway."""
        return json.loads(self.machine.run("gridsentinel status --json"))

    def logged(self, word: str, *, since: int = 0) -> str:
        """Wait for a line of the log with this word, and return it."""
        return self.journal.until(lambda line: word in line, f"{word} in the log", since=since)

    def polls(self, *points: str, since: int = 0, patience_s: float = 60.0) -> Any:
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

        line = self.broker.until(good, "telemetry at the broker", since=since, patience_s=patience_s)
        return json.loads(line.split(" ", 2)[2])

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Yield first and last number of every window that the broker has had."""
        for line in (*self._heard, *self.broker.lines):
            _, topic, text = line.split(" ", 2)
            if "/telemetry/" in topic:
                told = json.loads(text)
                first, last = told.get("covers", (told["seq"], told["seq"]))
                yield first, last
