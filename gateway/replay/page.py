"""The story of a replay for people: what would have been raised, in order, then each alarm once; or as JSON lines."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from gateway.core.messages import Alarm
from gateway.replay.run import Replay
from gateway.replay.story import Group, Story
from gateway.store.words import encode

LINES = 40
"""Single alarms on the page; --json has them all."""
NS = 1_000_000_000


def page(story: Story, replay: Replay, other: tuple[str, Story] | None) -> str:
    """Return the page. `other` is what there was otherwise, and its story."""
    told = [*_single(story), "", *_grouped(story)] if story.count else []
    return "\n".join([*told, verdict(story, other), _seen(replay), *(f"note: {note}" for note in replay.source.notes)])


def verdict(story: Story, other: tuple[str, Story] | None) -> str:
    """Return how many alarms there would have been, and instead of how many."""
    said = f"{_count(story.count, 'alarm')} of {len(story.groups())} kinds and places" if story.count else "0 alarms"
    if other is None:
        return said
    where, before = other
    return f"{said} instead of {before.count} ({where})"


def line(alarm: Alarm) -> str:
    """Return one alarm message as a line of JSON: the same message, the same bytes."""
    told = {field.name: getattr(alarm, field.name) for field in fields(alarm)}
    return encode({"time": iso(alarm.last_ns), **told}).decode()


def summary(story: Story, replay: Replay, other: tuple[str, Story] | None) -> str:
    """Return the last line of the JSON."""
    told: Mapping[str, Any] = {
        "alarms": story.count,
        "instead_of": None if other is None else other[1].count,
        "groups": {group.worst.id: group.times for group in story.groups()},
        "readings": replay.readings,
        "from": iso(replay.first_ns),
        "to": iso(replay.last_ns),
        "notes": replay.source.notes,
    }
    return json.dumps({"summary": told}, separators=(",", ":"))


def iso(time_ns: int) -> str:
    """Return UTC to the millisecond, as the messages upstream have it."""
    return (
        datetime.fromtimestamp(time_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{time_ns % NS // 1_000_000:03d}Z"
    )


def _single(story: Story) -> Iterator[str]:
    for each in story.raised[:LINES]:
        end = f"{(each.until_ns - each.from_ns) / NS:.0f} s" if each.until_ns else "to the end"
        yield f"{_short(each.from_ns)}  {each.alarm.severity.value:9}  {each.alarm.text}{_who(each.alarm)}  ({end})"
    if story.count > LINES:
        yield f"… and {story.count - LINES} more; --json tells them all"


def _who(alarm: Alarm) -> str:
    """Return who did it to whom, where the text does not say it, and the technique of the attacker."""
    ends = [str(end) for key in ("source", "target") if (end := alarm.evidence.get(key)) and str(end) not in alarm.text]
    told = [" > ".join(ends), alarm.technique or ""] if alarm.technique or "source" in alarm.evidence else []
    return "".join(f"  {word}" for word in told if word)


def _grouped(story: Story) -> Iterator[str]:
    yield "times  active     severity   alarm"
    for group in story.groups()[:LINES]:
        yield f"{group.times:5}  {_active(group):9}  {group.worst.severity.value:9}  {group.worst.id}"


def _active(group: Group) -> str:
    seconds = group.active_ns / NS
    told = (
        f"{seconds:.0f} s"
        if seconds < 600
        else f"{seconds / 60:.0f} min"
        if seconds < 36_000
        else f"{seconds / 3600:.0f} h"
    )
    return f"{told} +" if group.open else told


def _seen(replay: Replay) -> str:
    if not replay.readings:
        return "the recording has no reading of the configured points in this time"
    span = f"{_short(replay.first_ns)} to {_short(replay.last_ns)} UTC"
    return f"{_count(replay.readings, 'reading')} at {_count(replay.moments, 'moment')}, {span}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(time_ns: int) -> str:
    return iso(time_ns)[:19].replace("T", " ")
