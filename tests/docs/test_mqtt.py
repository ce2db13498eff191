"""docs/mqtt.md against what a gateway really sends: every topic, every field, every word."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from detectors.config import build
from detectors.deviation.detector import KINDS
from detectors.deviation.story import Facts, tell
from detectors.model import Report
from detectors.pattern.config import PatternConfig
from detectors.stuck import StuckConfig
from gateway.core.alarms import Alarms
from gateway.core.messages import AlarmState, Summary
from gateway.core.steady import Steady
from gateway.store.record import Gap, GapReason, Stream
from gateway.uplink import commands, payload
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch, Event, EventKind, Frame, Quality, Tick
from protocols.point import Limits
from protocols.points import Points

PREFIX = "gridsentinel/nairobi-west/gw1/"
NAMED = {"devices": "DEVICE", "points": "POINT", "waiting": "STREAM", "last_seq": "STREAM", "dropped": "STREAM"}
"""Objects whose keys are names, and what docs/mqtt.md calls these."""


def fields(value: Any, path: str = "", named: str = "") -> Iterator[str]:
    """Yield `points.POINT.n` for every field; evidence, role and body are objects whose keys are told elsewhere."""
    if not isinstance(value, dict) or path in ("evidence", "body", "devices.DEVICE.points.POINT.role") or not value:
        yield path
        return
    for key, inner in value.items():
        step = named or key
        yield from fields(inner, f"{path}.{step}".lstrip("."), NAMED.get(key, "") if not named else "")


def documented(table: Any, topic: str) -> set[str]:
    return {row[0].strip("`") for row in table("mqtt.md", topic)}


def gap() -> dict[str, Any]:
    return json.loads(payload.gap(Gap(Stream.TELEMETRY, 3, 9, 1, 2, GapReason.BUDGET, 4, ((3, 9, 2),))))


def report() -> dict[str, Any]:
    return json.loads(payload.report(Report("asset", "t1", 1, {}), seq=1, historical=False))


def merged() -> dict[str, Any]:
    numbers, one = np.array([1.0]), np.array([1], np.uint32)
    window = Summary("feeder1", 0, 1, ("va",), one, numbers, numbers, numbers, numbers, np.zeros(1, np.uint16))
    return json.loads(payload.telemetry(window, seq=9, historical=True, merged=((3, 9, 2),)))


async def unstored():
    """Return the reply to a command that the disk did not take in time."""
    room = commands.Commands(alarms=lambda _: {}, gaps=None, rebirth=None, kept=asyncio.Event().wait)
    return {"v": 1, **await room.answer(b'{"id":"1","do":"ack","alarm":"a"}')}


async def test_every_field_that_is_sent_is_documented_and_none_else(said, table, monkeypatch):
    """Each table of docs/mqtt.md names exactly the fields of its messages."""
    sent = {
        topic: set().union(*(fields(message) for message in said.on(f"/{topic}")))
        for topic in ("status", "birth", "telemetry", "change", "alarm", "reply")
    }
    sent["gap"] = set(fields(gap()))
    sent["report"] = set(fields(report()))
    sent["telemetry"] |= set(fields(merged()))
    monkeypatch.setattr(commands, "KEPT_S", 0.01)
    sent["reply"] |= set(fields(await unstored()))

    assert {topic: sorted(documented(table, topic)) for topic in sent} == {
        topic: sorted(found) for topic, found in sent.items()
    }


async def test_topics_and_their_retain_flags_are_documented(said, table):
    """The table of topics names each topic that a gateway uses, and which are retained."""
    listed = {row[0].strip("`").split("/")[3]: row[1] for row in table("mqtt.md", "Topics")}
    used = {message.topic.removeprefix(PREFIX).split("/")[0] for message in said.messages}

    assert used | {"gap", "report"} == set(listed)
    assert {topic for topic, retained in listed.items() if retained == "yes"} == {"status", "birth"}


def test_examples_have_only_documented_fields(every_block, table):
    """Every JSON block of the page is a message of the topic above it."""
    topics = ("status", "birth", "telemetry", "change", "alarm", "report", "gap", "reply")
    known = {topic: documented(table, topic) for topic in topics} | {"command": documented(table, "command")}
    examples = [json.loads(block.text) for block in every_block if block.page == "mqtt.md" and block.language == "json"]

    assert len(examples) >= len(known)
    for example in examples:
        assert any(set(fields(example)) <= found for found in known.values()), example


def test_commands_of_all_pages_are_taken(every_block, table):
    """What a page tells an engineer to publish is a command, on the topic of commands."""
    shell = "".join(block.text for block in every_block if block.language == "sh").replace("\\\n", " ")
    found = re.findall(r"-t (\S+)\s+-m '(\{.*?\})'", shell)

    taken = [(topic, commands.parse(body.encode())) for topic, body in found]
    assert {command["do"] for _, command in taken} == {"ack", "shelve", "unshelve", "rebirth", "gaps"}
    assert {topic for topic, _ in taken} == {f"{PREFIX}command"}
    assert documented(table, "command") == set(commands._KEYS)


def test_quality_flags_are_documented(table):
    """Every flag with its number."""
    assert {row[1].strip("`"): int(row[0]) for row in table("mqtt.md", "Quality")} == {
        flag.name.lower(): flag.value for flag in Quality
    }


def test_states_and_reasons_are_documented(table):
    """Every state of an alarm and every reason of a gap."""
    assert {row[0].strip("`") for row in table("mqtt.md", "States of an alarm")} == {
        state.value for state in AlarmState
    }
    assert {row[0].strip("`") for row in table("mqtt.md", "Reasons of a gap")} == {reason.value for reason in GapReason}


def test_every_kind_of_alarm_is_documented(table):
    """Kind, detector, severity by default and evidence, as the detectors really say them."""
    made = (*findings(), *clock_findings(), *bank_findings())
    said = {(f.kind, f.detector, f.severity.value, ", ".join(sorted(f.evidence))) for f in made}

    listed = {
        (row[0].strip("`"), row[1].strip("`"), row[3], ", ".join(sorted(re.findall(r"`(\w+)`", row[4]))))
        for row in table("mqtt.md", "Kinds of alarms")
    }
    assert listed == said


def clock_findings() -> Iterator[Any]:
    """Set the gateway's own clock."""
    return iter(Steady().observe(Tick(1, 10**9)))


