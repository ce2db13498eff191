"""One exhibit in the making: the alarms that share it, and what was kept of them before it is written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final

from gateway import __version__
from gateway.core.messages import Alarm
from gateway.evidence.flight import Readings, table
from gateway.evidence.wire import Captured, chosen
from protocols.points import Points

ALARMS_MAX: Final = 64
"""Alarms that an exhibit names; of a flood the first."""
HOSTS_MAX: Final = 32
"""Parties whose frames come first."""
SHARE: Final = 8
"""One file of an exhibit takes at most so small a part of the budget: then at least three exhibits fit."""


@dataclass(slots=True)
class Exhibit:
    """What is kept around an alarm, from `from_ns` until `until_ns`, UTC; `due_s` on the monotonic clock.

    `number` is the reading that comes next, `cuts_ns` for each tap from when on its frames were not taken yet.
    """

    id: str
    alarm_ns: int
    from_ns: int
    until_ns: int
    due_s: float
    cuts_ns: list[int]
    number: int = 0
    alarms: list[Mapping[str, Any]] = field(default_factory=list)
    more: int = 0
    hosts: dict[bytes, None] = field(default_factory=dict)
    frames: list[Captured] = field(default_factory=list)
    frames_left_out: int = 0
    readings: list[Readings] = field(default_factory=list)

    def add(self, alarm: Alarm, hosts: Sequence[bytes]) -> None:
        """Let one more alarm share it."""
        self.hosts.update(dict.fromkeys(hosts[: HOSTS_MAX - len(self.hosts)]))
        if len(self.alarms) >= ALARMS_MAX:
            self.more += 1
            return
        self.alarms.append({
            "id": alarm.id,
            "kind": alarm.kind,
            "severity": alarm.severity.value,
            "technique": alarm.technique,
            "time": utc(alarm.last_ns),
            "text": alarm.text,
        })  # fmt: skip

    @property
    def comment(self) -> str:
        """Return what the file of the frames says of itself."""
        return f"{self.id}: {self.alarms[0]['text']}".encode(errors="replace").decode()

    def thin(self, max_bytes: int) -> None:
        """Keep of the frames only what its file may have of the budget."""
        most_bytes = max_bytes // SHARE
        self.frames, left_out = chosen(self.frames, self.hosts, near_ns=self.alarm_ns, most_bytes=most_bytes)
        self.frames.sort(key=itemgetter(0))
        self.frames_left_out += left_out

    def files(self, points: Points, max_bytes: int) -> dict[str, bytes]:
        """Return its files by name, what describes the others last. It takes long: not for the event loop."""
        self.thin(max_bytes)
        content, rows_left_out = _within(table(points, Readings.joined(self.readings)), max_bytes // SHARE)
        made = {f"{self.id}.csv": content}
        if self.cuts_ns:
            from protocols.tap.capture.pcapng import capture  # noqa: PLC0415 - only where there is a tap

            made[f"{self.id}.pcapng"] = b"".join(capture(self.frames, comment=self.comment))
        told = {
            "v": 1,
            "id": self.id,
            "version": __version__,
            "from": utc(self.from_ns),
            "until": utc(self.until_ns),
            "alarms": self.alarms,
            "alarms_more": self.more,
            "frames": len(self.frames),
            "frames_left_out": self.frames_left_out,
            "readings": sum(map(len, self.readings)) - rows_left_out,
            "readings_left_out": rows_left_out,
            "files": {name: {"bytes": len(each), "sha256": digest(each)} for name, each in made.items()},
        }
        return {**made, f"{self.id}.json": json.dumps(told, indent=1).encode() + b"\n"}


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file, as the audit log has it."""
    return sha256(content).hexdigest()


def utc(time_ns: int) -> str:
    """Return a time to the microsecond."""
    return datetime.fromtimestamp(max(time_ns, 0) / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _within(pieces: Iterable[str], most_bytes: int) -> tuple[bytes, int]:
    """Return the first pieces that fit, and how many lines were left out."""
    kept, size, lost = [], 0, 0
    for piece in pieces:
        data = piece.encode(errors="replace")
        size += len(data)
        if size > most_bytes:
            lost += data.count(b"\n")
        else:
            kept.append(data)
    return b"".join(kept), lost
