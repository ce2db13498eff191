"""What is remembered from one run to the next, beside the messages that wait.

That is the alarms, where each driver stands, and what is normal. What the checks have learned is a file of its own.
"""

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from gateway.core.messages import Alarm, AlarmState, Unsaid
from gateway.store import baseline
from gateway.store.packing import BadRecord, alarm_of, to_record
from gateway.store.record import Record, Stream
from gateway.store.store import Store
from protocols.model import Bookmark

log = structlog.get_logger()

ALARM_KEY = "alarm/"
"""Prefix of the alarms among the states in the store: alarm/ID."""
BOOKMARK_KEY = "bookmark/"
"""Prefix of the drivers' bookmarks there: bookmark/DEVICE/KEY."""

Bookmarks: TypeAlias = MutableMapping[tuple[str, str], bytes]
"""What drivers left, by device and key."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a plant takes up: alarms that were not normal, and bookmarks.

    `facts` is what is normal, by detector, as `detectors.cyber.baseline` tells it; None when nobody knows.
    """

    alarms: Sequence[Alarm] = ()
    bookmarks: Bookmarks = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] | None = None

    def over(self, older: "Memory") -> "Memory":
        """Return what `older` knew, overruled by what is known here."""
        alarms = {alarm.id: alarm for alarm in (*older.alarms, *self.alarms)}
        for key, value in older.bookmarks.items():
            self.bookmarks.setdefault(key, value)  # the same object: drivers and the flow have it
        facts = older.facts if self.facts is None else self.facts
        return Memory(list(alarms.values()), self.bookmarks, facts)


async def remembered(store: Store, directory: Path) -> Memory:
    """Return what the store, and the files beside it in `directory`, have kept since the last run."""
    bookmarks = {}
    for key, value in (await store.states(BOOKMARK_KEY)).items():
        device, _, name = key.removeprefix(BOOKMARK_KEY).partition("/")
        bookmarks[device, name] = value
    alarms = list(_readable(await store.states(ALARM_KEY)))
    return Memory(alarms, bookmarks, await asyncio.to_thread(baseline.read, directory))


def keep_alarms(store: Store, alarms: Sequence[Alarm], unsaid: Sequence[Unsaid] = ()) -> None:
    """Store alarm messages and what must be known of them after a restart, and of others too, in one transaction."""
    records = [to_record(alarm) for alarm in alarms]
    known = [*((each.alarm, to_record(each.alarm)) for each in unsaid), *zip(alarms, records, strict=True)]
    states = {
        ALARM_KEY + alarm.id: None if alarm.state is AlarmState.NORMAL else record.body for alarm, record in known
    }
    store.append(records, states)


def keep_bookmark(store: Store, mark: Bookmark) -> None:
    """Store a bookmark: never before the messages that were appended before it."""
    store.append([], {f"{BOOKMARK_KEY}{mark.device}/{mark.key}": mark.value})


def _readable(stored: Mapping[str, bytes]) -> Iterator[Alarm]:
    """Yield the stored alarms; one that cannot be read is said and left out."""
    for key, body in stored.items():
        id_ = key.removeprefix(ALARM_KEY)
        try:
            yield alarm_of(Record(Stream.ALARM, id_, 0, 0, body))
        except BadRecord as error:
            log.error("alarm_unreadable", alarm=id_, reason=str(error))  # noqa: TRY400 - the disk's fault, not ours
