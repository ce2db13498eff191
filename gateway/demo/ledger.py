"""What arrived at the other end: every stream counted by its sequence numbers, so that a hole cannot hide."""

from collections.abc import Mapping
from typing import Any

from gateway.store.record import Stream

STREAMS = tuple(stream.value for stream in Stream)


class Ledger:
    """The consumer's book. `readings` are all that the telemetry tells of, duplicates not counted twice."""

    def __init__(self) -> None:
        self.messages = 0
        self.duplicates = 0
        self.readings = 0
        self._upto = dict.fromkeys(STREAMS, 0)
        self._beyond: dict[str, set[int]] = {stream: set() for stream in STREAMS}

    def add(self, message: Mapping[str, Any]) -> bool:
        """Enter a message; return whether it is new."""
        stream, seq = message["stream"], message["seq"]
        self.messages += 1
        beyond = self._beyond[stream]
        if seq <= self._upto[stream] or seq in beyond:
            self.duplicates += 1
            return False
        beyond.add(seq)
        while self._upto[stream] + 1 in beyond:
            self._upto[stream] += 1
            beyond.discard(self._upto[stream])
        if stream == "telemetry":
            self.readings += sum(point["n"] for point in message["points"].values())
        return True

    def missing(self, last: Mapping[str, int]) -> int:
        """Return how many of the numbers 1 to `last` of each stream have not arrived."""
        return sum(number - self._upto[stream] - len(self._beyond[stream]) for stream, number in last.items())