def bank_findings() -> Iterator[Any]:
    """Say of one value what the checks of single values say, without the hours that they learn for."""
    point = ModbusPoint(name="va", address="holding:1")
    points = Points.of([(ModbusDevice(name="d", protocol="modbus", url="tcp://h:1", points=(point,)), (point,))])
    facts = Facts(time_ns=1, actual=9, value=5, low=4, high=6, level=5, usual=0.1, still_s=90, longest=2)
    for kind in KINDS:
        yield tell(kind, points, 0, facts, active=True, score=1.0)
    yield PatternConfig().build(points)._finding(0, Frame(1, 1, np.zeros(1), np.ones(1, bool)), active=True)


def findings() -> Iterator[Any]:
    """Make one device do everything that a detector by default has an opinion of."""
    limits = Limits(low_low=1, low=2, high=8, high_high=9, rate_per_s=1)
    point = ModbusPoint(name="va", address="holding:1", limits=limits)
    device = ModbusDevice(name="d", protocol="modbus", url="tcp://h:1", points=(point,))
    points = Points.of([(device, (point,))])
    detectors = [each for group in build([StuckConfig(after_s=2)], points).values() for each in group]
    second = 1_000_000_000

    def reading(at_s: int, value: float) -> Batch:
        at = 100 * second + at_s * second
        return Batch(np.zeros(1, np.int32), np.array([value]), np.zeros(1, np.uint16), np.array([at]), at)

    def event(at_s: int, kind: EventKind) -> Event:
        return Event("d", kind, "said", (100 + at_s) * second, (0,))

    seen = [Tick(99 * second), event(0, EventKind.CONNECTED), reading(0, 5), reading(1, 0.5), reading(2, 9.5)]
    seen += [event(3, EventKind.REFUSED), *(reading(s, 9.5) for s in range(3, 7)), Tick(106 * second)]
    seen += [Tick((106 + s) * second) for s in range(1, 9)]
    seen += [event(20, EventKind.LOST), Tick(121 * second), Tick(123 * second)]
    alarms = Alarms(points)
    for each in seen:
        for detector in detectors:
            for finding in detector.observe(each):
                assert alarms.observe(finding) or not finding.active
                if finding.active:
                    yield finding
