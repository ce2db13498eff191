"""docs/mqtt.md against what a gateway really sends: every topic, every field, every word."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from desk import Desk
from trained import NAMES, lesson

from detectors.config import build
from detectors.cyber.check import shown
from detectors.cyber.checks import CHECKS
from detectors.deviation.detector import KINDS
from detectors.deviation.story import Facts, tell
from detectors.group.config import GroupConfig
from detectors.group.outlier import Outlier
from detectors.groups import Group
from detectors.model import Finding, Report, Severity
from detectors.pattern.config import PatternConfig
from detectors.replay.config import ReplayConfig
from detectors.stuck import StuckConfig
from detectors.tflite.config import LoadedModel, TfliteConfig
from gateway.core.alarms import Alarms
from gateway.core.messages import AlarmState, Summary
from gateway.core.steady import Steady
from gateway.store.record import Gap, GapReason, Stream
from gateway.uplink import commands, payload
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch, Event, EventKind, Frame, Quality, Tick
from protocols.point import DeviceConfig, Limits, PointConfig, Role
from protocols.points import Points
from protocols.sighting import Sighting

PREFIX = "gridsentinel/nairobi-west/gw1/"
NAMED = {
    "devices": "DEVICE",
    "points": "POINT",
    "waiting": "STREAM",
    "last_seq": "STREAM",
    "dropped": "STREAM",
    "active": "SEVERITY",
}
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
    said = {
        (f.kind, f.detector, f.severity.value, ", ".join(sorted(f.evidence)))
        for f in (
            *findings(),
            *clock_findings(),
            *physical_findings(),
            *annunciated(),
            *model_findings(),
            *supply_findings(),
            *forecast_findings(),
            *bank_findings(),
            *group_findings(),
            *replay_findings(),
        )
    } | {(check.NAME, "cyber", check.SEVERITY.value, "") for check in CHECKS}

    listed = {
        (row[0].strip("`"), row[1].strip("`"), row[3], ", ".join(sorted(re.findall(r"`(\w+)`", row[4]))))
        for row in table("mqtt.md", "Kinds of alarms")
    }
    assert listed == said


def test_the_evidence_of_cyber_alarms_is_documented(table):
    """What is seen of a sighting that has everything stands in the alarm, under these names."""
    seen = Sighting(
        "d",
        EventKind.COMMAND,
        "",
        1,
        (),
        "a",
        "b",
        502,
        "modbus",
        "5",
        2,
        {"items": (1, 2), "values": (3,)},
        b"\x05",
        live=True,
    )
    listed = {word for row in table("mqtt.md", "Evidence of cyber alarms") for word in re.findall(r"`(\w+)`", row[0])}

    assert listed == set(shown(seen))


def clock_findings() -> Iterator[Any]:
    """Set the gateway's own clock."""
    return iter(Steady().observe(Tick(1, 10**9)))


def physical_findings() -> Iterator[Any]:
    """Break what the roles of one feeder and its infeed make possible to check."""
    tags = {"va": "a", "vb": "b", "vc": "c"}
    feeder = [ModbusPoint(name=name, address="holding:1", unit="V", role=Role(quantity="voltage", phase=phase, bay="f"))
              for name, phase in tags.items()]  # fmt: skip
    roles = {
        "p": Role(bay="f", bus="b", quantity="active_power"), "i": Role(bay="f", bus="b", quantity="current", rating=9),
        "q": Role(bay="f", bus="b", quantity="reactive_power"),
        "pt": Role(bay="t", bus="b", transformer="t", quantity="active_power"),
    }  # fmt: skip
    units = {"p": "W", "q": "var", "i": "A", "pt": "W"}
    feeder += [ModbusPoint(name=name, address="holding:1", unit=units[name], role=role) for name, role in roles.items()]
    device = ModbusDevice(name="d", protocol="modbus", url="tcp://h:1", points=tuple(feeder))
    points = Points.of([(device, device.points)])
    detectors = [each for group in build([], points).values() for each in group]
    values = np.array([230.0, 230.0, 180.0, 9000.0, 10.0, 0.0, 5000.0])
    for at_s in (1, 2, 3):
        now_ns = at_s * 1_000_000_000
        frame = Frame(now_ns, now_ns, values, np.ones(len(values), bool))
        yield from (
            found for detector in detectors for found in detector.observe(frame) if not isinstance(found, Report)
        )


def annunciated() -> Iterator[Any]:
    """Let a bus lose its voltage, and more come than anybody can take."""
    desk = Desk(flood_count=1, flood_end_count=1)
    desk.position(0.0)
    for label in ("f1.va", "f1.ia", "f2.ia"):
        desk.find(label, kind="limit_low", actual=0.0, expected=1.0)
    return (alarm for alarm in desk.heard if alarm.detector != "limits")


def model_findings() -> Iterator[Any]:
    """Let a model see what does not fit together."""
    learned = lesson(600)
    points = Points.of([(DeviceConfig(name="f1"), tuple(PointConfig(name=name) for name in NAMES))])
    section = TfliteConfig(model_file=Path("feeder.tflite"), threshold=learned.threshold, on_delay_s=0)
    config = LoadedModel.of(section, learned.model, inputs=len(NAMES), outputs=len(NAMES))
    yield from config.build(points).observe(Frame(1, 1, np.full(len(NAMES), 1e6), np.ones(len(NAMES), bool)))


def plant(quantity: str, values: Sequence[float], *, every_s: int, **role: Any) -> Iterator[Any]:
    """Yield what the checks that are always at work find about one point of `quantity`, a frame every few seconds."""
    point = ModbusPoint(name="x", address="holding:1", role=Role(bay="b", quantity=quantity, **role))
    device = ModbusDevice(name="d", protocol="modbus", url="tcp://h:1", points=(point,))
    detectors = [each for group in build((), Points.of([(device, (point,))])).values() for each in group]
    for k, value in enumerate(values):
        at = 1_700_000_000_000_000_000 + k * every_s * 1_000_000_000
        frame = Frame(at, at, np.array([float(value)]), np.ones(1, np.bool_))
        said = (said for detector in detectors for said in detector.observe(frame))
        yield from (finding for finding in said if isinstance(finding, Finding) and finding.active)


def supply_findings() -> Iterator[Any]:
    """Leave every band, and lose the supply."""
    yield from plant("voltage", [230, 100, 100, 0, 0], every_s=600, rating=230)
    yield from plant("frequency", [50, 40, 40], every_s=10, rating=50)


def forecast_findings() -> Iterator[Any]:
    """Let a load with a daily curve drop after three weeks."""
    curve = [10 + k % 24 + k * 37 % 11 / 10 for k in range(21 * 24)]
    yield from plant("active_power", [*curve, *[1.0] * 5], every_s=3600)


def group_findings() -> Iterator[Any]:
    """Say of a bay that it does not fit together, without the day that it is learned for."""
    named = tuple(PointConfig(name=name) for name in ("va", "vb", "vc"))
    points = Points.of([(DeviceConfig(name="d"), named)])
    group = Group("d", "d", np.arange(3, dtype=np.int32))
    odd = Outlier(group, score=2.0, severity=Severity(GroupConfig().severity), time_ns=1, relearning=False)
    yield odd.begin(points, np.ones(3), np.array([0.8, 0.1, 0.1]), np.zeros(3))


def replay_findings() -> Iterator[Any]:
    """Let a bay tell noise, and then what it told before."""
    named = tuple(PointConfig(name=name) for name in ("va", "vb", "vc"))
    detector = ReplayConfig().build(Points.of([(DeviceConfig(name="d"), named)]))
    noise = np.random.default_rng(1).standard_normal((500, 3))
    for second, values in enumerate([*noise, *noise[200:240]]):
        at = 1_700_000_000_000_000_000 + second * 1_000_000_000
        found = detector.observe(Frame(at, at, values, np.ones(3, np.bool_)))
        yield from (finding for finding in found if finding.active)


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
